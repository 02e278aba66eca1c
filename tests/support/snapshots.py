"""Snapshots, and what they hold, in small."""

from collections.abc import Sequence
from typing import Final

from statsd_trio.aggregation.snapshot import (
    Point,
    Series,
    SeriesType,
    Sketch,
    SketchPoint,
    Snapshot,
)
from statsd_trio.protocol.messages import Event, ServiceCheck, ServiceStatus

EPOCH: Final = 1_700_000_000
EVENT: Final = Event("Deployed", "to production", timestamp=EPOCH, host="web-1")
SERVICE_CHECK: Final = ServiceCheck(
    "db.up", ServiceStatus.CRITICAL, timestamp=EPOCH, host="web-1"
)


def make_series(
    name: str = "page.views",
    points: int = 1,
    *,
    type: SeriesType = SeriesType.RATE,  # noqa: A002 - the field's name
    host: str = "web-1",
    tags: tuple[str, ...] = ("env:test",),
    device: str = "",
    unit: str = "",
    interval_seconds: int = 10,
) -> Series:
    """Make a series of so many points, a second apart."""
    return Series(
        name,
        type,
        tuple(Point(EPOCH + number, number / 2) for number in range(points)),
        host=host,
        tags=tags,
        device=device,
        unit=unit,
        interval_seconds=interval_seconds,
    )


def make_sketch(name: str = "latency", points: int = 1, bins: int = 2) -> Sketch:
    """Make a sketch of so many points, all alike."""
    point = SketchPoint(
        timestamp=EPOCH,
        count=bins,
        min=-1.5,
        max=2.5,
        sum=3.0,
        average=0.5,
        keys=tuple(range(-1, bins - 1)),
        counts=(1,) * bins,
    )
    return Sketch(name, (point,) * points, tags=("env:test",), host="web-1")


def make_snapshot(
    number: int = 0,
    series: int = 1,
    *,
    sketches: Sequence[Sketch] = (),
    events: Sequence[Event] = (),
    service_checks: Sequence[ServiceCheck] = (),
) -> Snapshot:
    """Make the snapshot of the interval *number*: so many series of one point each."""
    return Snapshot(
        EPOCH + 10 * number,
        10,
        series=tuple(make_series(f"s{number}.m{index}") for index in range(series)),
        sketches=tuple(sketches),
        events=tuple(events),
        service_checks=tuple(service_checks),
    )
