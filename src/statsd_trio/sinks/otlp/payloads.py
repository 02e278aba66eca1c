"""Encode a snapshot as compressed payloads of OTLP, in small steps."""

from collections.abc import Iterator
from typing import Final

import attrs

from statsd_trio.aggregation.snapshot import Snapshot, SnapshotPoints
from statsd_trio.sinks.delivery.compression import open_compressor
from statsd_trio.sinks.delivery.intake import IntakeKind
from statsd_trio.sinks.delivery.payload import Dropped, Payload, Route, Step
from statsd_trio.sinks.otlp.logs import build_logs
from statsd_trio.sinks.otlp.metrics import DataPoints, MetricConverter
from statsd_trio.sinks.otlp.payload_builder import MAX_BYTES, MetricsBuilder
from statsd_trio.sinks.otlp.routes import OtlpRoute, classify_status
from statsd_trio.sinks.otlp.settings import OtlpSettings

# Compressed at once; this takes 0.5 ms.
_PIECE_BYTES: Final = 16 * 1024


def make_kind(settings: OtlpSettings) -> IntakeKind:
    """Return the kind of intake that receives OTLP, with the routes in use."""

    def count_points(points: SnapshotPoints, route: Route) -> int:
        if route is OtlpRoute.LOGS:
            return points.events + points.service_checks
        if settings.sends_aggregates:
            return points.series + points.sketches
        return points.series - points.aggregates + points.sketches + points.histograms

    return IntakeKind(tuple(OtlpRoute), count_points, classify_status)


class SnapshotEncoder:
    """Encodes one snapshot after the other, with running totals."""

    def __init__(self, settings: OtlpSettings, encoding: str) -> None:
        """Start without totals.

        Args:
            settings: how snapshots are converted to OTLP.
            encoding: the encoding of the bodies, one of `compression.ENCODINGS`.
        """
        self._settings = settings
        self._encoding = encoding
        self._converter = MetricConverter(settings)

    @property
    def joined_tags(self) -> int:
        """How many tags had the same key as another one, in total."""
        return self._converter.joined_tags

    def encode(self, snapshot: Snapshot) -> Iterator[Step]:
        """Encode *snapshot*, metrics first."""
        builder = MetricsBuilder(self._settings.resource)
        for step in self._converter.convert(snapshot):
            if isinstance(step, DataPoints):
                for result in builder.add(step):
                    yield from self._compress(result)
                yield None
            else:
                yield step
        for result in builder.close():
            yield from self._compress(result)
        if self._settings.sends_events:
            for log in build_logs(snapshot, self._settings.resource, MAX_BYTES):
                yield from self._compress(log)

    def _compress(self, step: Payload | Dropped) -> Iterator[Step]:
        if isinstance(step, Dropped):
            yield step
            return
        compressor = open_compressor(self._encoding)
        pieces: list[bytes] = []
        for start in range(0, len(step.body), _PIECE_BYTES):
            pieces.append(compressor.write(step.body[start : start + _PIECE_BYTES]))
            yield None
        pieces.append(compressor.close())
        yield attrs.evolve(step, encoding=self._encoding, body=b"".join(pieces))
