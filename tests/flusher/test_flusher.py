from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

import pytest
import trio
from trio.testing import MockClock

from statsd_trio.aggregation.snapshot import Point, Series, SeriesType, Snapshot
from statsd_trio.aggregation.warnings import EngineFailure, Warned
from statsd_trio.flusher import Flusher
from statsd_trio.ledger import SinkLedger
from statsd_trio.pace import Pace

EPOCH = 1_700_000_000  # an edge of ten seconds


class StubDestination:
    """Remembers what it is given."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []

    def ledgers(self) -> tuple[SinkLedger, ...]:
        return ()

    def put_nowait(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    async def run(self) -> None:
        await trio.sleep_forever()

    async def join(self) -> None:
        await trio.lowlevel.checkpoint()

    def close(self, seconds: float) -> None:
        pass


class StubSource:
    """A snapshot that takes some steps to build."""

    def __init__(self, snapshot: Snapshot, on_step: Callable[[], None]) -> None:
        self.snapshot = snapshot
        self.warnings: tuple[Warned, ...] = ()
        self._on_step = on_step

    def build(self) -> Iterator[None]:
        for _ in range(3):
            self._on_step()
            yield


class WallClock:
    """Unix time that follows Trio's clock, until it is set."""

    def __init__(self, start: float = EPOCH) -> None:
        self._start = start

    def __call__(self) -> float:
        return self._start + trio.current_time()

    def step(self, seconds: float) -> None:
        self._start += seconds


def open_flusher(
    destination: StubDestination,
    wall_clock: Callable[[], float],
    describe_self: Callable[[int], tuple[Series, ...]] = lambda _: (),
    on_step: Callable[[], None] = lambda: None,
) -> Flusher:
    def take_snapshot(*, include_open: bool, final: bool) -> StubSource:
        snapshot = Snapshot(time=round(wall_clock()), interval_seconds=10)
        return StubSource(snapshot, on_step)

    return Flusher(
        take_snapshot,
        [destination],
        interval_seconds=10,
        wall_clock=wall_clock,
        describe_self=describe_self,
        report=lambda: None,
        # A clock on which every look is after the deadline.
        pace=Pace(partial(next, count())),
    )


async def test_flushes_on_the_edges_of_buckets(autojump_clock: MockClock) -> None:
    destination = StubDestination()
    flusher = open_flusher(destination, WallClock(EPOCH + 3.7))
    with trio.move_on_after(25):
        await flusher.run()
    assert [s.time - EPOCH for s in destination.snapshots] == [10, 20]


async def test_wall_clock_set_back_delays_no_flush(autojump_clock: MockClock) -> None:
    destination = StubDestination()
    wall_clock = WallClock()
    flusher = open_flusher(destination, wall_clock)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        await trio.sleep(5)
        wall_clock.step(-3600)
        await trio.sleep(31)
        nursery.cancel_scope.cancel()
    assert len(destination.snapshots) >= 3


async def test_wall_clock_set_forward_flushes_no_later(
    autojump_clock: MockClock,
) -> None:
    destination = StubDestination()
    wall_clock = WallClock()
    flusher = open_flusher(destination, wall_clock)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        await trio.sleep(5)
        wall_clock.step(3600)
        await trio.sleep(6)
        nursery.cancel_scope.cancel()
    assert len(destination.snapshots) == 1


async def test_cancel_does_not_lose_a_snapshot_once_taken() -> None:
    destination = StubDestination()
    with trio.CancelScope() as scope:
        flusher = open_flusher(destination, lambda: EPOCH, on_step=scope.cancel)
        await flusher.flush()
    assert len(destination.snapshots) == 1


async def test_own_metrics_join_flushes_on_the_edge_and_the_last() -> None:
    series = Series("statsd_trio.lines", SeriesType.GAUGE, (Point(EPOCH, 1.0),))
    destination = StubDestination()
    flusher = open_flusher(destination, lambda: EPOCH, lambda _: (series,))
    await flusher.flush()
    await flusher.flush(include_open=True)
    await flusher.flush(include_open=True, final=True)
    assert [len(s.series) for s in destination.snapshots] == [1, 0, 1]


async def test_building_a_snapshot_lets_others_run() -> None:
    flusher = open_flusher(StubDestination(), lambda: EPOCH)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        await trio.lowlevel.checkpoint()
        before = turns
        await flusher.flush()
        assert turns - before >= 2
        nursery.cancel_scope.cancel()


async def test_silence_lasts_from_the_start_and_from_each_flush(
    autojump_clock: MockClock,
) -> None:
    flusher = open_flusher(StubDestination(), WallClock())
    assert flusher.measure_silence() == 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        await trio.sleep(7)
        assert flusher.measure_silence() == pytest.approx(7)
        await trio.sleep(5)
        assert flusher.measure_silence() == pytest.approx(2)
        nursery.cancel_scope.cancel()


async def test_an_engine_that_broke_off_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = StubSource(Snapshot(EPOCH, 10), lambda: None)
    source.warnings = (EngineFailure("native 1.0", "index out of bounds"),)
    flusher = Flusher(
        lambda **_: source,
        [],
        interval_seconds=10,
        wall_clock=lambda: EPOCH,
        describe_self=lambda _: (),
        report=lambda: None,
        pace=Pace(),
    )
    await flusher.flush()
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "'native 1.0' failed (index out of bounds)" in record.message
