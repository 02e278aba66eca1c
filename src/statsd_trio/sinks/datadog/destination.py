"""Delivers snapshots to the Datadog intake: encoded once, sent to every endpoint."""

import logging
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

import attrs
import httpx2
import trio

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.errors import explain_os_error
from statsd_trio.ledger import SinkLedger
from statsd_trio.sinks.backlog import Backlog, Entry
from statsd_trio.sinks.datadog.compression import DEFAULT_ZSTD_LEVEL, parse_compression
from statsd_trio.sinks.datadog.delivery import Delivery
from statsd_trio.sinks.datadog.http import Endpoint, open_ssl_context, open_transport
from statsd_trio.sinks.datadog.keys import ApiKey, KeySource
from statsd_trio.sinks.datadog.payloads import Payload, Step, build_payloads
from statsd_trio.sinks.datadog.spool import Spool, name_target
from statsd_trio.sinks.datadog.spooling import RunInThread, SharedSpool
from statsd_trio.sinks.pace import Pace

logger = logging.getLogger(__name__)

# Snapshots wait only while another is encoded, which takes about a second for
# 100 000 series.
_MAX_SNAPSHOTS: Final = 16

# Source: datadog-agent, forwarder_apikey_validation_interval.
_KEY_CHECK_SECONDS: Final = 3600.0

_ABANDON_SECONDS: Final = 10.0


@attrs.define(eq=False)
class _Encoding:
    """A snapshot that is becoming payloads; survives a cancel between two steps."""

    entry: Entry
    steps: Iterator[Step]


class DatadogDestination:
    """A `Destination` of one or more endpoints, each with its own queue and circuit.

    One task encodes snapshots, in slices; each endpoint has a task that sends. `run`
    and `finish` both do the work: the first that is there does it, and goes on until
    `finish` has seen all of it tried.
    """

    def __init__(
        self,
        deliveries: Sequence[Delivery],
        endpoints: Sequence[Endpoint],
        *,
        encoding: str,
        zstd_level: int = DEFAULT_ZSTD_LEVEL,
        spool: SharedSpool | None = None,
    ) -> None:
        self._deliveries = tuple(deliveries)
        self._endpoints = tuple(endpoints)
        self._encoding = encoding
        self._zstd_level = zstd_level
        self._spool = spool
        self._backlog = Backlog(
            _MAX_SNAPSHOTS, on_counted=self._expect, on_evicted=self._evict
        )
        self._current: _Encoding | None = None
        self._is_finishing = False
        self._working = trio.Lock()
        self._changed = trio.lowlevel.ParkingLot()

    def ledgers(self) -> tuple[SinkLedger, ...]:
        """Tell what became of every point, one entry an endpoint and key."""
        self._backlog.count_nowait()
        return tuple(delivery.ledger() for delivery in self._deliveries)

    def put_nowait(self, snapshot: Snapshot) -> None:
        """Queue *snapshot*, evicting and counting the oldest if there is no room."""
        self._backlog.put_nowait(snapshot)
        self._changed.unpark_all()

    async def run(self) -> None:
        """Deliver what is queued, until cancelled or all of `finish` is done."""
        async with trio.open_nursery() as nursery:
            for delivery in self._deliveries:
                nursery.start_soon(delivery.keep_key_checked, _KEY_CHECK_SECONDS)
            await self._work()
            nursery.cancel_scope.cancel()

    async def settle(self) -> None:
        """Wait until all that was put is delivered, refused or kept for a retry."""
        while self._backlog or self._current is not None:
            await self._changed.park()
        for delivery in self._deliveries:
            await delivery.settle()

    async def finish(self) -> None:
        """Deliver all that can be, newest first; each payload has one last try.

        Works beside `run` and without it.
        """
        self._is_finishing = True
        self._changed.unpark_all()
        await self._work()

    async def abandon(self) -> None:
        """Spool what is left, or count it as abandoned; close the connections."""
        self._is_finishing = True
        self._backlog.count_nowait()
        with trio.move_on_after(_ABANDON_SECONDS, shield=True):
            if self._spool is not None:
                await self._encode_snapshots()
        for delivery in self._deliveries:
            await delivery.abandon()
        with trio.move_on_after(_ABANDON_SECONDS, shield=True):
            for endpoint in self._endpoints:
                await endpoint.aclose()
        if self._spool is not None:
            self._spool.close()

    def _expect(self, points: int) -> None:
        for delivery in self._deliveries:
            delivery.expect(points)

    def _evict(self, points: int) -> None:
        for delivery in self._deliveries:
            delivery.evict(points)

    async def _work(self) -> None:
        """Do the work, or wait for whoever does it and go on where it was cut off."""
        async with self._working, trio.open_nursery() as nursery:
            for delivery in self._deliveries:
                nursery.start_soon(delivery.run)
            await self._encode_snapshots()
            for delivery in self._deliveries:
                delivery.expect_no_more()

    async def _encode_snapshots(self) -> None:
        """Turn snapshots into payloads until there will be no more of them."""
        while True:
            if self._current is None and self._backlog:
                entry = await self._backlog.take()
                steps = build_payloads(
                    entry.snapshot, self._encoding, zstd_level=self._zstd_level
                )
                self._current = _Encoding(entry, steps)
            if self._current is not None:
                await self._encode(self._current)
                entry, self._current = self._current.entry, None
                self._changed.unpark_all()
                await entry.release()
            elif self._is_finishing:
                return
            else:
                await self._changed.park()

    async def _encode(self, encoding: _Encoding) -> None:
        pace = Pace()
        for step in encoding.steps:
            if isinstance(step, Payload):
                for delivery in self._deliveries:
                    delivery.put_nowait(step, encoding.entry.snapshot.time)
            elif step is not None:
                for delivery in self._deliveries:
                    delivery.drop(step)
            if pace.is_over():
                await pace.rest()


def open_datadog_destination(
    endpoints: Mapping[str, Sequence[KeySource | ApiKey]],
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
    wall_clock: Callable[[], float] = time.time,
    choose_fraction: Callable[[], float] = random.random,
    transport: httpx2.AsyncBaseTransport | None = None,
    run_in_thread: RunInThread = trio.to_thread.run_sync,
) -> DatadogDestination:
    """Make the destination for *endpoints*; nothing connects before it runs.

    Args:
        endpoints: base URL to its API keys, each a string, an async callable, or an
            `ApiKey`, which the caller may replace later.
        compression: zstd, deflate (or zlib), gzip or none.
        compression_level: of zstd.
        max_concurrent_requests: for each endpoint and key.
        request_timeout_seconds: for one whole request.
        proxy: for endpoints whose URL begins with https.
        proxy_http: for endpoints whose URL begins with http.
        no_proxy: hosts that are reached without a proxy, matched exactly.
        ca_file: trusted beside the system's authorities.
        skip_ssl_validation: trust anybody, with a WARNING.
        retry_queue_bytes: for each endpoint and key.
        spool_path: a directory for what memory cannot hold and what is left at a
            stop; None for no spool.
        spool_max_bytes: for all endpoints together.
        wall_clock: unix seconds.
        choose_fraction: random numbers in [0, 1).
        transport: stands in for the network, in tests.
        run_in_thread: calls what blocks; stands in for a thread, in tests.

    Raises:
        ValueError: if a value cannot be used; the message holds no secret.
        OSError: naming *ca_file* if it cannot be read, or *spool_path* if it cannot
            be written to.
    """
    for library in ("httpx2", "httpcore2"):
        _quieten(logging.getLogger(library))
    if skip_ssl_validation:
        logger.warning(
            "skip_ssl_validation is set: anybody on the way can read and change"
            " what is sent, the API key included"
        )
    encoding = parse_compression(compression)
    if transport is None:
        ssl_context = open_ssl_context(ca_file, skip_validation=skip_ssl_validation)
        transports = {
            url: open_transport(
                url,
                # One more a key, so that it can be checked while all are busy.
                max_connections=(max_concurrent_requests + 1) * len(sources),
                ssl_context=ssl_context,
                proxies={"https": proxy, "http": proxy_http},
                no_proxy=no_proxy,
            )
            for url, sources in endpoints.items()
        }
    else:
        transports = dict.fromkeys(endpoints, transport)
    spool = None
    if spool_path is not None:
        with explain_os_error(
            f"write to the spool folder {spool_path}", "Check spool_path."
        ):
            folder = Spool(spool_path, spool_max_bytes)
        spool = SharedSpool(folder, run_in_thread)
    deliveries: list[Delivery] = []
    opened: list[Endpoint] = []
    for url, sources in endpoints.items():
        endpoint = Endpoint(url, transports[url], wall_clock)
        opened.append(endpoint)
        for index, source in enumerate(sources):
            suffix = f"#{index + 1}" if index else ""
            deliveries.append(
                Delivery(
                    f"datadog:{endpoint.name}{suffix}",
                    endpoint,
                    source if isinstance(source, ApiKey) else ApiKey(source),
                    max_concurrent_requests=max_concurrent_requests,
                    request_timeout_seconds=request_timeout_seconds,
                    retry_queue_bytes=retry_queue_bytes,
                    choose_fraction=choose_fraction,
                    spool=spool,
                    spool_target=name_target(endpoint.name, index),
                    wall_clock=wall_clock,
                )
            )
    return DatadogDestination(
        deliveries,
        opened,
        encoding=encoding,
        zstd_level=compression_level,
        spool=spool,
    )


def _quieten(library_logger: logging.Logger) -> None:
    # At INFO it has a line for each request. Whoever set a level meant it.
    if library_logger.level == logging.NOTSET:
        library_logger.setLevel(logging.WARNING)
