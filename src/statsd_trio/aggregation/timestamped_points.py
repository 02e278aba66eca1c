"""Keep points that have their own timestamps and bypass the buckets.

They are kept for one interval. Values of one context with the same timestamp become one
point: the sum for a counter, the last value for a gauge.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Final

from statsd_trio.engine.context import GAUGE, Context

# The limit for one interval; each point takes some 150 bytes.
MAX_TIMESTAMPED_POINTS: Final = 500_000

# The points of each context, by their timestamps.
PointsByContext = dict[Context, dict[int, float]]


class TimestampedPoints:
    """Keeps points of counters and gauges, up to a limit."""

    def __init__(self) -> None:
        self._points: PointsByContext = {}
        self._count = 0

    def add(self, context: Context, timestamp: int, values: Sequence[float]) -> str:
        """Add the *values* of one line.

        Return "", or the reason why they are dropped.
        """
        points = self._points.get(context, {})
        before = points.get(timestamp)
        is_gauge = context.kind == GAUGE
        total = values[-1] if is_gauge else sum(values, before or 0.0)
        if not isfinite(total):
            return "overflow"
        if before is None and self._count >= MAX_TIMESTAMPED_POINTS:
            return "stamped_points"
        self._count += before is None
        points[timestamp] = total
        self._points[context] = points
        return ""

    def take(self) -> PointsByContext:
        """Return all points and start empty again."""
        taken, self._points, self._count = self._points, {}, 0
        return taken
