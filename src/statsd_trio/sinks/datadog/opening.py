"""Open the Datadog destination: its accounts, connections and spool."""

import functools
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import ExitStack

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
from statsd_trio.sinks.delivery.settings import DeliverySettings
from statsd_trio.sinks.delivery.spool import Spool, open_disk_queue
from statsd_trio.sinks.delivery.transport import open_network
from statsd_trio.sinks.sink_runner import SinkRunner


@attrs.frozen
class Account:
    """An endpoint and one of its keys, and what to send there.

    Attributes:
        url: the base URL of the endpoint.
        key: a string, an async callable, or an `ApiKey`, which may be replaced later.
        routes: what to send; everything else is switched off.
        is_additional: whether readiness does not depend on it.
    """

    url: str
    key: KeySource | ApiKey
    routes: Collection[Route] = tuple(DatadogRoute)
    is_additional: bool = False


def open_datadog_destination(
    accounts: Sequence[Account],
    settings: DeliverySettings,
    *,
    compression: str = "zstd",
    compression_level: int = DEFAULT_ZSTD_LEVEL,
    resources: ExitStack | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> SinkRunner:
    """Return the destination for *accounts*; nothing connects until it runs.

    Args:
        accounts: the endpoints and keys that get everything.
        settings: how payloads are delivered there.
        compression: zstd, deflate (or zlib), gzip or none.
        compression_level: the level of zstd.
        resources: closes what is opened here, if the destination never runs.
        transport: replaces the network, in tests.

    Raises:
        ValueError: if a value cannot be used; the message contains no secret.
        OSError: if the CA file cannot be read, or the spool cannot be written to; the
            message names it.
    """
    encoding = parse_compression(compression)
    numbers = Counter(account.url for account in accounts)
    open_way = open_network(settings, transport)
    # One connection for each route besides the shared ones, and one for checking the
    # key.
    connections = settings.max_concurrent_requests + len(DatadogRoute) + 1
    endpoints = {
        url: DatadogEndpoint(
            url, open_way(url, connections * number), settings.wall_clock
        )
        for url, number in numbers.items()
    }
    disk = open_disk_queue(settings.spool_path, settings.spool_max_bytes, resources)
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
            pause_seconds=settings.report_seconds,
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
            settings=settings,
            spool=Spool.of(
                disk, endpoint.name, index, account.routes, settings.run_in_thread
            ),
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
