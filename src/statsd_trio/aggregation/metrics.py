"""Values of one histogram or timer in one bucket in, the Agent's aggregates out.

Values are kept as they are, up to `KEPT_VALUES`. From there on they are kept as
different values with weights, which loses nothing, as long as there are at most
`KEPT_WEIGHTS` of those: a timer in whole milliseconds stays exact that way. What has
more is condensed into the bins of a sketch: count, sum, average, least and greatest
stay exact, median and percentiles are off by at most half a bin, 0.8 %.

Source of ranks and weights: datadog-agent, pkg/metrics/histogram.go.
"""

from array import array
from bisect import bisect_right
from collections import Counter
from itertools import accumulate
from math import isfinite
from typing import Final, NamedTuple

from statsd_trio.aggregation.sketch import (
    MAX_SKETCH_COUNT,
    QuantileSketch,
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
    reached: list[int] | None
    weight: int = 1

    def find(self, rank: int) -> float:
        """Find the first value whose weights, added up, are more than *rank*."""
        if self.reached is None:
            return self.values[rank // self.weight]
        return self.values[bisect_right(self.reached, rank)]


class Histogram:
    """Weighted values and what they add up to.

    Attributes:
        count: of values, weighted by the whole part of 1 / rate.
        sum: of values, weighted by 1 / rate.
        kept: how many values are kept as they came.
    """

    __slots__ = ("_runs", "_sketch", "_values", "_weights", "count", "kept", "sum")

    def __init__(self) -> None:
        self._runs: dict[int, array[float]] = {}
        self._weights: Counter[float] | None = None
        self._sketch: QuantileSketch | None = None
        self.kept = 0
        self._values = 0
        self.count = 0
        self.sum = 0.0

    def insert(self, values: list[float], sample_rate: float = 1.0) -> int | None:
        """Add finite *values*; tell how many values were condensed by that.

        Returns None, with nothing added, where the sum or the count would no
        longer be a number that can be sent.
        """
        scale, weight = weigh(sample_rate)
        count = self.count + weight * len(values)
        total = self.sum + sum(values) * scale
        if count > MAX_SKETCH_COUNT or not isfinite(total):
            return None
        self.count = count
        self.sum = total
        self._values += len(values)
        if self._sketch is not None:
            self._sketch.insert_weighted(values, weight)
            return len(values)
        run = self._runs.get(weight)
        if run is None:
            self._runs[weight] = array("d", values)
        else:
            run.fromlist(values)
        self.kept += len(values)
        return self._condense() if self.will_condense(0) else 0

    def will_condense(self, values: int) -> bool:
        """Tell whether so many more are too many to be kept as they come."""
        return self.kept + values > KEPT_VALUES

    def summarise(
        self,
        aggregates: tuple[str, ...],
        percentiles: tuple[int, ...],
        interval_seconds: int,
    ) -> list[float]:
        """Compute *aggregates*, then *percentiles*, in the order given."""
        ranking = self._rank()
        figures: list[float] = []
        for aggregate in aggregates:
            if aggregate == "max":
                figures.append(ranking.max)
            elif aggregate == "min":
                figures.append(ranking.min)
            elif aggregate == "avg":
                figures.append(self.sum / self.count)
            elif aggregate == "count":
                figures.append(self.count / interval_seconds)
            elif aggregate == "sum":
                figures.append(self.sum)
            else:
                figures.append(ranking.find((self.count - 1) // 2))
        for percentile in percentiles:
            # Go divides towards zero, which is felt at the percentile 0.
            rank = max(0, (percentile * self.count - 1) // 100)
            figures.append(ranking.find(rank))
        return figures

    def _condense(self) -> int:
        weights = Counter[float](self._weights)
        for weight, run in self._runs.items():
            for value, times in Counter(run).items():
                weights[value] += times * weight
        self.kept = 0
        if len(weights) <= KEPT_WEIGHTS:
            self._runs = {}
            self._weights = weights
            return 0
        sketch = self._sketch = QuantileSketch()
        for weight, run in self._runs.items():
            sketch.insert_weighted(run.tolist(), weight)
        alike: dict[int, list[float]] = {}
        for value, weight in (self._weights or {}).items():
            alike.setdefault(weight, []).append(value)
        for weight, values in alike.items():
            sketch.insert_weighted(values, weight)
        self._runs = {}
        self._weights = None
        return self._values

    def _rank(self) -> Ranking:
        if self._sketch is not None:
            least, greatest = self._sketch.min, self._sketch.max
            bins = self._sketch.list_bins()
            return Ranking(
                least,
                greatest,
                [min(max(find_lower_bound(k), least), greatest) for k, _ in bins],
                list(accumulate(count for _, count in bins)),
            )
        if self._weights is None and len(self._runs) == 1:
            ((weight, run),) = self._runs.items()
            ordered = sorted(run)
            return Ranking(ordered[0], ordered[-1], ordered, None, weight)
        weights = Counter[float](self._weights)
        for weight, run in self._runs.items():
            for value, times in Counter(run).items():
                weights[value] += times * weight
        ordered = sorted(weights)
        reached = list(accumulate(weights[value] for value in ordered))
        return Ranking(ordered[0], ordered[-1], ordered, reached)
