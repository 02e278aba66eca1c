"""Write snapshots as JSON, one object per line, to a file or standard output.

Every line has ``kind``, which decides its other keys:

* ``point``: ``name``, ``type`` (count, rate or gauge), ``timestamp``, ``value``,
  ``tags``, ``host``, ``device``, ``resources`` (pairs of type and name), ``interval``
  (seconds), ``unit``
* ``sketch``, one per bucket: ``name``, ``timestamp``, ``count``, ``min``, ``max``,
  ``sum``, ``average``, ``keys``, ``counts``, ``tags``, ``host``
* ``event``: ``title``, ``text``, ``timestamp``, ``host``, ``aggregation_key``,
  ``priority``, ``source_type_name``, ``alert_type``, ``tags``
* ``service_check``: ``name``, ``status`` (0 to 3), ``timestamp``, ``host``,
  ``message``, ``tags``

Timestamps are unix seconds. The file is opened for each snapshot and appended to, so
you can rotate it at any time. It is created with mode 0600, because it contains what
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
        """Write to the file at *path* or to *stream*.

        Without either, to standard output.
        """
        self._output = LineOutput(path, stream)

    def check(self) -> None:
        """Create the file if it is missing, and check that it can be written to.

        Raises:
            OSError: if it cannot; the message names the file, or standard output.
        """
        self._output.check()

    async def __call__(self, snapshot: Snapshot, /) -> None:
        """Write *snapshot*; each line is written completely or not at all.

        Raises:
            SinkError: if it could not be written completely.
        """
        # ASCII only, so that no string passed by a host program can break the line.
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
