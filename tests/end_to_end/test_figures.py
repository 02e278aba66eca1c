"""What a server makes of lines: the figures of one interval, and what it dropped.

The cases say nothing of how the server works inside. Each is tried with lines that the
server sees for the first time, and with lines that it knows.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from statsd_trio import Config, Ledger, Server, serve
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.sinks.memory import MemorySink

VECTORS = Path(__file__).parent.parent / "vectors" / "figures"

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted(VECTORS.glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))
]


def list_series(snapshot: Snapshot, start: int) -> dict[str, dict[str, Any]]:
    """List the series of the interval that began at *start*, as the cases do."""
    listed: dict[str, dict[str, Any]] = {}
    for series in snapshot.series:
        values = [point.value for point in series.points if point.timestamp == start]
        if values:
            (value,) = values
            described = {"type": series.type.name.lower(), "value": value}
            if series.unit:
                described["unit"] = series.unit
            listed[series.name] = described
    return listed


def list_sketches(snapshot: Snapshot, start: int) -> dict[str, dict[str, Any]]:
    """List the sketches of the interval that began at *start*, as the cases do."""
    return {
        sketch.name: {
            "count": point.count,
            "min": point.min,
            "max": point.max,
            "sum": point.sum,
            "average": point.average,
            "keys": list(point.keys),
            "counts": list(point.counts),
        }
        for sketch in snapshot.sketches
        for point in sketch.points
        if point.timestamp == start
    }


def describe_change(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    change = {reason: after[reason] - before.get(reason, 0) for reason in after}
    return {reason: count for reason, count in change.items() if count}


def approximate(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
        for name, value in values.items()
    }


@pytest.mark.parametrize("times_before", [0, 3])
@pytest.mark.parametrize("case", CASES)
async def test_lines_become_the_figures_of_the_vector(
    autojump_clock: MockClock,
    nursery: trio.Nursery,
    memory: MemorySink,
    wall_clock: Callable[[], float],
    check_ledger: Callable[[Ledger], None],
    case: dict[str, Any],
    times_before: int,
) -> None:
    config = Config(
        host="127.0.0.1",
        port=0,
        hostname="",
        self_metrics=False,
        **case.get("config", {}),
    )
    began = int(wall_clock())
    server: Server = await nursery.start(
        partial(serve, config, sinks=[memory], wall_clock=wall_clock)
    )
    packet = "\n".join(case["lines"]).encode()
    for _ in range(times_before):
        server.submit(packet)
    await server.flush()
    await trio.sleep(15)
    before = server.ledger()
    server.submit(packet)
    await server.flush()
    await trio.sleep(10)

    start = began + 10
    snapshot = next(s for s in memory.snapshots if s.time == start + 5)
    series = {
        name: approximate(
            {"type": "gauge", **(said if isinstance(said, dict) else {"value": said})}
        )
        for name, said in case.get("series", {}).items()
    }
    assert list_series(snapshot, start) == series
    sketches = {
        name: approximate(said) for name, said in case.get("sketches", {}).items()
    }
    assert list_sketches(snapshot, start) == sketches
    after = server.ledger()
    check_ledger(after)
    assert describe_change(
        dict(before.samples.dropped), dict(after.samples.dropped)
    ) == case.get("dropped", {})
    assert describe_change(
        dict(before.lines.rejected), dict(after.lines.rejected)
    ) == case.get("rejected", {})
