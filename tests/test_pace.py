from collections.abc import Iterator
from functools import partial
from itertools import count

import trio

from statsd_trio.pace import SLICE_SECONDS, Pace


def step(times: int) -> Iterator[None]:
    for _ in range(times):
        yield


async def count_rests(pace: Pace, steps: int) -> int:
    rests = [0]

    def note_rest() -> None:
        rests[0] += 1

    await pace.run(step(steps), note_rest)
    return rests[0]


async def test_work_within_a_slice_lets_nobody_wait_for_others() -> None:
    assert await count_rests(Pace(lambda: 0.0), 1000) == 0


async def test_others_run_whenever_a_slice_is_used_up() -> None:
    # Each look at the clock finds a third of a slice gone.
    clock = count(0.0, SLICE_SECONDS / 3)
    rests = await count_rests(Pace(partial(next, clock)), 30)
    assert 7 <= rests <= 10


async def test_others_run_meanwhile() -> None:
    pace = Pace(partial(next, count()))
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        await pace.run(step(20))
        nursery.cancel_scope.cancel()
    assert turns >= 10


async def test_a_slice_begins_anew_after_others_could_run() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    now = 1.0
    assert pace.is_over()
    pace.begin()
    assert not pace.is_over()
    now = 2.0
    await pace.rest()
    assert not pace.is_over()
