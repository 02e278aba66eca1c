"""Test the worker's metrics in its own loop, on virtual time; no test sleeps."""

import trio
import trio.lowlevel
from datadog.dogstatsd.base import DogStatsd
from trio.testing import MockClock
from worker import Job, work

from pytest_statsd_trio import AsyncDogStatsd


async def succeed() -> None:
    await trio.sleep(2)


async def fail() -> None:
    await trio.lowlevel.checkpoint()
    raise OSError


async def run_worker(nursery: trio.Nursery, *jobs: Job) -> None:
    async def run() -> None:
        # Made here, where the environment points at the test's server.
        statsd = DogStatsd()
        try:
            await work(receive, statsd)
        finally:
            statsd.close_socket()

    send, receive = trio.open_memory_channel[Job](len(jobs))
    nursery.start_soon(run)
    async with send:
        for job in jobs:
            send.send_nowait(job)


async def test_job_that_succeeds_is_timed(
    dogstatsd_async: AsyncDogStatsd, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await run_worker(nursery, succeed)
    await dogstatsd_async.assert_timing("jobs.took", values=[2000], timeout=60)
    await dogstatsd_async.assert_counter("jobs.done", 1, tags={"outcome": "success"})
    await dogstatsd_async.assert_none("jobs.failed_tries")


async def test_job_that_fails_is_tried_three_times(
    dogstatsd_async: AsyncDogStatsd, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await run_worker(nursery, fail)
    await dogstatsd_async.assert_counter(
        "jobs.done", 1, tags={"outcome": "failure"}, timeout=60
    )
    await dogstatsd_async.assert_counter("jobs.failed_tries", 3)
    await dogstatsd_async.assert_timing("jobs.took", values=[10_000])


async def test_buckets_are_those_of_virtual_time(
    dogstatsd_async: AsyncDogStatsd, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await run_worker(nursery, *[succeed] * 10)
    await trio.sleep(31)
    assert [
        series.points[0].value * series.interval_seconds
        for snapshot in dogstatsd_async.flushed
        for series in snapshot.series
        if series.name == "jobs.done"
    ] == [4, 5, 1]
