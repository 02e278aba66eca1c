"""A user's tests, to be read by type checkers and never run."""

from collections.abc import Sequence

import trio

from pytest_statsd_trio.fixture import AsyncDogStatsd, DogStatsd
from statsd_trio import Snapshot


def test_checkout(dogstatsd: DogStatsd) -> None:
    dogstatsd.assert_counter("checkout.completed", 1, tags={"env": "test"})
    dogstatsd.assert_counter("checkout.completed", of=1)  # type: ignore[call-arg]
    lines: list[str] = dogstatsd.snapshot(mask=["*.ms"]).splitlines()
    assert lines, dogstatsd.url


async def test_worker(dogstatsd_async: AsyncDogStatsd, nursery: trio.Nursery) -> None:
    nursery.start_soon(dogstatsd_async.assert_none)
    await dogstatsd_async.assert_gauge("jobs.waiting", timeout=60)
    dogstatsd_async.assert_none()  # type: ignore[unused-coroutine]
    text: str = await dogstatsd_async.snapshot()
    snapshots: Sequence[Snapshot] = dogstatsd_async.flushed
    assert text, snapshots
