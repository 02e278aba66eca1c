"""Collect the series and sketches of a snapshot that is being built."""

from collections.abc import Collection, Sequence

from statsd_trio.aggregation.snapshot import (
    Point,
    Series,
    SeriesType,
    Sketch,
    SketchPoint,
    Snapshot,
    SnapshotPoints,
)
from statsd_trio.engine.context import DISTRIBUTION, TIMER, Context
from statsd_trio.engine.engine import SketchFigures
from statsd_trio.protocol.messages import Event, ServiceCheck

Points = tuple[Point, ...]


class SnapshotContents:
    """Collects the points that one snapshot has of each context."""

    def __init__(self, number: int, interval_seconds: int) -> None:
        """Collect for the snapshot with this *number*, counted from 1."""
        self._number = number
        self._interval = interval_seconds
        self._series: list[Series] = []
        self._sketches: list[Sketch] = []
        self._histograms: list[Sketch] = []
        self._series_points = 0
        self._sketch_points = 0
        self._aggregate_points = 0
        self._histogram_points = 0

    def add_series(
        self,
        context: Context,
        series_type: SeriesType,
        points: Points,
        name: str = "",
        unit: str = "",
        *,
        is_aggregate: bool = False,
    ) -> None:
        """Add one series if it has points.

        *name* is given if it is not the context's.
        """
        context.last_sent = self._number
        if not points:
            return
        own_name, _, host, tags = context.key
        device = ""
        resources: tuple[tuple[str, str], ...] = ()
        jmx_check_name = None
        if context.details is not None:
            tags = context.details.tags
            device = context.details.device
            resources = context.details.resources
            jmx_check_name = context.details.jmx_check_name
        self._series_points += len(points)
        if is_aggregate:
            self._aggregate_points += len(points)
        self._series.append(
            Series(
                name or own_name,
                series_type,
                points,
                tags,
                host,
                device,
                resources,
                self._interval,
                unit,
                jmx_check_name,
                is_aggregate,
            )
        )

    def add_sketch(
        self, context: Context, sketches: Sequence[tuple[int, SketchFigures]]
    ) -> None:
        """Add one sketch, of a distribution or of kept values, if it has points."""
        points = tuple(
            [SketchPoint(start, *figures) for start, figures in sketches if figures[0]]
        )
        if not points:
            return
        details = context.details
        metric_type = context.key[1]
        sketch = Sketch(
            context.name,
            points,
            context.tags,
            context.host,
            None if details is None else details.jmx_check_name,
            "millisecond" if metric_type == TIMER else "",
        )
        if metric_type == DISTRIBUTION:
            self._sketch_points += len(points)
            self._sketches.append(sketch)
        else:
            self._histogram_points += len(points)
            self._histograms.append(sketch)

    def make_snapshot(
        self,
        time: int,
        starts: Collection[int],
        events: Sequence[Event],
        service_checks: Sequence[ServiceCheck],
    ) -> Snapshot:
        """Return the snapshot of *time*, for buckets that begin at *starts*.

        The collected points are released.
        """
        snapshot = Snapshot(
            time=time,
            interval_seconds=self._interval,
            series=tuple(self._series),
            sketches=tuple(self._sketches),
            events=tuple(events),
            service_checks=tuple(service_checks),
            points=SnapshotPoints(
                series=self._series_points,
                sketches=self._sketch_points,
                service_checks=len(service_checks),
                events=len(events),
                aggregates=self._aggregate_points,
                histograms=self._histogram_points,
            ),
            starts=frozenset(starts),
            histograms=tuple(self._histograms),
        )
        self._series = []
        self._sketches = []
        self._histograms = []
        return snapshot
