"""Encode the series, sketches, events and service checks of a snapshot for Datadog.

Each item is encoded in parts, so that one with many points does not hold up the event
loop. This works because the parts of a protobuf message can be concatenated.
"""

import json
from collections.abc import Iterator
from typing import Final

from statsd_trio.aggregation.snapshot import (
    Event,
    Series,
    SeriesType,
    ServiceCheck,
    Sketch,
)
from statsd_trio.sinks.datadog.agent_payload_pb2 import (
    Metadata,
    MetricPayload,
    SketchPayload,
)
from statsd_trio.sinks.datadog.origins import find_origin

_TYPES: Final = {
    SeriesType.COUNT: MetricPayload.COUNT,
    SeriesType.RATE: MetricPayload.RATE,
    SeriesType.GAUGE: MetricPayload.GAUGE,
}

# Source: Datadog API reference, "Post an event" (2025).
_MAX_EVENT_TEXT_CHARACTERS: Final = 4000
_MAX_AGGREGATION_KEY_CHARACTERS: Final = 100
_CUT_MARKER: Final = "... (cut)"

# This many points of one item are encoded before the caller gets control again, which
# takes about half a millisecond.
_POINTS_PER_STEP: Final = 500
_SKETCHES_PER_STEP: Final = 4


def encode_series(series: Series) -> Iterator[bytes]:
    """Encode *series* as protobuf, some points at a time."""
    message = MetricPayload.MetricSeries(
        metric=series.name,
        tags=series.tags,
        type=_TYPES[series.type],
        unit=series.unit,
        interval=series.interval_seconds,
    )
    # The host comes first; a series without a host has no such resource. Source:
    # datadog-agent, pkg/serializer/internal/metrics/iterable_series.go, 7.85.3 and
    # later; earlier versions sent an empty name.
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


def encode_sketch(sketch: Sketch) -> Iterator[bytes]:
    """Encode *sketch* as protobuf, some points at a time."""
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


def encode_event(event: Event) -> Iterator[bytes]:
    """Encode *event* for the public route.

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


def encode_service_check(check: ServiceCheck) -> Iterator[bytes]:
    """Encode *check* with every key present, as the Agent does.

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
