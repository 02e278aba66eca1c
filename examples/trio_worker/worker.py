"""A small worker on Trio, with metrics; it tries each job up to three times."""

from collections.abc import Awaitable, Callable
from typing import Final

import trio
from datadog.dogstatsd.base import DogStatsd

TRIES: Final = 3
PAUSE_SECONDS: Final = 5.0

Job = Callable[[], Awaitable[None]]


async def work(jobs: trio.MemoryReceiveChannel[Job], statsd: DogStatsd) -> None:
    """Run each of *jobs* until it succeeds or has failed `TRIES` times."""
    async with jobs:
        async for job in jobs:
            statsd.gauge("jobs.waiting", jobs.statistics().current_buffer_used)
            began = trio.current_time()
            outcome = await _run_patiently(job, statsd)
            statsd.increment("jobs.done", tags=[f"outcome:{outcome}"])
            statsd.timing("jobs.took", (trio.current_time() - began) * 1000)


async def _run_patiently(job: Job, statsd: DogStatsd) -> str:
    for number in range(1, TRIES + 1):
        try:
            await job()
        except OSError:
            statsd.increment("jobs.failed_tries")
        else:
            return "success"
        if number < TRIES:
            await trio.sleep(PAUSE_SECONDS)
    return "failure"
