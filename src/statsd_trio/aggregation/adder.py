"""Values of one context into a bucket: exactly, and counted.

What no series could hold is refused value by value. Source of what each type keeps:
datadog-agent, pkg/metrics (counter.go, gauge.go, set.go, histogram.go).
"""

from collections.abc import Container, Iterable, Sequence
from itertools import repeat
from math import isfinite
from typing import Final

from statsd_trio.aggregation.bucket import Bucket
from statsd_trio.aggregation.cells import RUN_VALUES, Run, Total
from statsd_trio.aggregation.context import (
    COUNTER,
    DISTRIBUTION,
    GAUGE,
    Context,
)
from statsd_trio.aggregation.conversion import is_any_large
from statsd_trio.aggregation.metrics import Histogram
from statsd_trio.aggregation.sketch import QuantileSketch, weigh
from statsd_trio.ledger import SampleCounters

# Over all sets of one bucket: some 100 MB.
MAX_SET_VALUES: Final = 1_000_000


class Adder:
    """Adds values to buckets."""

    def __init__(self, samples: SampleCounters, *, max_bin_count: int) -> None:
        self._samples = samples
        self._max_bin_count = max_bin_count

    def count(self, values: int) -> None:
        """Count *values* as aggregated, until they are refused."""
        self._samples.parsed += values
        self._samples.aggregated += values

    def drop(self, reasons: Sequence[str]) -> None:
        """Count a value that is not aggregated for each of *reasons*."""
        self._samples.parsed += len(reasons)
        for reason in reasons:
            self._samples.refused[reason] += 1

    def add_numbers(
        self,
        bucket: Bucket,
        context: Context,
        values: Sequence[float],
        sample_rate: float,
    ) -> bool:
        """Add and count *values* of a context that is no set; False if none is kept."""
        before = self._samples.aggregated
        self.count(len(values))
        if context.kind == COUNTER:
            self._add_to_counter(bucket, context, values, sample_rate)
        elif context.kind == GAUGE:
            self._add_to_gauge(bucket, context, values)
        elif (
            sample_rate == 1.0
            and not is_any_large(values)
            and _find_rival(context, bucket.histograms) is None
        ):
            run = bucket.open_run(context, sample_rate)
            self.add_to_runs(bucket, repeat(run), values)
        # At once: it is counted now what is refused, and any number of rates would make
        # as many runs.
        elif context.kind == DISTRIBUTION:
            self._add_to_sketch(bucket, context, list(values), sample_rate)
        else:
            self._add_to_histogram(bucket, context, list(values), sample_rate)
        return self._samples.aggregated > before

    def add_string(self, bucket: Bucket, context: Context, string: bytes) -> None:
        """Add and count a string of a set."""
        self.count(1)
        if _find_rival(context, bucket.gauges) is not None:
            self._refuse("type_clash", 1)
            return
        strings = bucket.open_members(context).strings
        if string not in strings:
            if bucket.reserve_strings(1, MAX_SET_VALUES, are_new=True):
                strings.add(string)
            else:
                self._refuse("set_values", 1)

    def reserve_strings(self, bucket: Bucket, strings: int) -> bool:
        """Make room for *strings*, new or not, in the sets; False if there is none."""
        return bucket.reserve_strings(strings, MAX_SET_VALUES, are_new=False)

    def add_to_runs(
        self, bucket: Bucket, runs: Iterable[Run], values: Iterable[float]
    ) -> None:
        """Add *values*, counted before, each to the run beside it."""
        for run, value in zip(runs, values, strict=False):
            waiting = run.values
            waiting.append(value)
            if len(waiting) == RUN_VALUES:
                bucket.full_runs.append(run)

    def settle(self, bucket: Bucket, run: Run) -> None:
        """Move what waits in *run*, and was counted, to where it belongs."""
        values = run.values.tolist()
        del run.values[:]
        if run.context.kind == DISTRIBUTION:
            self._add_to_sketch(bucket, run.context, values, run.sample_rate)
        else:
            self._add_to_histogram(bucket, run.context, values, run.sample_rate)

    def copy_to_sketch(
        self, bucket: Bucket, context: Context, values: list[float], sample_rate: float
    ) -> int:
        """Add *values* that are counted elsewhere; tell how many it did not take."""
        sketch = bucket.sketches.get(context)
        if sketch is None:
            sketch = bucket.sketches[context] = QuantileSketch(
                max_bin_count=self._max_bin_count
            )
        if sketch.insert(values, sample_rate):
            return 0
        return sum(not sketch.insert([value], sample_rate) for value in values)

    def _add_to_counter(
        self,
        bucket: Bucket,
        context: Context,
        values: Sequence[float],
        sample_rate: float,
    ) -> None:
        scale, _ = weigh(sample_rate)
        total = bucket.counters.get(context) or Total(context)
        for value in values:
            added = total.value + value * scale
            if isfinite(added):
                total.value = added
                bucket.counters[context] = total
            else:
                self._refuse("overflow", 1)

    def _add_to_gauge(
        self, bucket: Bucket, context: Context, values: Sequence[float]
    ) -> None:
        if _find_rival(context, bucket.sets) is None:
            bucket.gauges[context] = values[-1]
        else:
            self._refuse("type_clash", len(values))

    def _add_to_histogram(
        self, bucket: Bucket, context: Context, values: list[float], sample_rate: float
    ) -> None:
        # As in the Agent, where the first sample of a bucket says what it is.
        holder = _find_rival(context, bucket.histograms) or context
        histogram = bucket.histograms.get(holder)
        if histogram is None:
            histogram = bucket.histograms[holder] = Histogram()
        condensed = histogram.insert(values, sample_rate)
        if condensed is not None:
            self._samples.condensed += condensed
        elif len(values) > 1:
            for value in values:
                self._add_to_histogram(bucket, context, [value], sample_rate)
            return
        else:
            self._refuse("overflow", 1)
            return
        if context.relations is not None and context.relations.copy is not None:
            self.copy_to_sketch(bucket, context.relations.copy, values, sample_rate)

    def _add_to_sketch(
        self, bucket: Bucket, context: Context, values: list[float], sample_rate: float
    ) -> None:
        refused = self.copy_to_sketch(bucket, context, values, sample_rate)
        if refused:
            self._refuse("overflow", refused)

    def _refuse(self, reason: str, values: int) -> None:
        self._samples.aggregated -= values
        self._samples.refused[reason] += values


def _find_rival(context: Context, holders: Container[Context]) -> Context | None:
    """Find who already fills, in this bucket, the series that *context* would."""
    if context.relations is None or context.relations.rival is None:
        return None
    rival = context.relations.rival
    return rival if rival in holders else None
