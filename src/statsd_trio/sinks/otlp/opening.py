"""Open the destination for OTLP."""

from collections.abc import Mapping
from contextlib import ExitStack

import attrs
import httpx2

from statsd_trio.ledger import SinkLedger
from statsd_trio.sinks.delivery.compression import parse_compression
from statsd_trio.sinks.delivery.delivery import Delivery
from statsd_trio.sinks.delivery.payload import Route
from statsd_trio.sinks.delivery.payload_sender import MAX_SNAPSHOTS, PayloadSender
from statsd_trio.sinks.delivery.settings import DeliverySettings
from statsd_trio.sinks.delivery.spool import Spool, open_disk_queue
from statsd_trio.sinks.delivery.transport import open_network
from statsd_trio.sinks.otlp.endpoint import OtlpEndpoint
from statsd_trio.sinks.otlp.payloads import SnapshotEncoder, make_kind
from statsd_trio.sinks.otlp.routes import OtlpRoute
from statsd_trio.sinks.otlp.settings import OtlpSettings
from statsd_trio.sinks.sink_runner import SinkRunner


def open_otlp_destination(
    conversion: OtlpSettings,
    settings: DeliverySettings,
    *,
    url: str,
    metrics_url: str | None = None,
    logs_url: str | None = None,
    metrics_headers: Mapping[str, str] | None = None,
    logs_headers: Mapping[str, str] | None = None,
    compression: str = "gzip",
    resources: ExitStack | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> SinkRunner:
    """Return the destination; nothing connects until it runs.

    Args:
        conversion: how snapshots are converted to OTLP.
        settings: how payloads are delivered.
        url: the base URL, to which ``/v1/metrics`` and ``/v1/logs`` are appended.
        metrics_url: the URL for metrics, used unchanged instead.
        logs_url: the URL for logs, used unchanged instead.
        metrics_headers: the headers of requests with metrics.
        logs_headers: the headers of requests with logs.
        compression: gzip or none.
        resources: closes what is opened here, if the destination never runs.
        transport: replaces the network, in tests.

    Raises:
        ValueError: if a value cannot be used; the message contains no secret.
        OSError: if the CA file cannot be read, or the spool cannot be written to; the
            message names it.
    """
    encoder = SnapshotEncoder(conversion, parse_compression(compression))
    kind = make_kind(conversion)
    routes = kind.routes if conversion.sends_events else (OtlpRoute.METRICS,)
    own_urls: dict[Route, str | None] = {
        OtlpRoute.METRICS: metrics_url,
        OtlpRoute.LOGS: logs_url,
    }
    urls = {route: own_urls[route] or url.rstrip("/") + route.value for route in routes}
    headers: dict[Route, Mapping[str, str]] = {
        OtlpRoute.METRICS: metrics_headers or {},
        OtlpRoute.LOGS: logs_headers or {},
    }
    open_way = open_network(settings, transport)
    # One more connection than the shared ones, for a route without any request in
    # progress.
    connections = settings.max_concurrent_requests + 1
    endpoint = OtlpEndpoint(
        urls, headers, lambda url: open_way(url, connections), settings.wall_clock
    )
    disk = open_disk_queue(settings.spool_path, settings.spool_max_bytes, resources)
    delivery = Delivery(
        f"otlp:{endpoint.name}",
        endpoint,
        kind=kind,
        routes=routes,
        settings=settings,
        spool=Spool.of(disk, endpoint.name, 0, routes, settings.run_in_thread),
    )

    def complete_ledger(ledger: SinkLedger) -> SinkLedger:
        return attrs.evolve(ledger, joined_tags=encoder.joined_tags)

    sender = PayloadSender(
        [delivery],
        [endpoint],
        encoder.encode,
        disk=disk,
        complete_ledger=complete_ledger,
    )
    return SinkRunner(sender, max_snapshots=MAX_SNAPSHOTS)
