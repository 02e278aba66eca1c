"""Opens a destination: who gets everything, over which way, with which spool."""

import functools
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence

import attrs
import httpx2

from statsd_trio.sinks.datadog.endpoint import DatadogEndpoint
from statsd_trio.sinks.datadog.key_check import KeyCheck
from statsd_trio.sinks.datadog.keyed_endpoint import KeyedEndpoint
from statsd_trio.sinks.datadog.keys import ApiKey, KeySource
from statsd_trio.sinks.datadog.payloads import build_payloads
from statsd_trio.sinks.datadog.routes import DATADOG, DatadogRoute
from statsd_trio.sinks.delivery.compression import DEFAULT_ZSTD_LEVEL, parse_compression
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
from statsd_trio.sinks.sink_runner import SinkRunner


@attrs.frozen
class Account:
    """An endpoint and one of its keys, and what to send there.

    Attributes:
        url: the base URL of the endpoint.
        key: a string, an async callable, or an `ApiKey`, which may be replaced later.
        routes: what to send; the rest is switched off.
        is_additional: readiness does not depend on it.
    """

    url: str
    key: KeySource | ApiKey
    routes: Collection[Route] = tuple(DatadogRoute)
    is_additional: bool = False


def open_datadog_destination(
    accounts: Sequence[Account],
    *,
    compression: str = "zstd",
    compression_level: int = DEFAULT_ZSTD_LEVEL,
    max_concurrent_requests: int = 10,
    request_timeout_seconds: float = 20.0,
    proxy: str | None = None,
    proxy_http: str | None = None,
    no_proxy: Collection[str] = (),
    ca_file: str | None = None,
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
    """Make the destination for *accounts*; nothing connects before it runs.

    Args:
        accounts: the endpoints and keys that get everything.
        compression: zstd, deflate (or zlib), gzip or none.
        compression_level: of zstd.
        max_concurrent_requests: for each account; each route may have one beyond it.
        request_timeout_seconds: for one whole request.
        proxy: for endpoints whose URL begins with https.
        proxy_http: for endpoints whose URL begins with http.
        no_proxy: hosts that are reached without a proxy, matched exactly.
        ca_file: trusted beside the system's authorities.
        skip_ssl_validation: trust anybody, with a WARNING.
        retry_queue_bytes: for each account; 0 for no retries.
        spool_path: a directory for what memory cannot hold and what is left at a
            stop; None for no spool.
        spool_max_bytes: for all accounts together.
        report_seconds: how often losses are logged.
        wall_clock: unix seconds.
        choose_fraction: random numbers in [0, 1).
        transport: stands in for the network, in tests.
        run_in_thread: calls what blocks; stands in for a thread, in tests.

    Raises:
        ValueError: if a value cannot be used; the message holds no secret.
        OSError: naming *ca_file* if it cannot be read, or *spool_path* if it cannot
            be written to.
    """
    quieten_libraries()
    if skip_ssl_validation:
        warn_of_no_validation()
    encoding = parse_compression(compression)
    numbers = Counter(account.url for account in accounts)
    if transport is None:
        ssl_context = open_ssl_context(ca_file, skip_validation=skip_ssl_validation)
        # One for each route beyond the shared ones, and one for the key.
        max_connections = max_concurrent_requests + len(DatadogRoute) + 1
        transports = {
            url: open_transport(
                url,
                max_connections=max_connections * number,
                ssl_context=ssl_context,
                proxies={"https": proxy, "http": proxy_http},
                no_proxy=no_proxy,
            )
            for url, number in numbers.items()
        }
    else:
        transports = dict.fromkeys(numbers, transport)
    disk = open_disk_queue(spool_path, spool_max_bytes)
    endpoints = {
        url: DatadogEndpoint(url, transports[url], wall_clock) for url in numbers
    }
    deliveries: list[Delivery] = []
    seen = Counter[str]()
    for account in accounts:
        endpoint = endpoints[account.url]
        index = seen[account.url]
        seen[account.url] += 1
        suffix = f"#{index + 1}" if index else ""
        name = f"datadog:{endpoint.name}{suffix}"
        key = account.key
        if not isinstance(key, ApiKey):
            key = ApiKey(key)
        key_check = KeyCheck(
            name,
            endpoint,
            key,
            pause_seconds=report_seconds,
            key_option=(
                "additional_endpoints" if account.is_additional else "DD_API_KEY"
            ),
        )
        delivery = Delivery(
            name,
            KeyedEndpoint(endpoint, key, key_check),
            kind=DATADOG,
            routes=account.routes,
            is_additional=account.is_additional,
            max_concurrent_requests=max_concurrent_requests,
            request_timeout_seconds=request_timeout_seconds,
            retry_queue_bytes=retry_queue_bytes,
            report_seconds=report_seconds,
            choose_fraction=choose_fraction,
            wall_clock=wall_clock,
            spool=Spool.of(disk, endpoint.name, index, account.routes, run_in_thread),
        )
        deliveries.append(delivery)
    routes = frozenset[Route]().union(*(account.routes for account in accounts))
    sender = PayloadSender(
        deliveries,
        tuple(endpoints.values()),
        functools.partial(
            build_payloads,
            encoding=encoding,
            routes=routes,
            zstd_level=compression_level,
        ),
        disk=disk,
    )
    return SinkRunner(sender, max_snapshots=MAX_SNAPSHOTS)
