"""Convert events and service checks to log records of OTLP.

They are not metrics. A log record with a name is what OpenTelemetry calls an event.

Source: opentelemetry-specification, logs/data-model.md, EventName, SeverityNumber.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from statsd_trio.aggregation.snapshot import Event, ServiceCheck, Snapshot
from statsd_trio.sinks.delivery.compression import IDENTITY
from statsd_trio.sinks.delivery.payload import Dropped, Fault, Payload
from statsd_trio.sinks.otlp.attributes import describe_text, read_labels
from statsd_trio.sinks.otlp.payload_builder import (
    encode_resource,
    encode_resource_items,
)
from statsd_trio.sinks.otlp.routes import OtlpRoute

_SECOND: Final = 1_000_000_000

_INFO: Final = SeverityNumber.SEVERITY_NUMBER_INFO
_WARN: Final = SeverityNumber.SEVERITY_NUMBER_WARN
_ERROR: Final = SeverityNumber.SEVERITY_NUMBER_ERROR

_ALERT_SEVERITIES: Final[Mapping[str, "SeverityNumber.ValueType"]] = {
    "error": _ERROR,
    "warning": _WARN,
}
_STATUSES: Final = (
    ("ok", _INFO),
    ("warning", _WARN),
    ("critical", _ERROR),
    ("unknown", _WARN),
)


def build_logs(
    snapshot: Snapshot, defaults: Mapping[str, str], max_bytes: int
) -> Iterator[Payload | Dropped]:
    """Yield a payload for each event and service check; there are few of them.

    Args:
        snapshot: the snapshot with the events and service checks.
        defaults: attributes of each resource.
        max_bytes: the greatest size of a body.
    """
    items = chain[Event | ServiceCheck](snapshot.service_checks, snapshot.events)
    for item in items:
        name = item.title if isinstance(item, Event) else item.name
        try:
            data = _encode(item, defaults)
        except (ValueError, TypeError, OverflowError):
            yield Dropped(OtlpRoute.LOGS, name, 1, Fault.UNENCODABLE)
            continue
        if len(data) > max_bytes:
            yield Dropped(OtlpRoute.LOGS, name, 1, Fault.OVERSIZE)
        else:
            yield Payload(OtlpRoute.LOGS, IDENTITY, 1, data)


def _encode(item: Event | ServiceCheck, defaults: Mapping[str, str]) -> bytes:
    if isinstance(item, Event):
        fields = {
            "statsd.event.title": item.title,
            "statsd.event.alert_type": item.alert_type,
            "statsd.event.priority": item.priority,
            "statsd.event.aggregation_key": item.aggregation_key or "",
            "statsd.event.source_type_name": item.source_type_name or "",
        }
        record = LogRecord(
            event_name="statsd.event",
            severity_number=_ALERT_SEVERITIES.get(item.alert_type, _INFO),
            body=AnyValue(string_value=item.text),
        )
    else:
        status, severity = _STATUSES[item.status.value]
        fields = {
            "statsd.service_check.name": item.name,
            "statsd.service_check.status": status,
        }
        record = LogRecord(
            event_name="statsd.service_check",
            severity_number=severity,
            body=AnyValue(string_value=item.message),
        )
    record.time_unix_nano = (item.timestamp or 0) * _SECOND
    record.observed_time_unix_nano = record.time_unix_nano
    labels = read_labels(sorted(item.tags), item.host or "")
    record.attributes.extend(
        [describe_text(key, value) for key, value in fields.items() if value]
    )
    record.attributes.extend(labels.attributes)
    return encode_resource_items(
        encode_resource(labels.resource, defaults), [record.SerializeToString()]
    )
