import math

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.sinks.stop_time import StopTime


async def sleep_within(
    stop: StopTime, ends: list[float], part: float, extra_seconds: float
) -> None:
    with stop.limit(part=part, extra_seconds=extra_seconds):
        await trio.sleep_forever()
    ends.append(trio.current_time())


@pytest.mark.parametrize("is_begun", [False, True])
async def test_each_block_has_its_part_of_the_time(
    nursery: trio.Nursery, autojump_clock: MockClock, is_begun: bool
) -> None:
    stop = StopTime()
    ends: list[float] = []
    start = trio.current_time()
    if is_begun:
        stop.begin(10)
    for part, extra_seconds in ((0.8, 0.0), (1.0, 0.0), (1.0, 0.5)):
        nursery.start_soon(sleep_within, stop, ends, part, extra_seconds)
    if not is_begun:
        await trio.sleep(5)
        start = trio.current_time()
        stop.begin(10)
    await trio.sleep(20)
    assert [end - start for end in ends] == [8, 10, 10.5]


async def test_a_block_is_not_limited_before_the_stop(
    autojump_clock: MockClock,
) -> None:
    with StopTime().limit() as scope:
        await trio.sleep(10**6)
    assert scope.deadline == math.inf


async def test_nothing_begins_once_there_is_no_time(nursery: trio.Nursery) -> None:
    stop = StopTime()
    lot = trio.lowlevel.ParkingLot()
    begun: list[str] = []

    async def begin_when_woken() -> None:
        with stop.limit():
            await lot.park()
            begun.append("something")

    nursery.start_soon(begin_when_woken)
    await wait_all_tasks_blocked()
    stop.begin(0)
    lot.unpark_all()
    await wait_all_tasks_blocked()
    assert begun == []


async def test_extra_seconds_are_left_when_the_time_is_over(
    autojump_clock: MockClock,
) -> None:
    stop = StopTime()
    stop.begin(0)
    with stop.limit() as limited:
        with stop.limit(extra_seconds=1, shield=True) as shielded:
            await trio.sleep(0.5)
        await trio.lowlevel.checkpoint()
    assert (limited.cancelled_caught, shielded.cancelled_caught) == (True, False)
