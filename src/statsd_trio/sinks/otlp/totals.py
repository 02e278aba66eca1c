"""Running totals, one for each series, of which the oldest are forgotten."""

from collections.abc import Callable, Hashable, Iterator
from typing import Final, Generic, TypeVar

import attrs

from statsd_trio.sinks.otlp.exponential import ExponentialHistogram

# What tells one series from another.
SeriesKey = tuple[Hashable, ...]

# Two points of a series are further apart than that, which is what the engines tell
# apart: they count in milliseconds.
LEAST_STEP: Final = 1_000_000

# Forgotten at once, which takes about 0.1 ms.
_STEP: Final = 256


@attrs.define(eq=False)
class Total:
    """A series since it began.

    Attributes:
        start: when it began, in nanoseconds.
        last: the time of its last point, likewise, which a client may have set.
        used: when it was last added to, likewise, by the server's clock.
    """

    start: int
    last: int
    used: int = 0

    def advance(self, time: int) -> int:
        """Return *time*, or the first moment that is later than the last point."""
        self.last = max(time, self.last + LEAST_STEP)
        return self.last


@attrs.define(eq=False)
class Sum(Total):
    """A counter, since it began."""

    value: float = 0.0


@attrs.define(eq=False)
class Histogram(Total):
    """A histogram, a timer or a distribution, since it began."""

    values: ExponentialHistogram = attrs.field(factory=ExponentialHistogram)


_TotalT = TypeVar("_TotalT", bound=Total)


class Totals(Generic[_TotalT]):
    """The totals of all series of one kind, the longest unused first."""

    def __init__(self, make: Callable[[int, int], _TotalT], limit: int) -> None:
        """Keep up to *limit* of what *make* makes of a start and a last time."""
        self._make = make
        self._limit = limit
        self._totals: dict[SeriesKey, _TotalT] = {}

    def __len__(self) -> int:
        return len(self._totals)

    def find(self, key: SeriesKey, start: int, now: int) -> tuple[_TotalT, bool]:
        """Return the total of *key*, and whether it begins now, at *start*.

        Args:
            now: when it is used.
        """
        total = self._totals.pop(key, None)
        is_new = total is None
        if total is None:
            total = self._make(start, start)
        total.used = now
        self._totals[key] = total
        if len(self._totals) > self._limit:
            del self._totals[next(iter(self._totals))]
        return total, is_new

    def forget(self, key: SeriesKey) -> None:
        """Have *key* begin anew."""
        self._totals.pop(key, None)

    def expire(self, before: int) -> Iterator[None]:
        """Forget what was not used since *before*; yields now and then."""
        while True:
            for _ in range(_STEP):
                oldest = next(iter(self._totals), None)
                if oldest is None or self._totals[oldest].used >= before:
                    return
                del self._totals[oldest]
            yield
