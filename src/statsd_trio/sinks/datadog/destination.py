"""Delivers snapshots to the Datadog intake: encoded once, sent to every endpoint."""

import logging
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

import attrs
import httpx2
import trio

from statsd_trio.aggregation.snapshot import Snapshot, SnapshotPoints
from statsd_trio.errors import explain_os_error
from statsd_trio.ledger import SinkLedger
from statsd_trio.pace import Pace
from statsd_trio.sinks.datadog.compression import DEFAULT_ZSTD_LEVEL, parse_compression
from statsd_trio.sinks.datadog.delivery import Delivery
from statsd_trio.sinks.datadog.disk_queue import DiskQueue, name_target
from statsd_trio.sinks.datadog.http import Endpoint, open_ssl_context, open_transport
from statsd_trio.sinks.datadog.keys import ApiKey, KeySource
from statsd_trio.sinks.datadog.payloads import (
    Dropped,
    Payload,
    Route,
    Step,
    build_payloads,
)
from statsd_trio.sinks.datadog.spooler import RunInThread, run_in_thread
from statsd_trio.sinks.snapshot_queue import Entry, SnapshotQueue

logger = logging.getLogger(__name__)

# Snapshots wait only while another is encoded, which takes about a second for
# 100 000 series.
_MAX_SNAPSHOTS: Final = 16

# At a stop, so much of the time is kept for the spool.
_SPOOLING_PART: Final = 0.2

# And so much longer it may take, however the disk behaves.
_GRACE_SECONDS: Final = 0.9


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
    routes: Collection[Route] = tuple(Route)
    is_additional: bool = False


@attrs.define(eq=False)
class _Encoding:
    """A snapshot that is becoming payloads; survives a cancel between two steps."""

    entry: Entry
    steps: Iterator[Step]


class DatadogDestination:
    """A `Destination` of one or more endpoints and keys, each with its own delivery.

    One task encodes snapshots, in slices, for all of them; each has a task that sends.
    """

    def __init__(
        self,
        deliveries: Sequence[Delivery],
        endpoints: Sequence[Endpoint],
        *,
        encoding: str,
        zstd_level: int = DEFAULT_ZSTD_LEVEL,
        disk: DiskQueue | None = None,
    ) -> None:
        self._deliveries = tuple(deliveries)
        self._endpoints = tuple(endpoints)
        self._encoding = encoding
        self._zstd_level = zstd_level
        self._disk = disk
        self._routes = frozenset[Route]().union(*(one.routes for one in deliveries))
        self._queue = SnapshotQueue(
            _MAX_SNAPSHOTS, on_put=self._expect, on_evicted=self._evict
        )
        self._current: _Encoding | None = None
        # Its deadline is that of the last tries; the disk has until the end.
        self._sending = trio.CancelScope()
        self._end = math.inf

    def ledgers(self) -> tuple[SinkLedger, ...]:
        """Return what became of every point, one entry for each endpoint and key."""
        return tuple(delivery.ledger() for delivery in self._deliveries)

    def put_nowait(self, snapshot: Snapshot) -> None:
        """Queue *snapshot*, evicting and counting the oldest if there is no room."""
        self._queue.put_nowait(snapshot)

    async def settle(self) -> None:
        """Wait until all that was put is delivered, refused or kept for a retry."""
        await self._queue.settle()
        for delivery in self._deliveries:
            await delivery.settle()

    def close(self, seconds: float) -> None:
        """Put nothing more; let `run` give each payload one last try.

        That may take *seconds*, with a spool four fifths of it; spooling what is left
        takes a second more at most.
        """
        self._queue.close()
        now = trio.current_time()
        part = 1.0 if self._disk is None else 1.0 - _SPOOLING_PART
        self._sending.deadline = now + seconds * part
        self._set_end(now + seconds + _GRACE_SECONDS)

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Deliver what is queued to its end.

        What is left at a cancel, or when time is up, is spooled if there is a spool,
        and counted as abandoned otherwise.
        """
        try:
            with self._sending:
                await self._send()
        finally:
            with trio.CancelScope(deadline=self._end, shield=True):
                await self._keep_the_rest()
            for delivery in self._deliveries:
                delivery.abandon()
            if self._disk is not None:
                self._disk.close()

    async def _send(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._limit_the_end)
            async with trio.open_nursery() as deliveries:
                for delivery in self._deliveries:
                    deliveries.start_soon(delivery.run)
                await self._encode_snapshots()
                for delivery in self._deliveries:
                    delivery.expect_no_more()
            nursery.cancel_scope.cancel()

    @trio.lowlevel.enable_ki_protection
    async def _limit_the_end(self) -> None:
        """See that a cancel, too, waits for the disk for a second at most."""
        try:
            await trio.sleep_forever()
        finally:
            if self._end == math.inf:
                self._set_end(trio.current_time() + _GRACE_SECONDS)

    def _set_end(self, end: float) -> None:
        self._end = end
        for delivery in self._deliveries:
            delivery.set_deadline(self._end)

    async def _keep_the_rest(self) -> None:
        """Spool what is left; close the connections."""
        if self._disk is not None:
            self._queue.close()
            await self._encode_snapshots()
        for delivery in self._deliveries:
            await delivery.store()
        for endpoint in self._endpoints:
            await endpoint.aclose()

    def _expect(self, points: SnapshotPoints) -> None:
        for delivery in self._deliveries:
            delivery.expect(points)

    def _evict(self, points: SnapshotPoints) -> None:
        for delivery in self._deliveries:
            delivery.evict(points)

    async def _encode_snapshots(self) -> None:
        """Turn snapshots into payloads until the queue is closed and empty."""
        while True:
            if self._current is None:
                entry = await self._queue.take()
                if entry is None:
                    return
                steps = build_payloads(
                    entry.snapshot,
                    self._encoding,
                    routes=self._routes,
                    zstd_level=self._zstd_level,
                )
                self._current = _Encoding(entry, steps)
            await self._encode(self._current)
            entry, self._current = self._current.entry, None
            await self._queue.finish(entry)

    async def _encode(self, encoding: _Encoding) -> None:
        pace = Pace()
        for step in encoding.steps:
            if step is not None:
                self._hand_over(step, encoding.entry.snapshot.time)
            if pace.is_over():
                await pace.rest()

    def _hand_over(self, step: Payload | Dropped, time: int) -> None:
        for delivery in self._deliveries:
            if step.route not in delivery.routes:
                continue
            if isinstance(step, Payload):
                delivery.put_nowait(step, time)
            else:
                delivery.drop(step)


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
) -> DatadogDestination:
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
    for library in ("httpx2", "httpcore2"):
        _quieten(logging.getLogger(library))
    if skip_ssl_validation:
        logger.warning(
            "skip_ssl_validation is set: anybody on the way can read and change"
            " what is sent, the API key included"
        )
    encoding = parse_compression(compression)
    numbers = Counter(account.url for account in accounts)
    if transport is None:
        ssl_context = open_ssl_context(ca_file, skip_validation=skip_ssl_validation)
        transports = {
            url: open_transport(
                url,
                # One for each route beyond the shared ones, and one for the key.
                max_connections=(max_concurrent_requests + len(Route)) * number,
                ssl_context=ssl_context,
                proxies={"https": proxy, "http": proxy_http},
                no_proxy=no_proxy,
            )
            for url, number in numbers.items()
        }
    else:
        transports = dict.fromkeys(numbers, transport)
    disk = None
    if spool_path is not None:
        with explain_os_error(
            f"write to the spool folder {spool_path}", "Check spool_path."
        ):
            disk = DiskQueue(spool_path, spool_max_bytes)
    endpoints = {url: Endpoint(url, transports[url], wall_clock) for url in numbers}
    deliveries: list[Delivery] = []
    seen = Counter[str]()
    for account in accounts:
        endpoint = endpoints[account.url]
        index = seen[account.url]
        seen[account.url] += 1
        suffix = f"#{index + 1}" if index else ""
        key = account.key
        delivery = Delivery(
            f"datadog:{endpoint.name}{suffix}",
            endpoint,
            key if isinstance(key, ApiKey) else ApiKey(key),
            routes=account.routes,
            is_additional=account.is_additional,
            max_concurrent_requests=max_concurrent_requests,
            request_timeout_seconds=request_timeout_seconds,
            retry_queue_bytes=retry_queue_bytes,
            report_seconds=report_seconds,
            choose_fraction=choose_fraction,
            wall_clock=wall_clock,
        )
        if disk is not None:
            targets = {
                route: name_target(endpoint.name, index, route)
                for route in account.routes
            }
            delivery.use_spool(disk, targets, run_in_thread)
        deliveries.append(delivery)
    return DatadogDestination(
        deliveries,
        tuple(endpoints.values()),
        encoding=encoding,
        zstd_level=compression_level,
        disk=disk,
    )


def _quieten(library_logger: logging.Logger) -> None:
    # At INFO it has a line for each request. Whoever set a level meant it.
    if library_logger.level == logging.NOTSET:
        library_logger.setLevel(logging.WARNING)
