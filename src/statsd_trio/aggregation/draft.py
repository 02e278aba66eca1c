"""A snapshot while it is being built, and the work that went into it."""

from collections.abc import Mapping
from typing import Final

from statsd_trio.aggregation.context import Context
from statsd_trio.aggregation.sketch import QuantileSketch
from statsd_trio.aggregation.snapshot import (
    Point,
    Series,
    SeriesType,
    Sketch,
    SketchPoint,
)

# Work between two chances for others to run, in units of one simple series: 0.5 ms.
SLICE_SERIES: Final = 128

Points = tuple[Point, ...]


class Draft:
    """Series and sketches so far.

    Attributes:
        cost: of the work since others could run.
        points: of all series and sketches.
    """

    def __init__(self, interval_seconds: int) -> None:
        self._interval_seconds = interval_seconds
        self.series: list[Series] = []
        self.sketches: list[Sketch] = []
        self.points = 0
        self.cost = 0.0

    def is_due(self) -> bool:
        """Tell whether it is time to let others run."""
        if self.cost < SLICE_SERIES:
            return False
        self.cost = 0.0
        return True

    def add_series(
        self,
        context: Context,
        series_type: SeriesType,
        points: Points,
        name: str = "",
        unit: str = "",
    ) -> None:
        """Add one series of *context*; *name* where it is not the context's own."""
        own_name, _, host, tags = context.key
        relations = context.relations
        device = ""
        resources: tuple[tuple[str, str], ...] = ()
        jmx_check_name = None
        if relations is not None:
            tags = relations.tags
            device = relations.device
            resources = relations.resources
            jmx_check_name = relations.jmx_check_name
        self.cost += 1 + len(points) / 8
        self.points += len(points)
        self.series.append(
            Series(
                name or own_name,
                series_type,
                points,
                tags,
                host,
                device,
                resources,
                self._interval_seconds,
                unit,
                jmx_check_name,
            )
        )

    def add_sketch(self, context: Context, points: tuple[SketchPoint, ...]) -> None:
        """Add one distribution."""
        self.cost += sum(4 + len(point.keys) / 4 for point in points)
        self.points += len(points)
        relations = context.relations
        self.sketches.append(
            Sketch(
                context.name,
                points,
                context.tags,
                context.host,
                None if relations is None else relations.jmx_check_name,
            )
        )


def order_points(values: Mapping[int, float]) -> Points:
    """Make points of values by timestamp, ascending."""
    if len(values) == 1:
        return tuple(map(Point, values, values.values()))
    return tuple([Point(timestamp, values[timestamp]) for timestamp in sorted(values)])


def describe_sketch(sketch: QuantileSketch, start: int) -> SketchPoint:
    """Make a point of what *sketch* holds."""
    bins = sketch.list_bins()
    return SketchPoint(
        timestamp=start,
        count=sketch.count,
        min=sketch.min,
        max=sketch.max,
        sum=sketch.sum,
        average=sketch.average,
        keys=tuple([key for key, _ in bins]),
        counts=tuple([count for _, count in bins]),
    )
