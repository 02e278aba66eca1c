"""What becomes of OTLP on its way, in virtual time."""

import gzip
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from delivery_harness import check_identity, run_inline, running, stop
from fake_intake import Attempt
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from snapshots import EPOCH
from trio.testing import MockClock

from statsd_trio.aggregation.snapshot import (
    Point,
    Series,
    SeriesType,
    Snapshot,
)
from statsd_trio.ledger import SinkLedger
from statsd_trio.protocol.messages import Event, ServiceCheck, ServiceStatus
from statsd_trio.sinks.datadog.opening import Account
from statsd_trio.sinks.delivery.retry import Outcome
from statsd_trio.sinks.otlp.routes import classify_status
from statsd_trio.sinks.otlp.settings import OtlpSettings
from statsd_trio.sinks.sink_runner import SinkRunner
from tests.sinks.datadog.conftest import open_datadog
from tests.sinks.otlp.conftest import OtlpHarness


def make_snapshot(number: int = 0, series: int = 1, **fields: Any) -> Snapshot:
    start = EPOCH + 10 * number
    return Snapshot(
        start + 10,
        10,
        tuple(
            Series("hits", SeriesType.COUNT, (Point(start, 1.0),), tags=(f"n:{n}",))
            for n in range(series)
        ),
        starts=frozenset({start}),
        **fields,
    )


def decode(attempt: Attempt) -> ExportMetricsServiceRequest:
    return ExportMetricsServiceRequest.FromString(gzip.decompress(attempt.body))


async def deliver(destination: SinkRunner, *snapshots: Snapshot) -> SinkLedger:
    async with running(destination):
        for snapshot in snapshots:
            destination.put_nowait(snapshot)
        await destination.join()
        (ledger,) = destination.ledgers()
    check_identity(ledger)
    return ledger


async def test_a_snapshot_is_posted(harness: OtlpHarness) -> None:
    destination = harness.open(metrics_headers={"api-key": "secret"})
    ledger = await deliver(destination, make_snapshot())
    (attempt,) = harness.intake.attempts
    assert str(attempt.url) == "https://otlp.example.com/base/v1/metrics"
    assert attempt.headers["Content-Type"] == "application/x-protobuf"
    assert attempt.headers["Content-Encoding"] == "gzip"
    assert attempt.headers["api-key"] == "secret"
    assert "DD-API-KEY" not in attempt.headers
    (resource,) = decode(attempt).resource_metrics
    assert resource.scope_metrics[0].metrics[0].name == "hits"
    assert harness.intake.validations == []
    assert (ledger.delivered, ledger.pending) == (1, 0)
    assert ledger.name == "otlp:https://otlp.example.com/base/v1/metrics"
    assert ledger.api_key == ""


async def test_a_url_for_metrics_is_taken_as_it_is(harness: OtlpHarness) -> None:
    destination = harness.open(
        metrics_url="https://u:pass-word@x.example/opentelemetry", compression="none"
    )
    ledger = await deliver(destination, make_snapshot())
    (attempt,) = harness.intake.attempts
    assert str(attempt.url) == "https://x.example/opentelemetry"
    assert attempt.headers["Authorization"].startswith("Basic ")
    assert "Content-Encoding" not in attempt.headers
    ExportMetricsServiceRequest.FromString(attempt.body)
    assert "pass-word" not in ledger.name


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (202, Outcome.DELIVERED),
        (302, Outcome.RETRY),
        (400, Outcome.REFUSED),
        (401, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (429, Outcome.RETRY),
        (500, Outcome.REFUSED),
        (502, Outcome.RETRY),
        (503, Outcome.RETRY),
        (504, Outcome.RETRY),
    ],
)
def test_statuses_mean_what_the_specification_says(
    status: int, outcome: Outcome
) -> None:
    assert classify_status(status) is outcome


async def test_a_refused_payload_is_dropped_and_said(
    harness: OtlpHarness, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    async def refuse(attempt: Attempt) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        return httpx2.Response(400, content=b"bad label; your api-key is secret-word")

    harness.intake.respond = refuse
    destination = harness.open(metrics_headers={"api-key": "secret-word"})
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await destination.join()
        await trio.sleep(11)
        (ledger,) = destination.ledgers()
    assert len(harness.intake.attempts) == 1
    assert ledger.refused == {"400": 1}
    check_identity(ledger)
    assert "lost 1 point in 1 payload: /v1/metrics answered 400: bad label" in (
        caplog.text
    )
    assert "secret-word" not in caplog.text


async def test_a_busy_endpoint_is_given_the_time_that_it_asks_for(
    harness: OtlpHarness, autojump_clock: MockClock
) -> None:
    harness.intake.answer_with(429, headers={"Retry-After": "100"})
    destination = harness.open()
    async with running(destination):
        start = trio.current_time()
        destination.put_nowait(make_snapshot())
        await destination.join()
        harness.intake.answer_with(200)
        await trio.sleep(300)
        (ledger,) = destination.ledgers()
    assert [time - start for time in harness.intake.times()] == [0, 100]
    assert (ledger.delivered, ledger.pending) == (1, 0)


async def test_an_outage_loses_nothing(
    harness: OtlpHarness, autojump_clock: MockClock
) -> None:
    harness.intake.fail_with(httpx2.ConnectError)
    destination = harness.open()
    async with running(destination):
        for number in range(5):
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(10)
        (ledger,) = destination.ledgers()
        check_identity(ledger)
        assert ledger.failing_since is not None
        harness.intake.accept_all()
        await trio.sleep(300)
        (ledger,) = destination.ledgers()
    assert (ledger.snapshotted, ledger.delivered) == (5, 5)
    points = [
        point
        for attempt in harness.intake.attempts
        if attempt.is_held
        for metrics in decode(attempt).resource_metrics
        for point in metrics.scope_metrics[0].metrics[0].sum.data_points
    ]
    # Encoded when they came, so that each says what was true then.
    assert sorted(point.as_double for point in points) == [0, 1, 2, 3, 4, 5]


async def test_partial_success_is_counted_and_said(
    harness: OtlpHarness, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    async def respond(attempt: Attempt) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        response = ExportMetricsServiceResponse()
        response.partial_success.rejected_data_points = 3
        response.partial_success.error_message = "too\x1b old"
        return httpx2.Response(200, content=response.SerializeToString())

    harness.intake.respond = respond
    destination = harness.open()
    async with running(destination):
        destination.put_nowait(make_snapshot(series=5))
        await destination.join()
        await trio.sleep(11)
        (ledger,) = destination.ledgers()
    assert ledger.delivered == 2
    assert ledger.refused == {"partial_success": 3}
    check_identity(ledger)
    assert "without some of its points: too old" in caplog.text


async def test_partial_success_may_say_much_and_shows_no_secret(
    harness: OtlpHarness, caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    async def respond(attempt: Attempt) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        response = ExportMetricsServiceResponse()
        response.partial_success.rejected_data_points = 3
        response.partial_success.error_message = "not with secret-word " + "x " * 5000
        return httpx2.Response(200, content=response.SerializeToString())

    harness.intake.respond = respond
    destination = harness.open(metrics_headers={"api-key": "secret-word"})
    async with running(destination):
        destination.put_nowait(make_snapshot(series=5))
        await destination.join()
        await trio.sleep(11)
        (ledger,) = destination.ledgers()
    assert ledger.refused == {"partial_success": 3}
    assert "not with *** x" in caplog.text
    assert "secret-word" not in caplog.text


async def test_logs_and_metrics_have_headers_of_their_own(harness: OtlpHarness) -> None:
    destination = harness.open(
        OtlpSettings(started=EPOCH, sends_events=True),
        metrics_headers={"metrics-key": "m"},
        logs_headers={"logs-key": "l"},
    )
    snapshot = make_snapshot(events=(Event("t", "x", EPOCH),))
    await deliver(destination, snapshot)
    keys = {
        attempt.url.path.rpartition("/")[2]: (
            attempt.headers.get("metrics-key"),
            attempt.headers.get("logs-key"),
        )
        for attempt in harness.intake.attempts
    }
    assert keys == {"metrics": ("m", None), "logs": (None, "l")}


async def test_more_rejected_than_sent_counts_what_was_sent(
    harness: OtlpHarness,
) -> None:
    async def respond(attempt: Attempt) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        response = ExportMetricsServiceResponse()
        # The zero at the start is a point there, and none of a snapshot.
        response.partial_success.rejected_data_points = 2
        return httpx2.Response(200, content=response.SerializeToString())

    harness.intake.respond = respond
    ledger = await deliver(harness.open(), make_snapshot())
    assert (ledger.delivered, ledger.refused) == (0, {"partial_success": 1})


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\xff\xff", b"OK"])
async def test_an_answer_that_is_no_protobuf_says_nothing(
    harness: OtlpHarness, body: bytes
) -> None:
    async def respond(attempt: Attempt) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        return httpx2.Response(200, content=body)

    harness.intake.respond = respond
    ledger = await deliver(harness.open(), make_snapshot())
    assert ledger.delivered == 1


async def test_logs_that_were_not_taken_are_counted(harness: OtlpHarness) -> None:
    async def respond(attempt: Attempt) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        response = ExportLogsServiceResponse()
        response.partial_success.rejected_log_records = 1
        return httpx2.Response(200, content=response.SerializeToString())

    harness.intake.respond = respond
    snapshot = Snapshot(EPOCH + 10, 10, events=(Event("t", "x", EPOCH),))
    destination = harness.open(OtlpSettings(sends_events=True))
    ledger = await deliver(destination, snapshot)
    assert ledger.refused == {"partial_success": 1}


def test_no_validation_is_said(
    harness: OtlpHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.open(skip_ssl_validation=True)
    assert "skip_ssl_validation is set" in caplog.text


def test_a_ca_file_that_is_not_there_is_named(harness: OtlpHarness) -> None:
    with pytest.raises(OSError, match=r"could not read the CA file /nope\.pem"):
        harness.open(ca_file="/nope.pem")


EVENTS: dict[str, Any] = {
    "events": (Event("t", "x", EPOCH),),
    "service_checks": (ServiceCheck("c", ServiceStatus.OK, EPOCH),),
}


async def test_events_are_counted_as_switched_off(harness: OtlpHarness) -> None:
    ledger = await deliver(harness.open(), make_snapshot(**EVENTS))
    assert (ledger.snapshotted, ledger.delivered, ledger.switched_off) == (1, 1, 2)
    assert len(harness.intake.attempts) == 1


async def test_events_are_logs_if_asked_for(harness: OtlpHarness) -> None:
    settings = OtlpSettings(sends_events=True)
    snapshot = make_snapshot(**EVENTS)
    ledger = await deliver(harness.open(settings), snapshot)
    assert (ledger.snapshotted, ledger.delivered, ledger.switched_off) == (3, 3, 0)
    names = [
        record.event_name
        for attempt in harness.intake.attempts
        if attempt.url.path == "/base/v1/logs"
        for logs in ExportLogsServiceRequest.FromString(
            gzip.decompress(attempt.body)
        ).resource_logs
        for record in logs.scope_logs[0].log_records
    ]
    assert sorted(names) == ["statsd.event", "statsd.service_check"]


async def test_only_what_is_sent_of_a_histogram_is_counted(
    harness: OtlpHarness,
) -> None:
    figure = Series("h.max", SeriesType.GAUGE, (Point(EPOCH, 1.0),), is_aggregate=True)
    snapshot = Snapshot(EPOCH + 10, 10, (figure,), starts=frozenset({EPOCH}))
    ledger = await deliver(harness.open(), snapshot)
    assert (ledger.snapshotted, ledger.switched_off) == (0, 0)
    settings = OtlpSettings(sends_aggregates=True)
    ledger = await deliver(harness.open(settings), snapshot)
    assert (ledger.snapshotted, ledger.delivered) == (1, 1)


async def test_what_cannot_be_sent_is_counted(harness: OtlpHarness) -> None:
    bad = Series("\ud800", SeriesType.GAUGE, (Point(EPOCH, 1.0),))
    long = Series("long", SeriesType.GAUGE, (Point(EPOCH, 1.0),), ("x" * 2_000_000,))
    snapshot = Snapshot(EPOCH + 10, 10, (bad, long))
    ledger = await deliver(harness.open(), snapshot)
    assert ledger.snapshotted == 2
    assert ledger.oversize == 1
    assert ledger.refused == {"unencodable": 1}


async def test_joined_tags_are_counted(harness: OtlpHarness) -> None:
    series = Series("a", SeriesType.GAUGE, (Point(EPOCH, 1.0),), ("a:1", "a:2"))
    ledger = await deliver(harness.open(), Snapshot(EPOCH + 10, 10, (series,)))
    assert ledger.joined_tags == 1


async def test_what_is_left_at_a_stop_is_spooled_and_sent_by_the_next(
    harness: OtlpHarness, tmp_path: Path, autojump_clock: MockClock
) -> None:
    spool: dict[str, Any] = {
        "spool_path": str(tmp_path / "spool"),
        "spool_max_bytes": 1_000_000,
        "run_in_thread": run_inline,
    }
    harness.intake.fail_with(httpx2.ConnectError)
    destination = harness.open(**spool)
    destination.put_nowait(make_snapshot())
    await stop(destination, 1.0)
    (ledger,) = destination.ledgers()
    assert ledger.spooled == 1
    check_identity(ledger)
    harness.intake.accept_all()
    harness.intake.attempts.clear()
    destination = harness.open(**spool)
    async with running(destination):
        await trio.sleep(30)
    assert len(harness.intake.attempts) == 1


async def test_both_sinks_share_a_spool(
    harness: OtlpHarness, tmp_path: Path, autojump_clock: MockClock
) -> None:
    spool: dict[str, Any] = {
        "spool_path": str(tmp_path / "spool"),
        "spool_max_bytes": 1_000_000,
        "run_in_thread": run_inline,
    }

    def open_both() -> list[SinkRunner]:
        datadog = open_datadog(
            [Account("https://api.example.com", "key")],
            transport=harness.intake,
            wall_clock=lambda: EPOCH,
            choose_fraction=lambda: 0.0,
            **spool,
        )
        return [datadog, harness.open(**spool)]

    harness.intake.fail_with(httpx2.ConnectError)
    for destination in open_both():
        destination.put_nowait(make_snapshot())
        await stop(destination, 1.0)
        (ledger,) = destination.ledgers()
        assert ledger.spooled == 1
    harness.intake.accept_all()
    harness.intake.attempts.clear()
    datadog, otlp = open_both()
    async with running(datadog), running(otlp):
        await trio.sleep(30)
    for destination in (datadog, otlp):
        (ledger,) = destination.ledgers()
        assert (ledger.delivered, ledger.spooled) == (1, 0)
        check_identity(ledger)
    assert sorted(attempt.url.path for attempt in harness.intake.attempts) == [
        "/api/v2/series",
        "/base/v1/metrics",
    ]
