"""Snapshots as a table that a person can read, one a flush."""

import datetime as dt
import sys
from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple, TextIO

import trio

from statsd_trio.aggregation.snapshot import (
    Event,
    Series,
    ServiceCheck,
    Sketch,
    Snapshot,
)
from statsd_trio.sinks.pace import Pace

_HEADINGS: Final = ("METRIC", "TYPE", "VALUE", "TAGS")
# Longer names push their row to the right, and no other.
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
        self._stream = stream

    async def __call__(self, snapshot: Snapshot, /) -> None:
        """Write *snapshot*; nothing at all if it is empty.

        Raises:
            OSError: if it could not be written to its end.
        """
        pace = Pace()
        rows = list[_Row]()
        for row in _describe_metrics(snapshot):
            rows.append(row)
            if pace.is_over():
                await pace.rest()
        lines = list[str]()
        for line in _lay_out(snapshot, rows):
            lines.append(f"{line}\n")
            if pace.is_over():
                await pace.rest()
        # Whoever reads the other end of a pipe may never do so.
        await trio.to_thread.run_sync(
            partial(self._write, lines), abandon_on_cancel=True
        )

    def _write(self, lines: list[str]) -> None:
        stream = self._stream or sys.stdout
        # What the stream cannot show must not cost the whole table.
        encoding = stream.encoding or "utf-8"
        for line in lines:
            stream.write(line.encode(encoding, "replace").decode(encoding))
        stream.flush()


def _lay_out(snapshot: Snapshot, rows: list[_Row]) -> Iterator[str]:
    others = [
        *map(_describe_event, snapshot.events),
        *map(_describe_service_check, snapshot.service_checks),
    ]
    if not rows and not others:
        return
    yield f"--- {_show_time(snapshot.time)}, {snapshot.interval_seconds} s ---"
    if rows:
        widths = [
            min(max(map(len, column)), _MAX_WIDTH)
            for column in zip(_HEADINGS, *rows, strict=True)
        ]
        for metric, type_name, value, tags in (_HEADINGS, *rows):
            yield (
                f"{metric:<{widths[0]}}  {type_name:<{widths[1]}}"
                f"  {value:>{widths[2]}}  {tags}"
            ).rstrip()
    yield from others
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
        yield _Row(_show(series.name), series.type.name.lower(), value, tags)


def _describe_sketch(sketch: Sketch) -> Iterator[_Row]:
    tags = _show_tags(sketch.tags)
    for point in sketch.points:
        value = (
            f"n={point.count:,} min={point.min:.6g}"
            f" avg={point.average:.6g} max={point.max:.6g}"
        )
        yield _Row(_show(sketch.name), "sketch", value, tags)


def _describe_event(event: Event) -> str:
    text = _show(event.text)
    return f"event [{event.alert_type}] {_show(event.title)}: {text}".rstrip(": ")


def _describe_service_check(check: ServiceCheck) -> str:
    shown = f"check {_show(check.name)}: {check.status.name} {_show(check.message)}"
    return f"{shown.rstrip()} {_show_tags(check.tags)}".rstrip()


def _show_tags(tags: tuple[str, ...]) -> str:
    return _show(" ".join(tags))


def _show(text: str) -> str:
    """Escape what would move the cursor or change the terminal."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def _show_time(seconds: int) -> str:
    time = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
