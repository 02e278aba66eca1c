"""What is remembered of one context: five minutes by the second, thirty by ten.

A context has one value for each second in which it was sent, or five for the types
that are shown as a band. Seconds without a value take no room.
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
    Context,
    Key,
)

FINE_SECONDS: Final = 300
COARSE_SECONDS: Final = 1800
COARSE_STEP: Final = 10

# By how many points a history may outgrow its time, so that the oldest are not taken
# off the front one by one.
_SLACK_POINTS: Final = 60

# What is measured of each type, in this order.
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

# The objects of one context besides its points and its texts: two histories, the
# engines' contexts, what they hold of it, and its places in tables. Measured with
# tracemalloc on CPython 3.11, native engine.
TRACK_BYTES: Final = 2600


class Points:
    """The points of a context at one width of time, the oldest first."""

    __slots__ = ("_keep_points", "_seconds", "is_band", "times", "values")

    def __init__(self, *, is_band: bool, seconds: int, step: int) -> None:
        self.is_band = is_band
        self._seconds = seconds
        self._keep_points = seconds // step + _SLACK_POINTS
        self.times = array("I")
        # Totals and gauges are shown exactly; percentiles are approximations anyway.
        self.values = array("f" if is_band else "d")

    @property
    def point_bytes(self) -> int:
        """What one point takes."""
        return 4 + (5 * 4 if self.is_band else 8)

    @property
    def is_overfull(self) -> bool:
        """Whether `trim` has something to do for sure."""
        return len(self.times) > self._keep_points

    def trim(self, now: int) -> int:
        """Let go of what is too old at *now*, and return how many points that were."""
        end = bisect_left(self.times, max(now - self._seconds, 0))
        if end:
            width = 5 if self.is_band else 1
            del self.times[:end]
            del self.values[: end * width]
        return end

    def find(self, start: int) -> int:
        """Return the index of the first point that is not before *start*."""
        return bisect_left(self.times, start)

    def read(self, index: int) -> tuple[float, ...]:
        """Return the figures of one point."""
        if self.is_band:
            return tuple(self.values[index * 5 : index * 5 + 5])
        return (self.values[index],)


class TrackedContext(Context):
    """A context of one engine that knows what is remembered of it.

    Attributes:
        track: None once it is forgotten.
    """

    __slots__ = ("track",)

    def __init__(self, key: Key, track: "Track") -> None:
        super().__init__(key)
        self.track: Track | None = track


class Track:
    """All that is remembered of one context.

    Attributes:
        kind: an index into `TYPES`: the type that its lines have.
        fine: by the second.
        coarse: by ten seconds.
        last_seen: unix time.
    """

    __slots__ = (
        "coarse",
        "contexts",
        "fine",
        "first_seen",
        "host",
        "kind",
        "last_seen",
        "name",
        "tags",
        "text_bytes",
    )

    def __init__(
        self, name: str, kind: int, host: str, tags: tuple[str, ...], now: float
    ) -> None:
        self.name = name
        self.kind = kind
        self.host = host
        self.tags = tags
        self.first_seen = now
        self.last_seen = now
        is_band = IS_BAND[kind]
        # A distribution is measured as a histogram is: the engine then gives its
        # percentiles, where it would give a sketch.
        engine_kind = HISTOGRAM if is_band else kind
        key = (name, engine_kind, host, tags)
        self.contexts = (TrackedContext(key, self), TrackedContext(key, self))
        self.fine = Points(is_band=is_band, seconds=FINE_SECONDS, step=1)
        self.coarse = Points(is_band=is_band, seconds=COARSE_SECONDS, step=COARSE_STEP)
        self.text_bytes = 2 * (len(name) + sum(len(tag) + 50 for tag in tags))

    @property
    def points(self) -> int:
        """How many points there are."""
        return len(self.fine.times) + len(self.coarse.times)

    @property
    def used_bytes(self) -> int:
        """What all of it takes, roughly."""
        points = self.points * self.fine.point_bytes
        return TRACK_BYTES + self.text_bytes + points

    def read_last(self) -> dict[str, float]:
        """Return the figures of the newest second that had any; empty without one."""
        points = self.fine if self.fine.times else self.coarse
        if not points.times:
            return {}
        figures = points.read(len(points.times) - 1)
        return dict(zip(FIGURES[self.kind], figures, strict=True))
