"""Values of one histogram or timer in one bucket in, the Agent's aggregates out.

Values are kept as they are, up to `KEPT_VALUES`. From there on they are kept as
different values with weights, which loses nothing, as long as there are at most
`KEPT_WEIGHTS` of those: a timer in whole milliseconds stays exact that way. What has
more is condensed into the bins of a sketch: count, sum, average, least and greatest
stay exact, median and percentiles are off by at most half a bin, 0.8 %.

A sum keeps what rounding would lose, so that 1e100 and -1e100 leave the 1 between them
alone, in whatever order they come.

Source of ranks, weights and sums: datadog-agent, pkg/metrics/histogram.go, 7.82 and
later. Weights were cut to whole numbers before.
"""

from array import array
from bisect import bisect_right
from collections import Counter
from itertools import accumulate
from math import fsum, isfinite
from typing import Final, NamedTuple

from statsd_trio.aggregation.sketch import (
    BIN_LIMIT,
    MAX_SKETCH_COUNT,
    count_keys,
    find_lower_bound,
    weigh,
)

KEPT_VALUES: Final = 4096
KEPT_WEIGHTS: Final = 1024


class Ranking(NamedTuple):
    """Values in order, and how many there are up to each.

    Attributes:
        reached: weights added up, parallel to *values*; None where all are *weight*.
    """

    min: float
    max: float
    values: list[float]
    reached: list[float] | None
    weight: float = 1.0

    def find(self, rank: float) -> float:
        """Find the first value whose weights, added up, are more than *rank*."""
        if self.reached is None:
            index = int(rank / self.weight)
        else:
            index = bisect_right(self.reached, rank)
        # A rank that is all but the whole count may be rounded to it.
        return self.values[min(index, len(self.values) - 1)]


class Histogram:
    """Weighted values and what they add up to.

    Attributes:
        count: of values, weighted by 1 / rate.
        kept: how many values are kept as they came.
    """

    __slots__ = (
        "_bins",
        "_max",
        "_min",
        "_rest",
        "_rough_sum",
        "_runs",
        "_sum",
        "_values",
        "_weights",
        "count",
        "kept",
    )

    def __init__(self) -> None:
        self._runs: dict[float, array[float]] = {}
        self._weights: dict[float, float] | None = None
        self._bins: dict[int, float] | None = None
        # Once there are bins.
        self._min = self._max = 0.0
        # Of what is not in `_runs` any more: rounded, and what rounding cost.
        self._sum = self._rest = 0.0
        # Of everything, with what rounding cost left out.
        self._rough_sum = 0.0
        self._values = 0
        self.kept = 0
        self.count = 0.0

    def insert(self, values: list[float], sample_rate: float = 1.0) -> int | None:
        """Add finite *values*; tell how many values were condensed by that.

        Returns None, with nothing added, where the sum or the count would no
        longer be a number that can be sent.
        """
        weight, _ = weigh(sample_rate)
        count = self.count + weight * len(values)
        rough_sum = self._rough_sum + sum(values) * weight
        if count > MAX_SKETCH_COUNT or not isfinite(rough_sum):
            return None
        self.count = count
        self._rough_sum = rough_sum
        self._values += len(values)
        run = self._runs.get(weight)
        if run is None:
            self._runs[weight] = array("d", values)
        else:
            run.fromlist(values)
        self.kept += len(values)
        if self._bins is None and not self.will_condense(0):
            return 0
        self._fold_sum()
        condensed = self._condense()
        self._runs = {}
        self.kept = 0
        return condensed

    def will_condense(self, values: int) -> bool:
        """Tell whether so many more are too many to be kept as they come."""
        return self.kept + values > KEPT_VALUES

    def summarise(
        self, aggregates: tuple[str, ...], percentiles: tuple[int, ...], divisor: int
    ) -> list[float]:
        """Compute *aggregates*, then *percentiles*, in the order given.

        Args:
            divisor: what the count is divided by, to make it a rate.
        """
        ranking = self._rank()
        total = self._add_up()
        figures: list[float] = []
        for aggregate in aggregates:
            if aggregate == "max":
                figures.append(ranking.max)
            elif aggregate == "min":
                figures.append(ranking.min)
            elif aggregate == "avg":
                figures.append(total / self.count)
            elif aggregate == "count":
                figures.append(self.count / divisor)
            elif aggregate == "sum":
                figures.append(total)
            else:
                figures.append(ranking.find((self.count - 1) / 2))
        ranks = [(percentile * self.count - 1) / 100 for percentile in percentiles]
        return figures + [ranking.find(rank) for rank in ranks]

    def _add_up(self) -> float:
        try:
            return fsum(self._list_terms())
        except OverflowError:
            # Only on the way: in the order that they came in, the sum was finite.
            return self._rough_sum

    def _fold_sum(self) -> None:
        """Add the kept values to the sum of those that are not kept."""
        terms = self._list_terms()
        self._sum = self._add_up()
        try:
            self._rest = fsum([*terms, -self._sum])
        except OverflowError:
            self._rest = 0.0

    def _list_terms(self) -> list[float]:
        terms = [self._sum, self._rest]
        for weight, run in self._runs.items():
            terms += run if weight == 1.0 else [value * weight for value in run]
        return terms

    def _condense(self) -> int:
        """Give up the values as they came; tell how many lose precision by that."""
        values = sum(map(len, self._runs.values()))
        if self._bins is None:
            weights = self._weigh()
            if len(weights) <= KEPT_WEIGHTS:
                self._weights = weights
                return 0
            values = self._values
            self._bins = {}
            self._min, self._max = min(weights), max(weights)
            alike: dict[float, list[float]] = {}
            for value, weight in (self._weights or {}).items():
                alike.setdefault(weight, []).append(value)
            for weight, repeated in alike.items():
                self._add_to_bins(self._bins, repeated, weight)
            self._weights = None
        for weight, run in self._runs.items():
            self._add_to_bins(self._bins, run.tolist(), weight)
        _trim(self._bins)
        return values

    def _add_to_bins(
        self, bins: dict[int, float], values: list[float], weight: float
    ) -> None:
        self._min = min(self._min, *values)
        self._max = max(self._max, *values)
        for key, count in count_keys(values).items():
            bins[key] = bins.get(key, 0.0) + count * weight

    def _weigh(self) -> dict[float, float]:
        """Add the weights up for each different value."""
        weights = dict(self._weights or {})
        for weight, run in self._runs.items():
            for value, times in Counter(run).items():
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
        if self._weights is None and len(self._runs) == 1:
            ((weight, run),) = self._runs.items()
            ordered = sorted(run)
            return Ranking(ordered[0], ordered[-1], ordered, None, weight)
        weights = self._weigh()
        ordered = sorted(weights)
        reached = list(accumulate([weights[value] for value in ordered]))
        return Ranking(ordered[0], ordered[-1], ordered, reached)


def _trim(bins: dict[int, float]) -> None:
    """Collapse the lowest bins into the lowest one that may stay."""
    excess = len(bins) - BIN_LIMIT
    if excess > 0:
        *lowest, first = sorted(bins)[: excess + 1]
        bins[first] += sum([bins.pop(key) for key in lowest])
