"""Keep a running total for each series, and forget the ones unused for long."""

from collections.abc import Callable, Hashable, Iterator
from typing import Final, Generic, TypeVar

import attrs

from statsd_trio.sinks.otlp.exponential import ExponentialHistogram

# What identifies a series.
SeriesKey = tuple[Hashable, ...]

# The least time between two points of a series. Engines cannot distinguish shorter
# times, because they count in milliseconds.
LEAST_STEP: Final = 1_000_000

# How many are forgotten at once, which takes about 0.1 ms.
_STEP: Final = 256


@attrs.define(eq=False)
class Total:
    """The total of a series since it began.

    Attributes:
        start: when it began, in nanoseconds.
        last: the time of its last point in nanoseconds, which a client may have set.
        used: when it was last added to in nanoseconds, by the server's clock.
    """

    start: int
    last: int
    used: int = 0

    def advance(self, time: int) -> int:
        """Return *time*, or the first moment after the last point if that is later."""
        self.last = max(time, self.last + LEAST_STEP)
        return self.last


@attrs.define(eq=False)
class Sum(Total):
    """The total of a counter since it began."""

    value: float = 0.0


@attrs.define(eq=False)
class Histogram(Total):
    """The total of a histogram, a timer or a distribution since it began."""

    values: ExponentialHistogram = attrs.field(factory=ExponentialHistogram)


_TotalT = TypeVar("_TotalT", bound=Total)


class Totals(Generic[_TotalT]):
    """The totals of all series of one kind, the longest unused first."""

    def __init__(self, make: Callable[[int, int], _TotalT], limit: int) -> None:
        """Keep up to *limit* totals; *make* makes one from its start and last time."""
        self._make = make
        self._limit = limit
        self._totals: dict[SeriesKey, _TotalT] = {}

    def __len__(self) -> int:
        return len(self._totals)

    def find(self, key: SeriesKey, start: int, now: int) -> tuple[_TotalT, bool]:
        """Return the total of *key*, and whether it is new and begins at *start*.

        Args:
            now: the time of this use.
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
        """Forget the total of *key*, so that it begins again."""
        self._totals.pop(key, None)

    def expire(self, before: int) -> Iterator[None]:
        """Forget the totals not used since *before*; yields now and then."""
        while True:
            for _ in range(_STEP):
                oldest = next(iter(self._totals), None)
                if oldest is None or self._totals[oldest].used >= before:
                    return
                del self._totals[oldest]
            yield
