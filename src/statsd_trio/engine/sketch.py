"""Summarize values in the Agent's quantile sketch.

Bins are kept in a dict with one total per key, which makes inserting cheap. The Agent
keeps a sorted list of bins instead, in which a key is repeated once its bin is full. In
every list that it builds, the bins of a key are the remainder first and full ones after
it. The list can therefore be made from the totals, and this is done only when someone
asks for it.

Inserting is efficient for some hundred values at a time; `ValueBuffer` collects them.

Source: datadog-agent, pkg/util/quantile; opentelemetry-mapping-go, pkg/quantile.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import reduce
from math import inf, isfinite, log, log1p
from operator import add
from typing import Final

from statsd_trio.engine.engine import SketchFigures
from statsd_trio.engine.memory import BIN_BYTES

GAMMA: Final = 1.015625  # 1 + 2 / 128
LN_GAMMA: Final = log1p(0.015625)
BIAS: Final = 1338
MAX_KEY: Final = 32766
INFINITE_KEY: Final = 32767
NORM_MIN: Final = GAMMA ** (1 - BIAS)
BIN_LIMIT: Final = 4096
MAX_BIN_COUNT: Final = 2**32 - 1

# No sender has 10^12 values for one bucket. Without this limit a single tiny sample
# rate would fill a payload with full bins.
MAX_SKETCH_COUNT: Final = 2**40

# Adding this to a double leaves no bits for a fraction, so the sum is rounded to the
# nearest integer, ties to even, as RoundToEven does. It takes half the time of `round`.
_ROUNDING: Final = 1.5 * 2**52
_SHIFT: Final = _ROUNDING - BIAS

Bins = list[tuple[int, int]]


def weigh(sample_rate: float) -> tuple[float, int]:
    """Return how often a value counts at *sample_rate*, and the whole part of that.

    A rate outside (0, 1] is treated as 1.

    Source: datadog-agent, pkg/util/quantile/agent.go.
    """
    if not 0 < sample_rate < 1:
        return 1.0, 1
    scale = 1 / sample_rate
    # A weight above the limit is refused in any case, and infinity has no whole part.
    return scale, int(min(scale, 2 * MAX_SKETCH_COUNT))


def find_lower_bound(key: int) -> float:
    """Return the value that the bin *key* stands for."""
    if key < 0:
        return -find_lower_bound(-key)
    if key == 0:
        return 0.0
    return inf if key > MAX_KEY else GAMMA ** (key - BIAS)


def count_keys(values: list[float]) -> dict[int, int]:
    """Count how many of the finite *values* fall into each bin."""
    if min(values) >= NORM_MIN:
        return _count_positive(values)
    keys: Counter[int] = Counter()
    positive = [value for value in values if value >= NORM_MIN]
    if positive:
        keys.update(_count_positive(positive))
    negative = [-value for value in values if value <= -NORM_MIN]
    if negative:
        for key, count in _count_positive(negative).items():
            keys[-key] += count
    near_zero = len(values) - len(positive) - len(negative)
    if near_zero:
        keys[0] = near_zero
    return keys


def _count_positive(values: list[float]) -> dict[int, int]:
    rounded = Counter([log(value) / LN_GAMMA + _ROUNDING for value in values])
    keys: dict[int, int] = {}
    for shifted, count in rounded.items():
        key = int(shifted - _SHIFT)
        if key > MAX_KEY:
            key = INFINITE_KEY
        keys[key] = keys.get(key, 0) + count
    return keys


def split_bins(totals: Mapping[int, int], max_bin_count: int) -> Bins:
    """Return the bins for *totals*, in ascending order.

    A total that is too large for one bin is split: the remainder first, then full bins.
    """
    bins: Bins = []
    for key in sorted(totals):
        total = totals[key]
        if total <= max_bin_count:
            bins.append((key, total))
            continue
        full, remainder = divmod(total, max_bin_count)
        if remainder:
            bins.append((key, remainder))
        bins.extend([(key, max_bin_count)] * full)
    return bins


def trim_bins(bins: Bins, bin_limit: int, max_bin_count: int) -> Bins:
    """Collapse the lowest bins into the lowest one that may stay.

    More than *bin_limit* bins are returned if full ones could not be joined.
    """
    excess = len(bins) - bin_limit
    if excess <= 0:
        return bins
    trimmed: Bins = []
    missing = 0
    for key, count in bins[:excess]:
        missing += count
        if missing > max_bin_count:
            trimmed.append((key, max_bin_count))
            missing -= max_bin_count
    key, count = bins[excess]
    trimmed.extend(split_bins({key: count + missing}, max_bin_count))
    trimmed.extend(bins[excess + 1 :])
    return trimmed


class QuantileSketch:
    """A summary of values, with how many of them fell into each bin.

    Attributes:
        count: how many values there are, each weighted by the whole part of 1 / rate.
        min: infinity while the sketch is empty.
        max: minus infinity while the sketch is empty.
        sum: the sum of the values, each weighted by 1 / rate.
        weighted_sum: the sum of the values, each weighted as in *count*.
    """

    __slots__ = (
        "_bin_limit",
        "_max_bin_count",
        "_totals",
        "count",
        "max",
        "min",
        "sum",
        "weighted_sum",
    )

    def __init__(
        self, *, bin_limit: int = BIN_LIMIT, max_bin_count: int = MAX_BIN_COUNT
    ) -> None:
        self._bin_limit = bin_limit
        self._max_bin_count = max_bin_count
        self._totals: dict[int, int] = {}
        self.weighted_sum = 0.0
        self.count = 0
        self.min = inf
        self.max = -inf
        self.sum = 0.0

    @property
    def size(self) -> int:
        """How many different keys there are."""
        return len(self._totals)

    @property
    def memory(self) -> int:
        """The bytes that the bins take, without the object itself."""
        return BIN_BYTES * len(self._totals)

    @property
    def average(self) -> float:
        """The mean, with each value weighted by the whole part of 1 / rate."""
        return self.weighted_sum / self.count if self.count else 0.0

    def insert(self, values: list[float], sample_rate: float = 1.0) -> bool:
        """Add finite *values*; a rate outside (0, 1] is treated as 1.

        Returns False, with nothing added, if the sum or the count would become too
        large to be sent.
        """
        scale, weight = weigh(sample_rate)
        count = self.count + weight * len(values)
        # The values are added one after the other, because `sum` would compensate for
        # rounding, which the Agent does not.
        total = reduce(add, _multiply(values, scale), self.sum)
        if scale == weight and self.weighted_sum == self.sum:
            weighted_sum = total
        else:
            weighted_sum = reduce(add, _multiply(values, weight), self.weighted_sum)
        if count > MAX_SKETCH_COUNT or not (isfinite(total) and isfinite(weighted_sum)):
            return False
        self.count = count
        self.sum = total
        self.weighted_sum = weighted_sum
        if values:
            self._insert_bins(values, weight)
        return True

    def _insert_bins(self, values: list[float], weight: int) -> None:
        """Add finite *values*, at least one, to the bins, min and max only."""
        least, greatest = min(values), max(values)
        self.min = min(self.min, least)
        self.max = max(self.max, greatest)
        totals = self._totals
        if weight == 1 and not totals:
            self._totals = count_keys(values)
        else:
            for key, count in count_keys(values).items():
                totals[key] = totals.get(key, 0) + count * weight
        self._trim()

    def list_bins(self) -> Bins:
        """Return (key, count) pairs, ascending; the key of a full bin is repeated."""
        return split_bins(self._totals, self._max_bin_count)

    def describe(self) -> SketchFigures:
        """Return the figures that are sent."""
        bins = self.list_bins()
        keys = tuple([key for key, _ in bins])
        counts = tuple([count for _, count in bins])
        return (
            self.count,
            self.min,
            self.max,
            self.sum,
            self.average,
            keys,
            counts,
        )

    def _trim(self) -> None:
        # A key is only split once all values together no longer fit into one bin.
        if len(self._totals) > self._bin_limit or self.count > self._max_bin_count:
            bins = split_bins(self._totals, self._max_bin_count)
            if len(bins) > self._bin_limit:
                self._totals = _join_bins(
                    trim_bins(bins, self._bin_limit, self._max_bin_count)
                )


def _multiply(values: list[float], factor: float) -> list[float]:
    return values if factor == 1 else [value * factor for value in values]


def _join_bins(bins: Iterable[tuple[int, int]]) -> dict[int, int]:
    totals: dict[int, int] = {}
    for key, count in bins:
        totals[key] = totals.get(key, 0) + count
    return totals
