"""What the plain engine aggregated in one interval, to be walked once."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

import attrs

from statsd_trio.engine.context import Context
from statsd_trio.engine.counter import Counter
from statsd_trio.engine.deferred_free import DeferredFree
from statsd_trio.engine.engine import SketchFigures
from statsd_trio.engine.gauge import Gauge
from statsd_trio.engine.histogram import Histogram
from statsd_trio.engine.memory import EngineMemory
from statsd_trio.engine.set import StringSet
from statsd_trio.engine.sketch import QuantileSketch
from statsd_trio.engine.value_buffer import ValueBuffer

# How many values one call may summarize, which takes about 0.5 ms.
_VALUES_AT_ONCE: Final = 2048

# The fixed cost of a summary, expressed as a number of values.
_SUMMARY_COST: Final = 32

# A set with fewer strings than this is freed together with others.
_FEW_STRINGS: Final = 64


@attrs.frozen
class HistogramFigures:
    """The figures to compute for each histogram: aggregates first, then percentiles."""

    aggregates: tuple[str, ...]
    percentiles: tuple[int, ...]
    count_divisor: float


class PlainBucket:
    """The closed bucket of a `PlainEngine`."""

    def __init__(
        self,
        figures: HistogramFigures,
        *,
        counters: dict[Context, Counter],
        gauges: dict[Context, Gauge],
        sets: dict[Context, StringSet],
        histograms: dict[Context, ValueBuffer],
        distributions: dict[Context, ValueBuffer],
        memory: EngineMemory,
    ) -> None:
        self._figures = figures
        self._memory = memory
        self._counters = iter(counters.values())
        self._gauges = iter(gauges.values())
        self._sets = iter(sets.values())
        self._histograms = iter(histograms.values())
        self._distributions = iter(distributions.values())
        self._garbage = DeferredFree()
        holders: tuple[dict[Context, Any], ...] = (
            counters,
            gauges,
            sets,
            histograms,
            distributions,
        )
        for holder in holders:
            self._garbage.add(holder)

    def take_counters(self, limit: int) -> Sequence[tuple[Context, int, float]]:
        """Take out counters with their totals."""
        return [
            (counter.context, counter.last_seen, counter.total)
            for counter in islice(self._counters, limit)
        ]

    def take_gauges(self, limit: int) -> Sequence[tuple[Context, int, float]]:
        """Take out gauges with their last values."""
        return [
            (gauge.context, gauge.last_seen, gauge.value)
            for gauge in islice(self._gauges, limit)
        ]

    def take_sets(self, limit: int) -> Sequence[tuple[Context, int, int]]:
        """Take out sets with how many different values they have."""
        taken: list[tuple[Context, int, int]] = []
        for strings in islice(self._sets, limit):
            taken.append((strings.context, strings.last_seen, len(strings.strings)))
            # Heads may refer to the accumulator for a while, so the strings are let go
            # here.
            if len(strings.strings) > _FEW_STRINGS:
                self._garbage.add(strings.strings)
            strings.strings = set()
            self._memory.sets.give_back(strings.size)
            strings.size = 0
        return taken

    def take_histograms(self, limit: int) -> Sequence[tuple[Context, int, list[float]]]:
        """Take out histograms and timers with their aggregates and percentiles."""
        figures = self._figures
        taken: list[tuple[Context, int, list[float]]] = []
        for buffer in _take_drained(self._histograms, limit):
            histogram = buffer.summary
            row: list[float] = []
            if isinstance(histogram, Histogram) and histogram.count:
                row = histogram.summarise(
                    figures.aggregates, figures.percentiles, figures.count_divisor
                )
            self._forget_values(buffer)
            taken.append((buffer.context, buffer.last_seen, row))
        return taken

    def take_sketches(self, limit: int) -> Sequence[tuple[Context, int, SketchFigures]]:
        """Take out distributions with their sketches."""
        taken: list[tuple[Context, int, SketchFigures]] = []
        for buffer in _take_drained(self._distributions, limit):
            sketch = buffer.summary
            if isinstance(sketch, QuantileSketch):
                taken.append((buffer.context, buffer.last_seen, sketch.describe()))
            self._forget_values(buffer)
        return taken

    def _forget_values(self, buffer: ValueBuffer) -> None:
        # Heads may refer to the accumulator for a while, so the values are let go here.
        buffer.summary = None
        self._memory.values.give_back(buffer.reserved)
        buffer.reserved = 0

    def free(self, limit: int) -> bool:
        """Free up to *limit* of what was taken out; return True while more remains."""
        return self._garbage.free(limit)


def _take_drained(buffers: Iterator[ValueBuffer], limit: int) -> Iterator[ValueBuffer]:
    """Drain and yield up to *limit* of *buffers*, or fewer if they hold much."""
    left = _VALUES_AT_ONCE
    for buffer in islice(buffers, limit):
        left -= _SUMMARY_COST + buffer.size
        while buffer.drain():
            pass
        yield buffer
        if left <= 0:
            return
