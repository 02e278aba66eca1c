"""The settings of aggregation that an operator may choose."""

from collections.abc import Callable, Iterable

import attrs


@attrs.frozen(kw_only=True)
class AggregationSettings:
    """Settings with the meaning of the Agent's keys, and some that the Agent lacks.

    Attributes:
        interval_seconds: the width of a bucket.
        hostname: the host of samples, events and checks that do not name one.
        tags: added to every context, event and check.
        counter_type: ``rate`` (sum / interval) as the Agent, or ``count`` (sum).
        counter_expiry_seconds: how long zeros are sent for an idle counter.
        context_expiry_seconds: how long an unused context is kept; for a counter, this
            time begins after its zeros.
        histogram_aggregates: any of min, max, median, avg, sum and count.
        histogram_percentiles: in percent.
        keeps_histogram_values: whether a snapshot also has a sketch of each histogram
            and timer, besides its figures.
        max_memory_bytes: the limit for contexts, heads of lines, strings of sets, and
            values.
        max_bin_count: the greatest count of one bin of a sketch; 65535 in older Agents.
        is_blocked: returns whether the operator does not want a generated series of a
            histogram, such as ``latency.max``.
    """

    interval_seconds: int = 10
    hostname: str = ""
    tags: tuple[str, ...] = ()
    counter_type: str = "rate"
    counter_expiry_seconds: float = 300.0
    context_expiry_seconds: float = 20.0
    max_contexts: int = 100_000
    max_memory_bytes: int = 256 * 1024 * 1024
    histogram_aggregates: tuple[str, ...] = ("max", "median", "avg", "count")
    histogram_percentiles: tuple[int, ...] = (95,)
    histogram_copy_to_distribution: bool = False
    histogram_copy_to_distribution_prefix: str = ""
    keeps_histogram_values: bool = False
    max_bin_count: int = 2**32 - 1
    is_blocked: Callable[[str], bool] | None = None

    @property
    def figures(self) -> tuple[str, ...]:
        """The suffixes, after the name and a dot, of the series of a histogram."""
        return name_figures(self.histogram_aggregates, self.histogram_percentiles)

    @property
    def count_divisor(self) -> float:
        """What the counts of counters and histograms are divided by."""
        return float(self.interval_seconds) if self.counter_type == "rate" else 1.0


def name_figures(
    aggregates: Iterable[str], percentiles: Iterable[int]
) -> tuple[str, ...]:
    """Return the suffixes, after the name and a dot, of the series of a histogram."""
    return (*aggregates, *(f"{percentile}percentile" for percentile in percentiles))
