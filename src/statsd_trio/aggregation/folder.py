"""Lanes of raw values in; sums, sets and samples of a bucket out.

Text becomes numbers many at a time, and where anything is in doubt one by one, so that
a bad value costs its own line and nothing else.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Protocol

from statsd_trio.aggregation.adder import Adder
from statsd_trio.aggregation.bucket import Bucket
from statsd_trio.aggregation.cells import Members, Run, Total
from statsd_trio.aggregation.context import COUNTER, GAUGE, SET, TYPES, Context
from statsd_trio.aggregation.conversion import (
    are_texts,
    convert_all,
    convert_packed,
    read_values,
)
from statsd_trio.aggregation.lane import Lane
from statsd_trio.aggregation.sketch import weigh
from statsd_trio.errors import ParseError, Reason
from statsd_trio.protocol.encoding import decode_escaped, replace_escaped

# What is folded between two chances for others to run: 0.5 ms of single values, up to
# 3 ms of packed ones.
SLICE_LINES: Final = 2048
SLICE_BYTES: Final = 16 * 1024

# Lines that are read one by one, at up to 4 us if they are bad.
SLICE_DOUBTFUL: Final = 256


class Report(Protocol):
    """Who wants to know of lines that were found bad only when folded."""

    def late_rejection(
        self, name: str, reason: Reason, lines: int, example: bytes
    ) -> None:
        """Note that *lines* of the metric *name* had a bad value, such as *example*."""
        ...

    def late_repair(self, name: str, example: bytes) -> None:
        """Note that the value *example* of the set *name* was not UTF-8."""
        ...


_Add = Callable[[Bucket, list[Any], list[float], float], None]


class Folder:
    """Folds what waits in lanes into a bucket."""

    def __init__(self, adder: Adder, report: Report) -> None:
        self._adder = adder
        self._report = report
        # A lane's cells are of one class, which its type decides.
        adds: dict[int, _Add] = {COUNTER: _add_to_totals, GAUGE: _add_to_gauges}
        self._adds = tuple([adds.get(k, self._add_to_runs) for k in range(len(TYPES))])

    def fold(self, bucket: Bucket, lanes: Iterable[Lane]) -> Iterator[None]:
        """Empty *lanes* into *bucket*, a slice at a time."""
        lines = size = 0
        for lane in lanes:
            if not lane.raws:
                continue
            for cells, raws, joined in _slice(*lane.take()):
                fold = self._fold_strings if lane.kind == SET else self._fold_numbers
                if not fold(bucket, lane, cells, raws, joined):
                    for start in range(0, len(raws), SLICE_DOUBTFUL):
                        part = slice(start, start + SLICE_DOUBTFUL)
                        self._fold_one_by_one(bucket, lane, cells[part], raws[part])
                        lines = size = 0
                        yield
                    continue
                lines += len(raws)
                size += len(joined)
                if lines >= SLICE_LINES or size >= SLICE_BYTES:
                    lines = size = 0
                    yield

    def _fold_numbers(
        self,
        bucket: Bucket,
        lane: Lane,
        cells: list[Any],
        raws: list[bytes],
        joined: bytes,
    ) -> bool:
        """Fold numbers in bulk; False, with nothing done, where any is in doubt."""
        values = convert_all(raws, joined)
        if values is None:
            packed = convert_packed(cells, raws, joined)
            if packed is None:
                return False
            cells, values = packed
        self._adder.count(len(values))
        self._adds[lane.kind](bucket, cells, values, lane.sample_rate)
        return True

    def _fold_one_by_one(
        self, bucket: Bucket, lane: Lane, cells: list[Any], raws: list[bytes]
    ) -> None:
        for cell, raw in zip(cells, raws, strict=True):
            context: Context = cell if lane.kind == GAUGE else cell.context
            try:
                values, dropped = read_values(lane.kind, raw)
            except ParseError as error:
                if lane.kind == SET and error.reason is Reason.NOT_UTF8:
                    repaired = replace_escaped(decode_escaped(raw)).encode()
                    self._adder.add_string(bucket, context, repaired)
                    self._report.late_repair(context.name, raw)
                    continue
                self._report.late_rejection(context.name, error.reason, 1, raw)
                continue
            self._adder.drop(dropped)
            if lane.kind == SET:
                self._adder.add_string(bucket, context, raw)
            else:
                numbers = [float(value) for value in values]
                self._adder.add_numbers(bucket, context, numbers, lane.sample_rate)

    def _fold_strings(
        self,
        bucket: Bucket,
        _: Lane,
        cells: list[Members],
        raws: list[bytes],
        joined: bytes,
    ) -> bool:
        """Fold strings in bulk; False, with nothing done, where any is in doubt."""
        if not (
            are_texts(raws, joined) and self._adder.reserve_strings(bucket, len(raws))
        ):
            return False
        self._adder.count(len(raws))
        for members, raw in zip(cells, raws, strict=True):
            members.strings.add(raw)
        return True

    def _add_to_runs(
        self, bucket: Bucket, cells: list[Run], values: list[float], _: float
    ) -> None:
        self._adder.add_to_runs(bucket, cells, values)


def _add_to_totals(
    _: Bucket, cells: list[Total], values: list[float], sample_rate: float
) -> None:
    if sample_rate != 1.0:
        scale, _weight = weigh(sample_rate)
        values = [value * scale for value in values]
    for total, value in zip(cells, values, strict=True):
        total.value += value


def _add_to_gauges(
    bucket: Bucket, cells: list[Context], values: list[float], _: float
) -> None:
    bucket.gauges.update(zip(cells, values, strict=True))


def _slice(
    cells: list[Any], raws: list[bytes]
) -> Iterator[tuple[list[Any], list[bytes], bytes]]:
    """Part *raws*, if they are too much for one go; join each part with colons."""
    joined = b":".join(raws)
    if len(raws) <= SLICE_LINES and len(joined) <= SLICE_BYTES:
        yield cells, raws, joined
        return
    begin = size = 0
    for end, raw in enumerate(raws, 1):
        size += len(raw) + 1
        if end - begin >= SLICE_LINES or size >= SLICE_BYTES or end == len(raws):
            part = raws[begin:end]
            yield cells[begin:end], part, b":".join(part)
            begin = end
            size = 0
