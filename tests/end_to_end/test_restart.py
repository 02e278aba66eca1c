"""What one server sends, the next one on the same host does not send again."""

import itertools
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from statsd_trio import Config, Server, serve
from statsd_trio.aggregation.snapshot import Series, Sketch, Snapshot
from statsd_trio.sinks.memory import MemorySink

LINES = b"hits:1|c\nload:2|g\nusers:a|s\ntimes:5|ms\nsizes:7|d"


def count_stamps(snapshots: list[Snapshot]) -> Counter[tuple[str, int]]:
    """Count the points of each series and second."""
    metrics = [
        metric
        for snapshot in snapshots
        for metric in itertools.chain[Series | Sketch](
            snapshot.series, snapshot.sketches
        )
    ]
    return Counter(
        (metric.name, point.timestamp) for metric in metrics for point in metric.points
    )


# Seconds within an interval of ten at which one server stops; the next starts a second
# later.
@pytest.mark.parametrize("stops_at", [1.0, 4.5, 8.9, 9.5, 13.0])
async def test_a_restart_repeats_no_stamp(
    autojump_clock: MockClock,
    memory: MemorySink,
    wall_clock: Callable[[], float],
    add_up: Callable[[list[Snapshot], str], float],
    stops_at: float,
) -> None:
    config = Config(host="127.0.0.1", port=0, hostname="here")
    began = wall_clock()
    for turn in range(4):
        async with trio.open_nursery() as nursery:
            server: Server = await nursery.start(
                partial(serve, config, sinks=[memory], wall_clock=wall_clock)
            )
            server.submit(LINES)
            # Sent early, so that the next one goes ahead.
            if turn % 2:
                await server.flush()
                server.submit(LINES)
            await trio.sleep(stops_at)
            nursery.cancel_scope.cancel()
        await trio.sleep(1)
    stamps = count_stamps(memory.snapshots)
    assert {name for name, _ in stamps} >= {"hits", "times.max", "sizes"}
    assert {name for name, _ in stamps} >= {"statsd_trio.contexts"}
    assert {stamp: count for stamp, count in stamps.items() if count > 1} == {}
    assert add_up(memory.snapshots, "hits") == pytest.approx(6)
    assert min(stamp for _, stamp in stamps) >= began


async def test_the_first_interval_starts_with_the_server(
    autojump_clock: MockClock,
    nursery: trio.Nursery,
    memory: MemorySink,
    wall_clock: Callable[[], float],
) -> None:
    began = int(wall_clock())
    await trio.sleep(3.7)
    config = Config(host="127.0.0.1", port=0)
    server: Server = await nursery.start(
        partial(serve, config, sinks=[memory], wall_clock=wall_clock)
    )
    await trio.sleep(4)
    server.submit(b"hits:5|c")
    await trio.sleep(15)
    hits = [
        (point.timestamp - began, point.value)
        for snapshot in memory.snapshots
        for series in snapshot.series
        if series.name == "hits"
        for point in series.points
    ]
    # A zero for the interval after it, as for any counter.
    assert hits == [(3, 0.5), (10, 0.0)]
