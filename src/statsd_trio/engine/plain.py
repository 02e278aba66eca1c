"""The engine in Python, which defines what is right.

Its loop looks up the head of each line in a dictionary, and calls the function found
there to add the value. Each metric type has its own file: `counter`, `gauge` and `set`.
Histograms, timers and distributions share `value_buffer`, with the summaries
`histogram` and `sketch`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from statsd_trio.engine.accumulators import (
    EXACT_ONLY,
    FORGOTTEN,
    NO_TICK,
    Accumulators,
)
from statsd_trio.engine.context import (
    COUNTER,
    DISTRIBUTION,
    GAUGE,
    SET,
    Context,
)
from statsd_trio.engine.counter import Counter, CounterHead
from statsd_trio.engine.engine import Taken
from statsd_trio.engine.gauge import Gauge, GaugeHead
from statsd_trio.engine.heads import AddText, HeadCache, cut_head
from statsd_trio.engine.histogram import Histogram
from statsd_trio.engine.memory import EngineMemory
from statsd_trio.engine.plain_bucket import HistogramFigures, PlainBucket
from statsd_trio.engine.set import Room, SetHead, StringSet
from statsd_trio.engine.sketch import QuantileSketch
from statsd_trio.engine.value_buffer import ValueBuffer, ValueHead
from statsd_trio.engine.value_text import check_string, read_number, read_numbers


class PlainEngine:
    """Implements `Engine`.

    Attributes:
        name: the engine's name in the log and the ledger.
        condensed: how many histogram values were only kept to a sketch's precision.
    """

    def __init__(
        self,
        *,
        aggregates: tuple[str, ...],
        percentiles: tuple[int, ...],
        count_divisor: float,
        max_heads: int,
        max_set_values: int,
        max_bin_count: int,
    ) -> None:
        """Make an engine; the arguments are those of `MakeEngine`."""
        self.name = "plain"
        self.condensed = 0
        self._figures = HistogramFigures(aggregates, percentiles, count_divisor)
        self._memory = EngineMemory()
        self._heads = HeadCache(max_heads, self._memory.heads)
        self._filtered = 0
        self._max_set_values = max_set_values
        self._max_bin_count = max_bin_count
        self._room = Room(max_set_values, self._memory.sets)
        self._due: list[ValueBuffer] = []
        self._second = 0
        self._has_dropped = False
        self._counters = Accumulators(Counter)
        self._gauges = Accumulators(Gauge)
        self._sets = Accumulators(self._make_set)
        self._distributions = Accumulators(self._make_distribution)
        self._histograms = Accumulators(self._make_histogram)
        self._types = (
            self._counters,
            self._gauges,
            self._sets,
            self._histograms,
            self._distributions,
        )
        self._by_kind = (
            self._counters,
            self._gauges,
            self._sets,
            self._histograms,
            self._histograms,  # Timers, which are aggregated as histograms.
            self._distributions,
        )

    @property
    def is_used(self) -> bool:
        """Whether the open bucket got a sample, even if all of it was dropped."""
        return self._has_dropped or any(type_.held for type_ in self._types)

    @property
    def memory_used(self) -> tuple[int, int, int]:
        """The estimated bytes that heads, strings of sets, and values take."""
        memory = self._memory
        return memory.heads.used, memory.sets.used, memory.values.used

    def limit_memory(self, heads: int, sets: int, values: int) -> None:
        """Set how many bytes heads, strings of sets, and values may take."""
        self._memory.heads.limit = heads
        self._memory.sets.limit = sets
        self._memory.values.limit = values

    def take(self, chunk: bytes, give_back: Callable[[bytes], None]) -> Taken:
        """Add every line of *chunk* whose head is known and whose values are good."""
        heads = self._heads
        find = heads.young.get
        filtered_before = self._filtered
        lines = chunk.split(b"\n")
        values = others = 0
        for line in lines:
            name, colon, rest = line.partition(b":")
            value, _, tail = rest.partition(b"|")
            head = name + colon + tail
            add_text = find(head) or heads.recall(head)
            if add_text is not None:
                try:
                    values += add_text(value)
                except ValueError:
                    pass  # A value is in doubt, and nothing was added.
                else:
                    continue
            others += 1
            if line not in {b"", b"\r"}:
                give_back(line)
                # Giving the line back may have changed the rules.
                find = heads.young.get
        filtered = self._filtered - filtered_before
        return len(lines) - others - filtered, filtered, values

    def learn(
        self, line: bytes, kind: int, context: Context | None, sample_rate: float
    ) -> None:
        """Add lines with the head of *line* to *context* from now on."""
        head = cut_head(line)
        if self._heads.is_worth_keeping(head):
            self._heads.keep(head, self._make_head(kind, context, sample_rate))

    def add(
        self,
        context: Context,
        values: Sequence[float] | Sequence[bytes],
        sample_rate: float,
    ) -> Mapping[str, int]:
        """Add finite numbers, or the UTF-8 strings of a set, to *context*."""
        kind = context.kind
        if kind == SET:
            strings = cast("Sequence[bytes]", values)
            dropped_strings = self._sets.open(context).add(strings)
            self._has_dropped = self._has_dropped or bool(dropped_strings)
            return dropped_strings
        numbers = cast("Sequence[float]", values)
        if kind == GAUGE:
            self._gauges.open(context).value = numbers[-1]
            return {}
        if kind == COUNTER:
            return self._add_to_counter(context, numbers, sample_rate)
        buffers = self._distributions if kind == DISTRIBUTION else self._histograms
        buffer = buffers.open(context)
        if not buffer.reserve(len(numbers)):
            return self._drop("memory", len(numbers))
        return self._drop("overflow", buffer.add(numbers, sample_rate))

    def require_exact(self, context: Context) -> None:
        """Give all lines of *context* back from now on, even if their head is known."""
        context.handle = EXACT_ONLY
        self._by_kind[context.kind].release(context)

    def is_filled(self, context: Context) -> bool:
        """Return whether the open bucket has anything of *context*."""
        return context in self._by_kind[context.kind].held

    def forget(self, context: Context) -> None:
        """Stop adding lines to *context*."""
        context.handle = FORGOTTEN

    def forget_heads(self) -> None:
        """Forget every head."""
        self._heads.clear()

    def advance(self, now: float) -> None:
        """Set the time of use, in unix seconds."""
        second = int(now)
        if second != self._second:
            self._second = second
            for type_ in self._types:
                type_.advance(second)
        self._heads.advance(now)

    def tidy(self) -> bool:
        """Drain a part of a full buffer, or free some forgotten heads."""
        if self._due:
            buffer = self._due[-1]
            if not buffer.drain():
                self._due.pop()
            if buffer.tick == NO_TICK:
                # Memory may have run out, so whoever wants to add has to ask first.
                self._histograms.tick += 1
                self._distributions.tick += 1
            return True
        return self._heads.free_some()

    def close(self) -> PlainBucket:
        """Close the open bucket and open the next one, in constant time."""
        bucket = PlainBucket(
            self._figures,
            counters=self._counters.close(),
            gauges=self._gauges.close(),
            sets=self._sets.close(),
            histograms=self._histograms.close(),
            distributions=self._distributions.close(),
            memory=self._memory,
        )
        self._room = Room(self._max_set_values, self._memory.sets)
        self._due = []
        self._has_dropped = False
        return bucket

    def _make_head(
        self, kind: int, context: Context | None, sample_rate: float
    ) -> AddText:
        if context is None:
            return self._filter_string if kind == SET else self._filter_number
        if kind == COUNTER:
            return CounterHead(self._counters, context, sample_rate).add_text
        if kind == GAUGE:
            return GaugeHead(self._gauges, context).add_text
        if kind == SET:
            return SetHead(self._sets, context).add_text
        buffers = self._distributions if kind == DISTRIBUTION else self._histograms
        return ValueHead(buffers, context, sample_rate).add_text

    def _filter_number(self, text: bytes) -> int:
        if b":" in text:
            read_numbers(text)
        else:
            read_number(text)
        self._filtered += 1
        return 0

    def _filter_string(self, text: bytes) -> int:
        check_string(text)
        self._filtered += 1
        return 0

    def _add_to_counter(
        self, context: Context, values: Sequence[float], sample_rate: float
    ) -> Mapping[str, int]:
        # It is only held once there is something to send.
        counter = self._counters.held.get(context) or Counter(context)
        dropped = counter.add(values, sample_rate)
        if dropped < len(values):
            self._counters.keep(counter)
        return self._drop("overflow", dropped)

    def _drop(self, reason: str, values: int) -> Mapping[str, int]:
        if not values:
            return {}
        self._has_dropped = True
        return {reason: values}

    def _make_set(self, context: Context) -> StringSet:
        return StringSet(context, self._room)

    def _make_histogram(self, context: Context) -> ValueBuffer:
        histogram = Histogram(self._note_condensed)
        buffer = ValueBuffer(context, histogram, self._due, self._memory.values)
        if context.copy is not None:
            buffer.copy = self._distributions.open(context.copy)
        return buffer

    def _make_distribution(self, context: Context) -> ValueBuffer:
        sketch = QuantileSketch(max_bin_count=self._max_bin_count)
        return ValueBuffer(context, sketch, self._due, self._memory.values)

    def _note_condensed(self, values: int) -> None:
        self.condensed += values
