"""Remember five minutes of each context by the second, and thirty by ten seconds.

A context has one value for each second in which it was sent, or five values for the
types that are shown as a band. Seconds without a value take no memory.
"""

from array import array
from bisect import bisect_left
from typing import Final

from statsd_trio.engine.context import (
    COUNTER,
    DISTRIBUTION,
    GAUGE,
    HISTOGRAM,
    SET,
    TIMER,
)

FINE_SECONDS: Final = 300
COARSE_SECONDS: Final = 1800
COARSE_STEP: Final = 10

# The figures that are measured of each type, in this order.
FIGURES: Final[dict[int, tuple[str, ...]]] = {
    COUNTER: ("count",),
    GAUGE: ("value",),
    SET: ("unique",),
    HISTOGRAM: ("count", "p50", "p95", "p99", "max"),
    TIMER: ("count", "p50", "p95", "p99", "max"),
    DISTRIBUTION: ("count", "p50", "p95", "p99", "max"),
}
TYPE_NAMES: Final[dict[int, str]] = {
    COUNTER: "counter",
    GAUGE: "gauge",
    SET: "set",
    HISTOGRAM: "histogram",
    TIMER: "timer",
    DISTRIBUTION: "distribution",
}
IS_BAND: Final = {kind: len(figures) > 1 for kind, figures in FIGURES.items()}

# The bytes of one point.
VALUE_BYTES: Final = 4 + 8
BAND_BYTES: Final = 4 + 5 * 4


class Points:
    """The points of a context for one step of time, the oldest first.

    Attributes:
        times: the start of each point, in unix seconds.
        values: one figure for each point, or five.
    """

    __slots__ = ("_seconds", "is_band", "times", "values")

    def __init__(self, *, is_band: bool, seconds: int) -> None:
        self.is_band = is_band
        self._seconds = seconds
        self.times = array("I")
        # Totals and gauges are shown exactly; percentiles are approximations anyway.
        self.values = array("f" if is_band else "d")

    @property
    def point_bytes(self) -> int:
        """The bytes that one point takes."""
        return BAND_BYTES if self.is_band else VALUE_BYTES

    def trim(self, now: int) -> int:
        """Remove what is too old at *now*, and return how many points were removed."""
        end = bisect_left(self.times, max(now - self._seconds, 0))
        if end:
            width = 5 if self.is_band else 1
            del self.times[:end]
            del self.values[: end * width]
        return end

    def find(self, start: int) -> int:
        """Return the index of the first point at or after *start*."""
        return bisect_left(self.times, start)

    def read(self, index: int) -> tuple[float, ...]:
        """Return the figures of one point."""
        if self.is_band:
            return tuple(self.values[index * 5 : index * 5 + 5])
        return (self.values[index],)
