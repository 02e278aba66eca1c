import errno
import logging

import pytest
import trio
from delivery_harness import check_identity
from snapshots import make_snapshot
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.ledger import SinkLedger
from statsd_trio.sinks.memory import MemorySink
from statsd_trio.sinks.sink import SinkError
from statsd_trio.sinks.sink_caller import SinkCaller
from statsd_trio.sinks.sink_runner import SinkRunner


class SlowSink:
    """Takes ten seconds for a snapshot."""

    def __init__(self) -> None:
        self.started: list[Snapshot] = []
        self.ended: list[Snapshot] = []

    async def __call__(self, snapshot: Snapshot, /) -> None:
        self.started.append(snapshot)
        await trio.sleep(10)
        self.ended.append(snapshot)


async def test_every_snapshot_reaches_the_sink_in_order(nursery: trio.Nursery) -> None:
    memory = MemorySink()
    runner = SinkRunner(SinkCaller("memory", memory))
    nursery.start_soon(runner.run)
    for number in range(5):
        runner.put_nowait(make_snapshot(number))
    await runner.join()
    assert [s.time for s in memory.snapshots] == [
        make_snapshot(number).time for number in range(5)
    ]


async def test_delivered_points_are_counted(nursery: trio.Nursery) -> None:
    runner = SinkRunner(SinkCaller("memory", MemorySink()))
    nursery.start_soon(runner.run)
    runner.put_nowait(make_snapshot(series=3))
    assert runner.ledgers()[0].pending == 3
    await runner.join()
    assert runner.ledgers()[0].delivered == 3


async def test_raising_sink_loses_only_its_snapshot(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    taken: list[Snapshot] = []

    async def sink(snapshot: Snapshot, /) -> None:
        await trio.lowlevel.checkpoint()
        if not taken:
            taken.append(snapshot)
            raise ZeroDivisionError
        taken.append(snapshot)

    runner = SinkRunner(SinkCaller("mine", sink))
    nursery.start_soon(runner.run)
    runner.put_nowait(make_snapshot(0, series=2))
    runner.put_nowait(make_snapshot(1, series=3))
    await runner.join()
    (ledger,) = runner.ledgers()
    assert ledger.refused == {"ZeroDivisionError": 2}
    assert ledger.delivered == 3
    check_identity(ledger)
    assert [r.levelno for r in caplog.records] == [logging.ERROR]


async def test_slow_sink_loses_its_oldest_and_counts_them(
    nursery: trio.Nursery, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    sink = SlowSink()
    runner = SinkRunner(SinkCaller("slow", sink), max_snapshots=2)
    nursery.start_soon(runner.run)
    runner.put_nowait(make_snapshot(0))
    await wait_all_tasks_blocked()
    for number in range(1, 5):
        runner.put_nowait(make_snapshot(number))
    check_identity(*runner.ledgers())
    await runner.join()
    assert runner.ledgers()[0].evicted == 2
    assert sink.ended == [make_snapshot(0), make_snapshot(3), make_snapshot(4)]
    check_identity(*runner.ledgers())
    assert "too slow" in caplog.text


async def test_stop_interrupts_no_call_and_delivers_the_rest(
    autojump_clock: MockClock,
) -> None:
    sink = SlowSink()
    runner = SinkRunner(SinkCaller("slow", sink))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(runner.run)
        runner.put_nowait(make_snapshot(0))
        runner.put_nowait(make_snapshot(1))
        await trio.sleep(5)
        runner.close(60)
    assert sink.started == sink.ended == [make_snapshot(0), make_snapshot(1)]


async def test_stop_delivers_what_was_put_just_before(
    autojump_clock: MockClock,
) -> None:
    sink = SlowSink()
    runner = SinkRunner(SinkCaller("slow", sink))
    runner.put_nowait(make_snapshot())
    runner.close(60)
    await runner.run()
    assert sink.ended == [make_snapshot()]


async def test_what_is_left_when_time_is_up_is_abandoned(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    runner = SinkRunner(SinkCaller("slow", SlowSink()))
    for number in range(3):
        runner.put_nowait(make_snapshot(number))
    runner.close(15)
    start = trio.current_time()
    await runner.run()
    assert trio.current_time() - start == 15
    (ledger,) = runner.ledgers()
    assert (ledger.delivered, ledger.abandoned, ledger.pending) == (1, 2, 0)
    check_identity(ledger)
    assert "abandoned 2 points" in caplog.text


async def test_cancel_abandons_what_is_left(autojump_clock: MockClock) -> None:
    runner = SinkRunner(SinkCaller("slow", SlowSink()))
    runner.put_nowait(make_snapshot(0, series=2))
    runner.put_nowait(make_snapshot(1, series=3))
    with trio.move_on_after(5):
        await runner.run()
    (ledger,) = runner.ledgers()
    assert (ledger.abandoned, ledger.pending) == (5, 0)
    check_identity(ledger)


class FailingSink:
    """Raises what it is told, as long as it is told."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error
        self.calls = 0

    async def __call__(self, snapshot: Snapshot, /) -> None:
        await trio.lowlevel.checkpoint()
        self.calls += 1
        if self.error is not None:
            raise self.error


async def put(runner: SinkRunner, snapshot: Snapshot) -> SinkLedger:
    runner.put_nowait(snapshot)
    await runner.join()
    (ledger,) = runner.ledgers()
    return ledger


async def test_what_arrived_before_an_error_counts_as_delivered(
    nursery: trio.Nursery,
) -> None:
    sink = FailingSink(SinkError("full", reason="ENOSPC", delivered=2))
    runner = SinkRunner(SinkCaller("mine", sink))
    nursery.start_soon(runner.run)

    ledger = await put(runner, make_snapshot(series=5))

    assert (ledger.delivered, ledger.refused) == (2, {"ENOSPC": 3})
    check_identity(ledger)


async def test_sink_that_cannot_write_fails_since_a_time_until_it_can(
    nursery: trio.Nursery,
) -> None:
    sink = FailingSink(OSError(errno.EIO, "broken", "/disk/file"))
    times = iter([11.0, 12.0])
    runner = SinkRunner(SinkCaller("mine", sink, wall_clock=lambda: next(times)))
    nursery.start_soon(runner.run)

    await put(runner, make_snapshot(0))
    ledger = await put(runner, make_snapshot(1))
    assert (ledger.failing_since, ledger.failure) == (11.0, "/disk/file: broken")

    sink.error = None
    # Nothing was tried for a snapshot that holds nothing.
    ledger = await put(runner, Snapshot(0, 10))
    assert ledger.failing_since == 11.0
    ledger = await put(runner, make_snapshot(2))
    assert (ledger.failing_since, ledger.failure) == (None, "")


@pytest.mark.parametrize(
    "error", [SinkError("full", reason="ENOSPC"), OSError(errno.EIO, "broken")]
)
async def test_failure_outside_the_program_is_one_line_a_while(
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    runner = SinkRunner(SinkCaller("mine", FailingSink(error)))
    nursery.start_soon(runner.run)

    for _ in range(3):
        await put(runner, make_snapshot(series=2))
    await trio.sleep(10)
    await put(runner, make_snapshot())
    await put(runner, make_snapshot())
    runner.close(60)
    await wait_all_tasks_blocked()

    told = [record.getMessage().rpartition("; ")[2] for record in caplog.records]
    assert told == ["2 points lost", "5 points lost", "1 point lost"]
    assert all(record.exc_info is None for record in caplog.records)


async def test_words_of_an_error_are_in_the_log_alone(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    runner = SinkRunner(SinkCaller("mine", FailingSink(ValueError("password"))))
    nursery.start_soon(runner.run)

    ledger = await put(runner, make_snapshot())

    assert ledger.failure == "the sink raised ValueError"
    assert "password" in caplog.text


async def test_sink_that_is_over_ends_the_run_and_refuses_what_comes() -> None:
    sink = FailingSink(SinkError("gone", reason="EPIPE", is_final=True))
    runner = SinkRunner(SinkCaller("mine", sink))
    for number in range(3):
        runner.put_nowait(make_snapshot(number))

    await runner.run()
    ledger = await put(runner, make_snapshot(3))

    assert sink.calls == 1
    assert ledger.refused == {"EPIPE": 4}
    check_identity(ledger)
