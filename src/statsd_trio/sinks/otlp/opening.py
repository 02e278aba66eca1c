"""Opens the destination that OTLP is sent to."""

import random
import time
from collections.abc import Callable, Collection, Mapping

import attrs
import httpx2

from statsd_trio.ledger import SinkLedger
from statsd_trio.sinks.delivery.compression import parse_compression
from statsd_trio.sinks.delivery.delivery import Delivery
from statsd_trio.sinks.delivery.payload import Route
from statsd_trio.sinks.delivery.payload_sender import MAX_SNAPSHOTS, PayloadSender
from statsd_trio.sinks.delivery.spool import (
    RunInThread,
    Spool,
    open_disk_queue,
    run_in_thread,
)
from statsd_trio.sinks.delivery.transport import (
    open_ssl_context,
    open_transport,
    quieten_libraries,
    warn_of_no_validation,
)
from statsd_trio.sinks.otlp.endpoint import OtlpEndpoint
from statsd_trio.sinks.otlp.payloads import SnapshotEncoder, make_kind
from statsd_trio.sinks.otlp.routes import OtlpRoute
from statsd_trio.sinks.otlp.settings import OtlpSettings
from statsd_trio.sinks.sink_runner import SinkRunner


def open_otlp_destination(
    settings: OtlpSettings,
    *,
    url: str,
    metrics_url: str | None = None,
    logs_url: str | None = None,
    metrics_headers: Mapping[str, str] | None = None,
    logs_headers: Mapping[str, str] | None = None,
    compression: str = "gzip",
    max_concurrent_requests: int = 10,
    request_timeout_seconds: float = 10.0,
    proxy: str | None = None,
    proxy_http: str | None = None,
    no_proxy: Collection[str] = (),
    ca_file: str | None = None,
    ca_option: str = "ca_file",
    skip_ssl_validation: bool = False,
    retry_queue_bytes: int = 15 * 1024 * 1024,
    spool_path: str | None = None,
    spool_max_bytes: int = 0,
    report_seconds: float = 10.0,
    wall_clock: Callable[[], float] = time.time,
    choose_fraction: Callable[[], float] = random.random,
    transport: httpx2.AsyncBaseTransport | None = None,
    run_in_thread: RunInThread = run_in_thread,
) -> SinkRunner:
    """Make the destination; nothing connects before it runs.

    Args:
        settings: how snapshots become OTLP.
        url: to which ``/v1/metrics`` and ``/v1/logs`` are appended.
        metrics_url: for metrics, as it is, instead.
        logs_url: for logs, as it is, instead.
        metrics_headers: of requests with metrics.
        logs_headers: of requests with logs.
        compression: gzip or none.
        max_concurrent_requests: one for each route may be under way beyond it.
        request_timeout_seconds: for one whole request.
        proxy: for URLs that begin with https.
        proxy_http: for URLs that begin with http.
        no_proxy: hosts that are reached without a proxy, matched exactly.
        ca_file: trusted beside the system's authorities.
        ca_option: the option that names *ca_file*, for the error.
        skip_ssl_validation: trust anybody, with a WARNING.
        retry_queue_bytes: of payloads that wait for another try.
        spool_path: the folder for payloads that memory has no room for.
        spool_max_bytes: of that folder.
        report_seconds: how often losses are logged.
        wall_clock: unix seconds.
        choose_fraction: a random number in [0, 1).
        transport: the way to every URL, for tests.
        run_in_thread: calls what blocks.

    Raises:
        ValueError: if a value cannot be used; the message holds no secret.
        OSError: naming *ca_file* if it cannot be read, or *spool_path* if it cannot
            be written to.
    """
    quieten_libraries()
    if skip_ssl_validation:
        warn_of_no_validation()
    ssl_context = open_ssl_context(
        ca_file, skip_validation=skip_ssl_validation, ca_option=ca_option
    )

    def make_transport(url: str) -> httpx2.AsyncBaseTransport:
        return transport or open_transport(
            url,
            max_connections=max_concurrent_requests + 1,
            ssl_context=ssl_context,
            proxies={"https": proxy, "http": proxy_http},
            no_proxy=no_proxy,
        )

    kind = make_kind(settings)
    routes = kind.routes if settings.sends_events else (OtlpRoute.METRICS,)
    own_urls: dict[Route, str | None] = {
        OtlpRoute.METRICS: metrics_url,
        OtlpRoute.LOGS: logs_url,
    }
    urls = {route: own_urls[route] or url.rstrip("/") + route.value for route in routes}
    headers: dict[Route, Mapping[str, str]] = {
        OtlpRoute.METRICS: metrics_headers or {},
        OtlpRoute.LOGS: logs_headers or {},
    }
    endpoint = OtlpEndpoint(urls, headers, make_transport, wall_clock)
    disk = open_disk_queue(spool_path, spool_max_bytes)
    delivery = Delivery(
        f"otlp:{endpoint.name}",
        endpoint,
        kind=kind,
        routes=routes,
        max_concurrent_requests=max_concurrent_requests,
        request_timeout_seconds=request_timeout_seconds,
        retry_queue_bytes=retry_queue_bytes,
        report_seconds=report_seconds,
        choose_fraction=choose_fraction,
        wall_clock=wall_clock,
        spool=Spool.of(disk, endpoint.name, 0, routes, run_in_thread),
    )
    encoder = SnapshotEncoder(settings, parse_compression(compression))

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
