from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
)

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.protocol.messages import Event, ServiceCheck, ServiceStatus
from statsd_trio.sinks.delivery.payload import Dropped, Fault, Payload
from statsd_trio.sinks.otlp.logs import build_logs
from statsd_trio.sinks.otlp.routes import OtlpRoute

EPOCH = 1_700_000_000


def export(snapshot: Snapshot) -> tuple[dict[str, str], Any, dict[str, str]]:
    """Return the resource, the record and its attributes."""
    (payload,) = build_logs(snapshot, {"service.name": "web"}, 10_000)
    assert isinstance(payload, Payload)
    assert payload.points == 1
    (logs,) = ExportLogsServiceRequest.FromString(payload.body).resource_logs
    (scope,) = logs.scope_logs
    (record,) = scope.log_records
    return (
        {one.key: one.value.string_value for one in logs.resource.attributes},
        record,
        {one.key: one.value.string_value for one in record.attributes},
    )


def test_an_event_is_a_log_record() -> None:
    event = Event(
        "Deployed",
        "all of it",
        EPOCH,
        "web-1",
        "key",
        alert_type="error",
        tags=("a:1", "env:prod"),
    )
    resource, record, attributes = export(Snapshot(EPOCH, 10, events=(event,)))
    assert resource["host.name"] == "web-1"
    assert resource["deployment.environment.name"] == "prod"
    assert record.event_name == "statsd.event"
    assert record.body.string_value == "all of it"
    assert record.severity_number == 17
    assert record.time_unix_nano == EPOCH * 1_000_000_000
    assert attributes == {
        "statsd.event.title": "Deployed",
        "statsd.event.alert_type": "error",
        "statsd.event.priority": "normal",
        "statsd.event.aggregation_key": "key",
        "a": "1",
    }


def test_a_service_check_is_a_log_record() -> None:
    check = ServiceCheck("db", ServiceStatus.CRITICAL, EPOCH, "web-1", "gone")
    snapshot = Snapshot(EPOCH, 10, service_checks=(check,))
    _, record, attributes = export(snapshot)
    assert record.event_name == "statsd.service_check"
    assert record.body.string_value == "gone"
    assert record.severity_number == 17
    assert attributes == {
        "statsd.service_check.name": "db",
        "statsd.service_check.status": "critical",
    }


def test_what_cannot_be_sent_is_named() -> None:
    long = Event("long", "x" * 20_000, EPOCH)
    bad = Event("bad", "\ud800", EPOCH)
    snapshot = Snapshot(EPOCH, 10, events=(long, bad))
    assert list(build_logs(snapshot, {}, 10_000)) == [
        Dropped(OtlpRoute.LOGS, "long", 1, Fault.OVERSIZE),
        Dropped(OtlpRoute.LOGS, "bad", 1, Fault.UNENCODABLE),
    ]
