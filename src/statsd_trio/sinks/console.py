"""Print each snapshot as a table for people."""

import datetime as dt
from collections.abc import Iterator
from itertools import chain
from typing import Final, NamedTuple, TextIO

from statsd_trio.aggregation.snapshot import (
    Event,
    Series,
    ServiceCheck,
    Sketch,
    Snapshot,
)
from statsd_trio.output import LineOutput
from statsd_trio.pace import Pace
from statsd_trio.printable import escape
from statsd_trio.sinks.line_writer import write_lines

_HEADINGS: Final = ("METRIC", "TYPE", "VALUE", "TAGS")
# A longer name moves only its own row to the right.
_MAX_WIDTH: Final = 48


class _Row(NamedTuple):
    metric: str
    type: str
    value: str
    tags: str


class ConsoleSink:
    """Writes each snapshot to a text stream."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to *stream*, or to standard output."""
        self._output = LineOutput(stream=stream)

    def check(self) -> None:
        """Check that the stream can be written to.

        Raises:
            OSError: if standard output is closed.
        """
        self._output.check()

    async def __call__(self, snapshot: Snapshot, /) -> None:
        """Write *snapshot*; if it is empty, nothing is written.

        Raises:
            SinkError: if it could not be written completely.
        """
        # The snapshot is read twice, first for the widths of the columns. To keep so
        # many rows, and free them at once, would hold the event loop.
        pace, widths = Pace(), [len(heading) for heading in _HEADINGS]
        for row in _describe_metrics(snapshot):
            for column, cell in enumerate(row):
                widths[column] = max(widths[column], min(len(cell), _MAX_WIDTH))
            if pace.is_over():
                await pace.rest()
        # Characters that the stream cannot show must not make the whole table fail.
        encoding = self._output.encoding
        lines = (
            f"{line}\n".encode(encoding, "replace")
            for line in _lay_out(snapshot, widths)
        )
        await write_lines(self._output, lines, is_line_a_point=False)


def _lay_out(snapshot: Snapshot, widths: list[int]) -> Iterator[str]:
    if snapshot == Snapshot(snapshot.time, snapshot.interval_seconds):
        return
    yield f"--- {_show_time(snapshot.time)}, {snapshot.interval_seconds} s ---"
    if snapshot.series or snapshot.sketches:
        for metric, type_name, value, tags in chain(
            (_HEADINGS,), _describe_metrics(snapshot)
        ):
            yield (
                f"{metric:<{widths[0]}}  {type_name:<{widths[1]}}"
                f"  {value:>{widths[2]}}  {tags}"
            ).rstrip()
    yield from map(_describe_event, snapshot.events)
    yield from map(_describe_service_check, snapshot.service_checks)
    yield ""


def _describe_metrics(snapshot: Snapshot) -> Iterator[_Row]:
    for series in snapshot.series:
        yield from _describe_series(series)
    for sketch in snapshot.sketches:
        yield from _describe_sketch(sketch)


def _describe_series(series: Series) -> Iterator[_Row]:
    tags = _show_tags(series.tags)
    for point in series.points:
        value = f"{point.value:,.6g}" if point.value % 1 else f"{point.value:,.0f}"
        if series.unit:
            value += f" {series.unit}"
        yield _Row(escape(series.name), series.type.name.lower(), value, tags)


def _describe_sketch(sketch: Sketch) -> Iterator[_Row]:
    tags = _show_tags(sketch.tags)
    for point in sketch.points:
        value = (
            f"n={point.count:,} min={point.min:.6g}"
            f" avg={point.average:.6g} max={point.max:.6g}"
        )
        yield _Row(escape(sketch.name), "sketch", value, tags)


def _describe_event(event: Event) -> str:
    text = escape(event.text)
    return f"event [{event.alert_type}] {escape(event.title)}: {text}".rstrip(": ")


def _describe_service_check(check: ServiceCheck) -> str:
    shown = f"check {escape(check.name)}: {check.status.name} {escape(check.message)}"
    return f"{shown.rstrip()} {_show_tags(check.tags)}".rstrip()


def _show_tags(tags: tuple[str, ...]) -> str:
    return escape(" ".join(tags))


def _show_time(seconds: int) -> str:
    time = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
