"""A snapshot in, the bodies of requests out, each within the intake's limits.

Protobuf lets messages be concatenated: a payload of two series is the bytes of two
payloads of one. So items are encoded one by one and appended to a compressed stream,
and when the next one could take the payload over a limit, the payload is closed and
another one begins. Nothing is ever encoded twice, and after each small piece of work
the caller gets its turn.
"""

import json
from collections.abc import Collection, Iterator
from typing import Final

import attrs

from statsd_trio.aggregation.snapshot import (
    Event,
    Series,
    SeriesType,
    ServiceCheck,
    Sketch,
    Snapshot,
)
from statsd_trio.sinks.datadog.agent_payload_pb2 import (
    Metadata,
    MetricPayload,
    SketchPayload,
)
from statsd_trio.sinks.datadog.origins import find_origin
from statsd_trio.sinks.datadog.routes import DatadogRoute
from statsd_trio.sinks.delivery.compression import (
    DEFAULT_ZSTD_LEVEL,
    IDENTITY,
    open_compressor,
)
from statsd_trio.sinks.delivery.payload import Dropped, Fault, Payload, Route, Step

_TYPES: Final = {
    SeriesType.COUNT: MetricPayload.COUNT,
    SeriesType.RATE: MetricPayload.RATE,
    SeriesType.GAUGE: MetricPayload.GAUGE,
}

# Source: Datadog API reference, "Post an event" (2025).
_MAX_EVENT_TEXT_CHARACTERS: Final = 4000
_MAX_AGGREGATION_KEY_CHARACTERS: Final = 100
_CUT_MARKER: Final = "... (cut)"

# So many points of one item are encoded before the caller gets its turn; about half
# a millisecond.
_POINTS_PER_STEP: Final = 500
_SKETCHES_PER_STEP: Final = 4

# Given to the compressor at once; about 0.1 ms of zstd and 0.5 ms of deflate.
_PIECE_BYTES: Final = 16 * 1024


@attrs.frozen
class Limits:
    """The most that the intake takes in one payload."""

    compressed_bytes: int
    raw_bytes: int
    points: int | None = None


# Source: datadog-agent, pkg/config/setup/common_settings.go,
# serializer_max_series_payload_size and its neighbours.
SERIES_LIMITS: Final = Limits(512_000, 5_242_880, 10_000)
OTHER_LIMITS: Final = Limits(2_621_440, 4_194_304)


def build_payloads(
    snapshot: Snapshot,
    encoding: str,
    *,
    routes: Collection[Route] = tuple(DatadogRoute),
    zstd_level: int = DEFAULT_ZSTD_LEVEL,
    series_limits: Limits = SERIES_LIMITS,
    other_limits: Limits = OTHER_LIMITS,
) -> Iterator[Step]:
    """Encode *snapshot*, a small step each time the iterator is asked.

    The most important come first: series, sketches, service checks, events.

    Events go one a request and uncompressed: their public route documents no
    Content-Encoding, and one event is small.

    Args:
        snapshot: what to encode.
        encoding: one of `compression.ENCODINGS`.
        routes: what goes elsewhere is left out.
        zstd_level: where the encoding is ``zstd``.
        series_limits: for series.
        other_limits: for sketches, events and service checks.
    """
    metrics = (
        (
            DatadogRoute.SERIES,
            series_limits,
            b"",
            (
                (one.name, len(one.points), _encode_series(one))
                for one in snapshot.series
            ),
        ),
        (
            DatadogRoute.SKETCHES,
            other_limits,
            # The second field of the payload, present and empty, as the Agent sends it.
            b"\x12\x00",
            (
                (one.name, len(one.points), _encode_sketch(one))
                for one in snapshot.sketches
            ),
        ),
    )
    for route, limits, end, items in metrics:
        if route not in routes:
            continue
        builder = _PayloadBuilder(
            route, encoding, limits, zstd_level=zstd_level, end=end
        )
        for name, points, parts in items:
            yield from _add_item(builder, name, points, parts, tag=b"\x0a")
        yield from builder.close()
    if DatadogRoute.SERVICE_CHECKS in routes:
        builder = _PayloadBuilder(
            DatadogRoute.SERVICE_CHECKS,
            encoding,
            other_limits,
            zstd_level=zstd_level,
            start=b"[",
            separator=b",",
            end=b"]",
        )
        for check in snapshot.service_checks:
            yield from _add_item(builder, check.name, 1, _encode_service_check(check))
        yield from builder.close()
    if DatadogRoute.EVENTS in routes:
        for event in snapshot.events:
            builder = _PayloadBuilder(DatadogRoute.EVENTS, IDENTITY, other_limits)
            yield from _add_item(builder, event.title, 1, _encode_event(event))
            yield from builder.close()


class _PayloadBuilder:
    """Appends encoded items to payloads of one route, closing each when it is full."""

    def __init__(
        self,
        route: Route,
        encoding: str,
        limits: Limits,
        *,
        zstd_level: int = DEFAULT_ZSTD_LEVEL,
        start: bytes = b"",
        separator: bytes = b"",
        end: bytes = b"",
    ) -> None:
        self.route = route
        self._encoding = encoding
        self._zstd_level = zstd_level
        self._limits = limits
        self._start = start
        self._separator = separator
        self._end = end
        self._begin()

    def add(self, name: str, points: int, item: bytes) -> Iterator[Step]:
        """Append *item*; what was full before it comes out."""
        limits = self._limits
        if limits.points is not None and points > limits.points:
            yield Dropped(self.route, name, points, Fault.OVERSIZE)
            return
        if self._points and not self._has_room(points, len(item)):
            yield from self.close()
        if self._points == 0 and not self._has_room(points, len(item)):
            # Alone in a payload, and the bound says no: what counts is how far it
            # really compresses.
            if len(self._start) + len(item) + len(self._end) > limits.raw_bytes:
                yield Dropped(self.route, name, points, Fault.OVERSIZE)
                return
            yield from self._append(points, item)
            self._flush()
            end_bound = self._compressor.bound(len(self._end))
            if self._compressed + end_bound > limits.compressed_bytes:
                self._begin()
                yield Dropped(self.route, name, points, Fault.OVERSIZE)
            return
        yield from self._append(points, item)

    def close(self) -> Iterator[Step]:
        """Give the payload that was begun, if anything is in it."""
        if self._points == 0:
            return
        self._buffer += self._end
        self._write_buffer()
        self._keep(self._compressor.close())
        yield Payload(self.route, self._encoding, self._points, b"".join(self._output))
        self._begin()

    def _begin(self) -> None:
        self._compressor = open_compressor(self._encoding, self._zstd_level)
        self._output: list[bytes] = []
        self._compressed = 0
        self._raw = len(self._start)
        self._points = 0
        self._buffer = bytearray(self._start)
        # Given to the compressor, or about to be, since it was last flushed.
        self._unflushed = len(self._start)

    def _has_room(self, points: int, size: int) -> bool:
        limits = self._limits
        size += len(self._separator) + len(self._end)
        if self._raw + size > limits.raw_bytes:
            return False
        if limits.points is not None and self._points + points > limits.points:
            return False
        return self._bound(size) <= limits.compressed_bytes or (
            self._flush() and self._bound(size) <= limits.compressed_bytes
        )

    def _bound(self, size: int) -> int:
        return self._compressed + self._compressor.bound(self._unflushed + size)

    def _append(self, points: int, item: bytes) -> Iterator[None]:
        if self._points:
            self._buffer += self._separator
        added = len(item) + (len(self._separator) if self._points else 0)
        self._raw += added
        self._unflushed += added
        self._points += points
        for start in range(0, len(item), _PIECE_BYTES):
            self._buffer += item[start : start + _PIECE_BYTES]
            if len(self._buffer) >= _PIECE_BYTES:
                self._write_buffer()
                yield None

    def _flush(self) -> bool:
        self._write_buffer()
        self._keep(self._compressor.flush())
        self._unflushed = 0
        return True

    def _write_buffer(self) -> None:
        self._keep(self._compressor.write(self._buffer))
        self._buffer = bytearray()

    def _keep(self, data: bytes) -> None:
        if data:
            self._output.append(data)
            self._compressed += len(data)


def _add_item(
    builder: _PayloadBuilder,
    name: str,
    points: int,
    parts: Iterator[bytes],
    tag: bytes = b"",
) -> Iterator[Step]:
    """Encode one item part by part, and append it.

    With *tag* the item is length-delimited, as a field of a protobuf message is.
    """
    encoded = bytearray()
    try:
        for part in parts:
            encoded += part
            yield None
    # What a client cannot send but a host program can: a lone surrogate, a number
    # beyond 64 bits. One such item must not take the others with it.
    except (ValueError, TypeError, OverflowError):
        yield Dropped(builder.route, name, points, Fault.UNENCODABLE)
        return
    if points == 0:
        return
    item = bytes(encoded)
    if tag:
        item = tag + _encode_varint(len(item)) + item
    yield from builder.add(name, points, item)


def _encode_series(series: Series) -> Iterator[bytes]:
    message = MetricPayload.MetricSeries(
        metric=series.name,
        tags=series.tags,
        type=_TYPES[series.type],
        unit=series.unit,
        interval=series.interval_seconds,
    )
    # The host comes first; a series without one has no such resource.
    # Source: datadog-agent, pkg/serializer/internal/metrics/iterable_series.go, 7.85.3
    # and later; an empty name was sent before.
    if series.host:
        message.resources.add(type="host", name=series.host)
    if series.device:
        message.resources.add(type="device", name=series.device)
    for resource_type, resource_name in series.resources:
        message.resources.add(type=resource_type, name=resource_name)
    _set_origin(message.metadata, series)
    for start in range(0, len(series.points), _POINTS_PER_STEP):
        for point in series.points[start : start + _POINTS_PER_STEP]:
            message.points.add(value=point.value, timestamp=point.timestamp)
        yield message.SerializeToString()
        message = MetricPayload.MetricSeries()


def _encode_sketch(sketch: Sketch) -> Iterator[bytes]:
    message = SketchPayload.Sketch(
        metric=sketch.name, tags=sketch.tags, host=sketch.host
    )
    _set_origin(message.metadata, sketch)
    for start in range(0, len(sketch.points), _SKETCHES_PER_STEP):
        for point in sketch.points[start : start + _SKETCHES_PER_STEP]:
            message.dogsketches.add(
                ts=point.timestamp,
                cnt=point.count,
                min=point.min,
                max=point.max,
                avg=point.average,
                sum=point.sum,
                k=point.keys,
                n=point.counts,
            )
        yield message.SerializeToString()
        message = SketchPayload.Sketch()


def _set_origin(metadata: Metadata, item: Series | Sketch) -> None:
    origin = find_origin(item.name, item.tags, item.jmx_check_name)
    if origin is not None:
        metadata.origin.origin_product = origin.product
        metadata.origin.origin_category = origin.category
        metadata.origin.origin_service = origin.service


def _encode_event(event: Event) -> Iterator[bytes]:
    """Encode for the public route.

    Source: Datadog API reference, "Post an event".
    """
    text = event.text
    if len(text) > _MAX_EVENT_TEXT_CHARACTERS:
        kept = _MAX_EVENT_TEXT_CHARACTERS - len(_CUT_MARKER)
        text = text[:kept] + _CUT_MARKER
    fields: dict[str, object] = {
        "title": event.title,
        "text": text,
        "priority": event.priority,
        "alert_type": event.alert_type,
        "tags": event.tags,
    }
    if event.timestamp is not None:
        fields["date_happened"] = event.timestamp
    if event.host:
        fields["host"] = event.host
    if event.aggregation_key:
        key = event.aggregation_key[:_MAX_AGGREGATION_KEY_CHARACTERS]
        fields["aggregation_key"] = key
    if event.source_type_name:
        fields["source_type_name"] = event.source_type_name
    yield _encode_json(fields)


def _encode_service_check(check: ServiceCheck) -> Iterator[bytes]:
    """Encode with every key present, as the Agent does.

    Source: datadog-agent, pkg/serializer/internal/metrics/service_checks.go.
    """
    yield _encode_json(
        {
            "check": check.name,
            "host_name": check.host or "",
            "timestamp": check.timestamp or 0,
            "status": check.status.value,
            "message": check.message,
            "tags": check.tags,
        }
    )


def _encode_json(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def _encode_varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
