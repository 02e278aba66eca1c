"""Raw values in, as they stand on the wire; sums, sets and sketches of a bucket out.

While an epoch is open its lists only grow, which is all that the hot path does. Once
sealed it is folded: text becomes numbers, many at a time, and where anything is in
doubt one by one, so that a bad value costs its own line and nothing else.

Source of what each type keeps: datadog-agent, pkg/metrics (counter.go, gauge.go,
set.go, histogram.go).
"""

from collections.abc import Callable, Container, Iterator
from itertools import chain
from math import isfinite
from typing import Final, Protocol

from statsd_trio.aggregation.bucket import Bucket
from statsd_trio.aggregation.context import COUNTER, SET, TYPES, Context
from statsd_trio.aggregation.metrics import Histogram
from statsd_trio.aggregation.sketch import QuantileSketch, weigh
from statsd_trio.errors import ParseError, Reason
from statsd_trio.ledger import SampleCounters
from statsd_trio.protocol.numbers import parse_numbers

# What is folded between two chances for others to run: some 0.3 ms.
SLICE_VALUES: Final = 1024
# What a list costs besides its values, in values.
_LIST_COST: Final = 4
SLICE_BYTES: Final = 16 * 1024

# Over all sets of one bucket: some 100 MB.
MAX_SET_VALUES: Final = 1_000_000

# For contexts that came back but found the table full.
REFUSED: Final = len(TYPES)

_DIGITS: Final = b"0123456789.eE+-:"

Cells = tuple[dict[Context, list[bytes]], ...]
Pieces = list[tuple[Context, list[bytes]]]


class Report(Protocol):
    """Who wants to know of lines that were found bad only when folded."""

    def late_rejection(
        self, name: str, reason: Reason, lines: int, example: bytes
    ) -> None:
        """Note that *lines* of the metric *name* had a bad value, such as *example*."""
        ...


def make_cells() -> Cells:
    """Make the empty lists of one sample rate."""
    return tuple({} for _ in range(REFUSED + 1))


class Epoch:
    """Raw values since the last seal, by rate, type and context.

    Attributes:
        cells: those without a sample rate, or whose type does not heed it.
        sampled: the others, by rate.
        time: the last that was known when it was sealed.
    """

    __slots__ = ("bucket", "cells", "sampled", "time")

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.cells = make_cells()
        self.sampled: dict[float, Cells] = {}
        self.time = 0.0

    def is_empty(self) -> bool:
        """Tell whether no list was handed out."""
        return not self.sampled and not any(self.cells)


Adder = Callable[[Bucket, Context, list[float], float], None]


class Folder:
    """Folds epochs into their buckets, and counts the samples in them."""

    def __init__(
        self, samples: SampleCounters, report: Report, *, max_bin_count: int
    ) -> None:
        self._samples = samples
        self._report = report
        self._max_bin_count = max_bin_count
        self._time = 0.0
        self._adders: tuple[Adder, ...] = (
            self._add_to_counter,
            self._add_to_gauge,
            self._add_to_counter,  # sets are not numbers
            self._add_to_histogram,
            self._add_to_histogram,
            self.add_to_sketch,
        )

    def fold(self, epoch: Epoch) -> Iterator[None]:
        """Fold a sealed *epoch* and empty it, a slice at a time."""
        self._time = epoch.time
        rates = [(1.0, epoch.cells), *epoch.sampled.items()]
        for sample_rate, cells in rates:
            for kind, lists in enumerate(cells):
                for pieces in _slice(lists):
                    if kind == SET:
                        self._fold_sets(epoch.bucket, pieces)
                    elif kind == REFUSED:
                        self._fold_refused(pieces)
                    else:
                        self._fold_numbers(epoch.bucket, kind, pieces, sample_rate)
                    yield

    def _fold_numbers(
        self, bucket: Bucket, kind: int, pieces: Pieces, sample_rate: float
    ) -> None:
        add = self._adders[kind]
        raws = pieces[0][1] if len(pieces) == 1 else _flatten(pieces)
        values = _convert_all(raws)
        if values is None:
            for context, raws in pieces:
                values = self._convert(context, raws)
                if values:
                    self._count(len(values))
                    add(bucket, context, values, sample_rate)
            return
        self._count(len(values))
        if kind == COUNTER:
            self._add_to_counters(bucket, pieces, values, sample_rate)
            return
        begin = 0
        for context, raws in pieces:
            end = begin + len(raws)
            add(bucket, context, values[begin:end], sample_rate)
            begin = end

    def _convert(self, context: Context, raws: list[bytes]) -> list[float]:
        packed = _convert_packed(raws)
        if packed is not None:
            return packed
        values: list[float] = []
        for raw in raws:
            try:
                values.extend(parse_numbers(raw))
            except ParseError as error:
                self._report.late_rejection(context.name, error.reason, 1, raw)
        return values

    def _add_to_counters(
        self, bucket: Bucket, pieces: Pieces, values: list[float], sample_rate: float
    ) -> None:
        # What `_add_to_counter` does, without a call for each: counters are most.
        scale = 1.0 if sample_rate == 1.0 else weigh(sample_rate)[0]
        counters = bucket.counters
        time = self._time
        begin = 0
        for context, raws in pieces:
            end = begin + len(raws)
            added = values[begin] if end == begin + 1 else sum(values[begin:end])
            total = counters.get(context, 0.0) + added * scale
            if isfinite(total):
                counters[context] = total
                context.last_counted = time
            else:
                self._add_to_counter(bucket, context, values[begin:end], sample_rate)
            begin = end

    def _add_to_counter(
        self, bucket: Bucket, context: Context, values: list[float], sample_rate: float
    ) -> None:
        scale = 1.0 if sample_rate == 1.0 else weigh(sample_rate)[0]
        before = bucket.counters.get(context, 0.0)
        total = before + sum(values) * scale
        if isfinite(total):
            bucket.counters[context] = total
            context.last_counted = self._time
        elif len(values) > 1:
            for value in values:
                self._add_to_counter(bucket, context, [value], sample_rate)
        else:
            self._refuse("overflow", 1)

    def _add_to_gauge(
        self, bucket: Bucket, context: Context, values: list[float], _: float
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

    def add_to_sketch(
        self, bucket: Bucket, context: Context, values: list[float], sample_rate: float
    ) -> None:
        """Add *values*, counting those that it cannot take as refused."""
        refused = self.copy_to_sketch(bucket, context, values, sample_rate)
        if refused:
            self._refuse("overflow", refused)

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

    def _fold_sets(self, bucket: Bucket, pieces: Pieces) -> None:
        for context, raws in pieces:
            texts = self._decode(context, raws)
            self._count(len(texts))
            if _find_rival(context, bucket.gauges) is not None:
                self._refuse("type_clash", len(texts))
            elif texts:
                self._add_to_set(bucket, context, texts)

    def _decode(self, context: Context, raws: list[bytes]) -> list[str]:
        texts: list[str] = []
        try:
            decoded = [raw.decode() for raw in raws]
        except UnicodeDecodeError:
            decoded = [""]
        if "" not in decoded:
            return decoded
        for raw in raws:
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                self._report.late_rejection(context.name, Reason.NOT_UTF8, 1, raw)
                continue
            if text:
                texts.append(text)
            else:
                self._report.late_rejection(context.name, Reason.EMPTY_VALUE, 1, raw)
        return texts

    def _add_to_set(self, bucket: Bucket, context: Context, texts: list[str]) -> None:
        known = bucket.sets.get(context)
        if known is None:
            known = bucket.sets[context] = set()
        before = len(known)
        room = MAX_SET_VALUES - bucket.set_values
        if len(texts) <= room:
            known.update(texts)
        else:
            for text in texts:
                if text in known or len(known) - before < room:
                    known.add(text)
                else:
                    self._refuse("set_values", 1)
        bucket.set_values += len(known) - before

    def _fold_refused(self, pieces: Pieces) -> None:
        for context, raws in pieces:
            if context.kind == SET:
                count = len(self._decode(context, raws))
            else:
                count = len(self._convert(context, raws))
            self._count(count)
            self._refuse("max_contexts", count)

    def _count(self, values: int) -> None:
        self._samples.parsed += values
        self._samples.aggregated += values

    def _refuse(self, reason: str, values: int) -> None:
        self._samples.aggregated -= values
        self._samples.refused[reason] += values


def _slice(lists: dict[Context, list[bytes]]) -> Iterator[Pieces]:
    """Take everything out of *lists*, in parts that are small enough for one go."""
    pieces: Pieces = []
    values = size = 0
    while lists:
        # Taken out one by one, so that no slice has to free them all.
        context, raws = lists.popitem()
        if not raws:
            continue
        length = len(raws[0]) if len(raws) == 1 else sum(map(len, raws))
        if len(raws) > SLICE_VALUES or length > SLICE_BYTES:
            for part in _split(raws):
                yield [(context, part)]
            continue
        pieces.append((context, raws))
        values += len(raws) + _LIST_COST
        size += length
        if values >= SLICE_VALUES or size >= SLICE_BYTES:
            yield pieces
            pieces = []
            values = size = 0
    if pieces:
        yield pieces


def _split(raws: list[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for raw in raws:
        part.append(raw)
        size += len(raw)
        if len(part) >= SLICE_VALUES or size >= SLICE_BYTES:
            yield part
            part = []
            size = 0
    if part:
        yield part


def _flatten(pieces: Pieces) -> list[bytes]:
    return list(chain.from_iterable([raws for _, raws in pieces]))


def _convert_all(raws: list[bytes]) -> list[float] | None:
    """Convert one number each; None where anything is in doubt."""
    # float() takes more than the protocol does: underscores, spaces, nan, inf.
    if b":".join(raws).translate(None, _DIGITS):
        return None
    try:
        values = list(map(float, raws))
    except ValueError:
        return None
    return values if isfinite(sum(values)) else None


def _convert_packed(raws: list[bytes]) -> list[float] | None:
    """Convert one or more numbers each; None where anything is in doubt."""
    joined = b":".join(raws)
    if joined.translate(None, _DIGITS):
        return None
    try:
        values = list(map(float, joined.split(b":")))
    except ValueError:
        return None
    return values if isfinite(sum(values)) else None


def _find_rival(context: Context, holders: Container[Context]) -> Context | None:
    """Find who already fills, in this bucket, the series that *context* would."""
    if context.relations is None or context.relations.rival is None:
        return None
    rival = context.relations.rival
    return rival if rival in holders else None
