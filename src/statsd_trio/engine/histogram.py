"""Histograms and timers: aggregate the values of one bucket as the Agent does.

Up to `KEPT_VALUES`, values are kept as they are. Beyond that they are kept as different
values with weights, which loses nothing as long as there are at most `KEPT_WEIGHTS`
different values; a timer in whole milliseconds stays exact this way. With more
different values, they are condensed into the bins of a sketch: count, sum, average,
minimum and maximum stay exact, and the median and percentiles are off by at most half a
bin, 0.8 %.

The sum keeps what rounding would lose (Neumaier), so that adding 1e100, 1 and -1e100
gives 1.

Source of ranks, weights and sums: datadog-agent, pkg/metrics/histogram.go, 7.82 and
later. Earlier versions cut weights to whole numbers.
"""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from functools import reduce
from itertools import accumulate, groupby, repeat
from math import isfinite
from operator import add
from typing import Final, NamedTuple

from statsd_trio.engine.memory import BIN_BYTES, VALUE_BYTES
from statsd_trio.engine.sketch import (
    BIN_LIMIT,
    MAX_SKETCH_COUNT,
    count_keys,
    find_lower_bound,
    weigh,
)

KEPT_VALUES: Final = 4096
KEPT_WEIGHTS: Final = 1024


class Ranking(NamedTuple):
    """Values in ascending order, with the total weight up to each of them.

    Attributes:
        reached: the weights added up, parallel to *values*; None if every weight is
            *weight*.
    """

    min: float
    max: float
    values: list[float]
    reached: list[float] | None
    weight: float = 1.0

    def find(self, rank: float) -> float:
        """Return the first value up to which the weights add up to more than *rank*."""
        if self.reached is None:
            index = int(rank / self.weight)
        else:
            index = bisect_right(self.reached, rank)
        # Rounding may make a rank just below the total weight equal to it.
        return self.values[min(index, len(self.values) - 1)]


class Histogram:
    """Weighted values, and their aggregates.

    Attributes:
        count: how many values there are, each weighted by 1 / rate.
    """

    __slots__ = (
        "_batches",
        "_bins",
        "_kept",
        "_lost",
        "_max",
        "_min",
        "_note_condensed",
        "_sum",
        "_values",
        "_weights",
        "count",
    )

    def __init__(self, note_condensed: Callable[[int], None]) -> None:
        """Begin without values.

        Args:
            note_condensed: called with the number of values whenever some of them are
                only kept to a sketch's precision.
        """
        self._note_condensed = note_condensed
        self._batches: dict[float, array[float]] = {}
        self._weights: dict[float, float] | None = None
        self._bins: dict[int, float] | None = None
        # None until values are condensed into bins.
        self._min = self._max = 0.0
        # The rounded sum, and what rounding has lost.
        self._sum = self._lost = 0.0
        self._kept = 0
        self._values = 0
        self.count = 0.0

    @property
    def size(self) -> int:
        """How many numbers are kept."""
        return self._kept + len(self._weights or ()) + len(self._bins or ())

    @property
    def memory(self) -> int:
        """The bytes that the values take, without the object itself."""
        pairs = len(self._weights or ()) + len(self._bins or ())
        return VALUE_BYTES * self._kept + BIN_BYTES * pairs

    def insert(self, values: list[float], sample_rate: float = 1.0) -> bool:
        """Add finite *values*.

        Returns False, with nothing added, if the sum or the count would become too
        large to be sent.
        """
        weight, _ = weigh(sample_rate)
        count = reduce(add, repeat(weight, len(values)), self.count)
        total, lost = self._add_up(values, weight)
        if count > MAX_SKETCH_COUNT or not isfinite(total + lost):
            return False
        self.count = count
        self._sum = total
        self._lost = lost
        # The values are added in parts, so that they are condensed at the exact value
        # that is one too many.
        while values and self._bins is None:
            room = KEPT_VALUES + 1 - self._kept
            self._keep(values[:room], weight)
            values = values[room:]
        if self._bins is not None and values:
            self._min = min(self._min, *values)
            self._max = max(self._max, *values)
            _add_to_bins(self._bins, values, weight)
            self._note_condensed(len(values))
        return True

    def summarise(
        self,
        aggregates: tuple[str, ...],
        percentiles: tuple[int, ...],
        count_divisor: float,
    ) -> list[float]:
        """Compute *aggregates*, then *percentiles*, in the order given."""
        ranking = self._rank()
        total = self._sum + self._lost
        figures: list[float] = []
        for aggregate in aggregates:
            if aggregate == "max":
                figures.append(ranking.max)
            elif aggregate == "min":
                figures.append(ranking.min)
            elif aggregate == "avg":
                figures.append(total / self.count)
            elif aggregate == "count":
                figures.append(self.count / count_divisor)
            elif aggregate == "sum":
                figures.append(total)
            else:
                figures.append(ranking.find((self.count - 1) / 2))
        ranks = [(percentile * self.count - 1) / 100 for percentile in percentiles]
        return figures + [ranking.find(rank) for rank in ranks]

    def _add_up(self, values: list[float], weight: float) -> tuple[float, float]:
        """Add *values* one by one; return the sum and what rounding has lost."""
        total, lost = self._sum, self._lost
        for value in values:
            weighted = value * weight
            before = total
            total = before + weighted
            if abs(before) >= abs(weighted):
                lost += (before - total) + weighted
            else:
                lost += (weighted - total) + before
        return total, lost

    def _keep(self, values: list[float], weight: float) -> None:
        batch = self._batches.get(weight)
        if batch is None:
            self._batches[weight] = array("d", values)
        else:
            batch.fromlist(values)
        self._kept += len(values)
        self._values += len(values)
        if self._kept > KEPT_VALUES:
            self._condense()

    def _condense(self) -> None:
        weights = self._weigh()
        self._batches = {}
        self._kept = 0
        if len(weights) <= KEPT_WEIGHTS:
            self._weights = weights
            return
        self._weights = None
        self._bins = {}
        ordered = sorted(weights)
        self._min, self._max = ordered[0], ordered[-1]
        for weight, values in groupby(ordered, key=weights.__getitem__):
            _add_to_bins(self._bins, list(values), weight)
        self._note_condensed(self._values)

    def _weigh(self) -> dict[float, float]:
        """Return the total weight of each different value."""
        weights = dict(self._weights or {})
        for weight, batch in self._batches.items():
            for value, times in Counter(batch).items():
                weights[value] = weights.get(value, 0.0) + times * weight
        return weights

    def _rank(self) -> Ranking:
        if self._bins is not None:
            least, greatest = self._min, self._max
            keys = sorted(self._bins)
            return Ranking(
                least,
                greatest,
                [min(max(find_lower_bound(key), least), greatest) for key in keys],
                list(accumulate([self._bins[key] for key in keys])),
            )
        if self._weights is None and len(self._batches) == 1:
            ((weight, batch),) = self._batches.items()
            ordered = sorted(batch)
            return Ranking(ordered[0], ordered[-1], ordered, None, weight)
        weights = self._weigh()
        ordered = sorted(weights)
        reached = list(accumulate([weights[value] for value in ordered]))
        return Ranking(ordered[0], ordered[-1], ordered, reached)


def _add_to_bins(bins: dict[int, float], values: list[float], weight: float) -> None:
    """Add *values* to *bins*, each with *weight*, as if added one after the other."""
    if weight.is_integer():
        for key, count in count_keys(values).items():
            bins[key] = bins.get(key, 0.0) + count * weight
    else:
        # Adding the weights at once could round differently from adding them one by
        # one.
        for value in values:
            (key,) = count_keys([value])
            bins[key] = bins.get(key, 0.0) + weight
    _trim(bins)


def _trim(bins: dict[int, float]) -> None:
    """Collapse the lowest bins into the lowest one that may stay."""
    excess = len(bins) - BIN_LIMIT
    if excess > 0:
        *lowest, first = sorted(bins)[: excess + 1]
        bins[first] += reduce(add, [bins.pop(key) for key in lowest])
