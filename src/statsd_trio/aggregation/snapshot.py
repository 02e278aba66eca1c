"""The result of aggregation for one interval: points, ready for any sink."""

import enum
from typing import NamedTuple

import attrs

# Exported again for sinks, which know snapshots and their contents, but not where these
# are defined.
from statsd_trio.protocol.messages import (
    Event as Event,  # noqa: PLC0414
    ServiceCheck as ServiceCheck,  # noqa: PLC0414
)


class SeriesType(enum.IntEnum):
    """The type of a series, as the intake reads it.

    Source: agent-payload, proto/metrics/agent_payload.proto, MetricType.
    """

    COUNT = 1
    RATE = 2
    GAUGE = 3


class Point(NamedTuple):
    """A value at the start of its bucket, or at the time that its client gave.

    Attributes:
        timestamp: unix seconds.
        value: a finite number.
    """

    timestamp: int
    value: float


class Series(NamedTuple):
    """The points of one context and one aggregate.

    This is a named tuple, like `Point`: a flush may make some hundred thousand of them,
    and a frozen class takes three times as long to make.

    Attributes:
        tags: sorted and without duplicates; ``device:`` and ``dd.internal.resource:``
            are taken out.
        host: "" for no host.
        device: "" for no device.
        resources: (type, name) pairs besides host and device.
        interval_seconds: what a rate was divided by.
        unit: "millisecond" for timers, otherwise "".
        jmx_check_name: the JMX check that sent it, "" for one without a name; None for
            all other clients.
        is_aggregate: whether it is one of the figures of a histogram or timer.
    """

    name: str
    type: SeriesType
    points: tuple[Point, ...]
    tags: tuple[str, ...] = ()
    host: str = ""
    device: str = ""
    resources: tuple[tuple[str, str], ...] = ()
    interval_seconds: int = 10
    unit: str = ""
    jmx_check_name: str | None = None
    is_aggregate: bool = False


@attrs.frozen
class SketchPoint:
    """One bucket of one distribution.

    Attributes:
        timestamp: unix seconds, the start of the bucket.
        keys: ascending; a key may be repeated.
        counts: parallel to *keys*.
    """

    timestamp: int
    count: int
    min: float
    max: float
    sum: float
    average: float
    keys: tuple[int, ...]
    counts: tuple[int, ...]


@attrs.frozen
class Sketch:
    """The points of one distribution.

    Attributes:
        tags: sorted and without duplicates.
        host: "" for no host.
        jmx_check_name: as in a `Series`.
        unit: "millisecond" for the values of timers, otherwise "".
    """

    name: str
    points: tuple[SketchPoint, ...]
    tags: tuple[str, ...] = ()
    host: str = ""
    jmx_check_name: str | None = None
    unit: str = ""


@attrs.frozen
class SnapshotPoints:
    """How many points a snapshot has, by kind.

    An event or a service check counts as one point.

    Attributes:
        aggregates: points of series that are figures of histograms and timers.
        histograms: points of sketches of histograms and timers, which contain the same
            values as the aggregates once more.
    """

    series: int = 0
    sketches: int = 0
    service_checks: int = 0
    events: int = 0
    aggregates: int = 0
    histograms: int = 0

    @property
    def total(self) -> int:
        """All points, with each value counted once."""
        return self.series + self.sketches + self.service_checks + self.events

    def of(self, *kinds: str) -> int:
        """Return the number of points of *kinds*, which are names of the attributes."""
        return sum(getattr(self, kind) for kind in kinds)


def _count_points(snapshot: "Snapshot") -> SnapshotPoints:
    return SnapshotPoints(
        series=sum([len(series.points) for series in snapshot.series]),
        sketches=sum([len(sketch.points) for sketch in snapshot.sketches]),
        service_checks=len(snapshot.service_checks),
        events=len(snapshot.events),
        aggregates=sum([len(s.points) for s in snapshot.series if s.is_aggregate]),
        histograms=sum([len(sketch.points) for sketch in snapshot.histograms]),
    )


@attrs.frozen
class Snapshot:
    """Everything that one flush passes to every sink.

    Attributes:
        time: unix seconds: the edge at which the flush took place, or the time of a
            flush that was asked for.
        interval_seconds: the width of a bucket.
        events: with timestamp, host and constant tags filled in.
        service_checks: with timestamp, host and constant tags filled in.
        starts: the starts of the buckets in it. A point with any other time got it from
            its client.
        histograms: sketches of histograms and timers, if a sink needs their values; the
            other sinks use the aggregates among the series.
        points: how many points there are; counted if not given.
    """

    time: int
    interval_seconds: int
    series: tuple[Series, ...] = ()
    sketches: tuple[Sketch, ...] = ()
    events: tuple[Event, ...] = ()
    service_checks: tuple[ServiceCheck, ...] = ()
    starts: frozenset[int] = frozenset()
    histograms: tuple[Sketch, ...] = ()

    points: SnapshotPoints = attrs.field(
        default=attrs.Factory(_count_points, takes_self=True)
    )
