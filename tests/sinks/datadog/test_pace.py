"""How long the event loop is held, in this thread's own time."""

import gc
import time
from collections.abc import Generator
from pathlib import Path

import pytest
import trio
from snapshots import make_series, make_sketch
from trio.testing import MockClock

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.sinks.console import ConsoleSink
from statsd_trio.sinks.jsonl import JsonLinesSink
from statsd_trio.sinks.sink_caller import SinkCaller
from statsd_trio.sinks.sink_runner import SinkRunner
from tests.sinks.datadog.conftest import DatadogHarness

# Far above what a slice takes, since a machine may be slow, and far below what the
# whole would.
MAX_SECONDS = 0.020


class LongestStep(trio.abc.Instrument):
    """Notes the longest time that a task ran without a checkpoint.

    Attributes:
        seconds: of processor time, which other processes do not lengthen.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._started = time.thread_time()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._started = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.seconds = max(self.seconds, time.thread_time() - self._started)


@pytest.fixture
def large_snapshot() -> Generator[list[Snapshot]]:
    """In a list, so that whoever takes it out holds the only reference."""
    series = tuple(
        make_series(f"metric.{number}", tags=(f"user:{number}", "env:test"))
        for number in range(10_000)
    )
    gc.disable()
    yield [
        Snapshot(
            1_700_000_000,
            10,
            series=(*series, make_series("history", points=10_000)),
            sketches=tuple(make_sketch(bins=1000) for _ in range(100)),
        )
    ]
    gc.enable()


@pytest.mark.parametrize("compression", ["zstd", "deflate", "none"])
async def test_large_snapshot_never_holds_the_loop_for_long(
    harness: DatadogHarness,
    large_snapshot: list[Snapshot],
    autojump_clock: MockClock,
    compression: str,
) -> None:
    destination = harness.open(compression=compression)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(destination.run)
        destination.put_nowait(large_snapshot.pop())
        longest = LongestStep()
        trio.lowlevel.add_instrument(longest)
        destination.close(60)
        await destination.join()
        trio.lowlevel.remove_instrument(longest)
    assert destination.ledgers()[0].delivered == 10_000 + 10_000 + 100
    assert longest.seconds < MAX_SECONDS


@pytest.mark.parametrize("kind", ["console", "jsonl"])
async def test_written_snapshot_never_holds_the_loop_for_long(
    large_snapshot: list[Snapshot], kind: str, tmp_path: Path
) -> None:
    with (tmp_path / "out").open("w") as stream:
        sink = ConsoleSink(stream) if kind == "console" else None
        runner = SinkRunner(
            SinkCaller(kind, sink or JsonLinesSink(tmp_path / "out.jsonl"))
        )
        runner.put_nowait(large_snapshot.pop())
        longest = LongestStep()
        trio.lowlevel.add_instrument(longest)
        runner.close(60)
        await runner.run()
        trio.lowlevel.remove_instrument(longest)
    assert runner.ledgers()[0].delivered > 10_000
    assert longest.seconds < MAX_SECONDS
