"""Snapshots as JSON, one object a line, to a file or to standard output.

Every line has ``kind``; the rest follows from it:

* ``point``: ``name``, ``type`` (count, rate or gauge), ``timestamp``, ``value``,
  ``tags``, ``host``, ``device``, ``resources`` (pairs of type and name),
  ``interval`` (seconds), ``unit``
* ``sketch``, one a bucket: ``name``, ``timestamp``, ``count``, ``min``, ``max``,
  ``sum``, ``average``, ``keys``, ``counts``, ``tags``, ``host``
* ``event``: ``title``, ``text``, ``timestamp``, ``host``, ``aggregation_key``,
  ``priority``, ``source_type_name``, ``alert_type``, ``tags``
* ``service_check``: ``name``, ``status`` (0 to 3), ``timestamp``, ``host``,
  ``message``, ``tags``

Timestamps are unix seconds. The file is opened for each snapshot and appended to, so
that it may be rotated at any time. It is made with mode 0600, since it holds what
clients send.
"""

import json
import os
from collections.abc import Iterator
from typing import BinaryIO

from statsd_trio.aggregation.snapshot import (
    Event,
    Series,
    ServiceCheck,
    Sketch,
    Snapshot,
)
from statsd_trio.output import LineOutput
from statsd_trio.sinks.line_writer import write_lines


class JsonLinesSink:
    """Writes each snapshot and flushes it, in a worker thread."""

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        stream: BinaryIO | None = None,
    ) -> None:
        """Write to the file at *path*, else to *stream*, else to standard output."""
        self._output = LineOutput(path, stream)

    def check(self) -> None:
        """Make the file if it is missing, and find out whether it can be written to.

        Raises:
            OSError: naming the file, or standard output, if it cannot.
        """
        self._output.check()

    async def __call__(self, snapshot: Snapshot, /) -> None:
        """Write *snapshot*; each line arrives whole or not at all.

        Raises:
            SinkError: if it could not be written to its end.
        """
        # ASCII, so that no string a host program hands in can break the line.
        lines = (
            json.dumps(fields, separators=(",", ":")).encode("ascii") + b"\n"
            for fields in _describe_snapshot(snapshot)
        )
        await write_lines(self._output, lines, is_line_a_point=True)


def _describe_snapshot(snapshot: Snapshot) -> Iterator[dict[str, object]]:
    for series in snapshot.series:
        yield from _describe_series(series)
    for sketch in snapshot.sketches:
        yield from _describe_sketch(sketch)
    for event in snapshot.events:
        yield _describe_event(event)
    for check in snapshot.service_checks:
        yield _describe_service_check(check)


def _describe_series(series: Series) -> Iterator[dict[str, object]]:
    for point in series.points:
        yield {
            "kind": "point",
            "name": series.name,
            "type": series.type.name.lower(),
            "timestamp": point.timestamp,
            "value": point.value,
            "tags": series.tags,
            "host": series.host,
            "device": series.device,
            "resources": series.resources,
            "interval": series.interval_seconds,
            "unit": series.unit,
        }


def _describe_sketch(sketch: Sketch) -> Iterator[dict[str, object]]:
    for point in sketch.points:
        yield {
            "kind": "sketch",
            "name": sketch.name,
            "timestamp": point.timestamp,
            "count": point.count,
            "min": point.min,
            "max": point.max,
            "sum": point.sum,
            "average": point.average,
            "keys": point.keys,
            "counts": point.counts,
            "tags": sketch.tags,
            "host": sketch.host,
        }


def _describe_event(event: Event) -> dict[str, object]:
    return {
        "kind": "event",
        "title": event.title,
        "text": event.text,
        "timestamp": event.timestamp,
        "host": event.host,
        "aggregation_key": event.aggregation_key,
        "priority": event.priority,
        "source_type_name": event.source_type_name,
        "alert_type": event.alert_type,
        "tags": event.tags,
    }


def _describe_service_check(check: ServiceCheck) -> dict[str, object]:
    return {
        "kind": "service_check",
        "name": check.name,
        "status": check.status.value,
        "timestamp": check.timestamp,
        "host": check.host,
        "message": check.message,
        "tags": check.tags,
    }
