"""Encode snapshots once, and send them to every endpoint of one kind of intake."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, Protocol

import trio

from statsd_trio.aggregation.snapshot import Snapshot, SnapshotPoints
from statsd_trio.ledger import SinkLedger
from statsd_trio.pace import Pace
from statsd_trio.sinks.delivery.delivery import Delivery
from statsd_trio.sinks.delivery.disk_queue import DiskQueue
from statsd_trio.sinks.delivery.payload import Step
from statsd_trio.sinks.delivery.spooler import GRACE_SECONDS
from statsd_trio.sinks.snapshot_queue import Entry, SnapshotQueue
from statsd_trio.sinks.stop_time import StopTime

# Snapshots only wait while another one is encoded, which takes about a second for 100
# 000 series.
MAX_SNAPSHOTS: Final = 16


class Closable(Protocol):
    """Something with connections to close."""

    def aclose(self) -> Awaitable[None]:
        """Close them."""
        ...


def _keep_ledger(ledger: SinkLedger) -> SinkLedger:
    return ledger


class PayloadSender:
    """A `Consumer` for one or more endpoints and keys, each with its own delivery.

    One task encodes snapshots for all of them, in slices; each delivery has a task that
    sends.
    """

    def __init__(
        self,
        deliveries: Sequence[Delivery],
        endpoints: Sequence[Closable],
        encode: Callable[[Snapshot], Iterator[Step]],
        *,
        disk: DiskQueue | None = None,
        complete_ledger: Callable[[SinkLedger], SinkLedger] = _keep_ledger,
    ) -> None:
        """Connect encoding and sending.

        Args:
            deliveries: one for each endpoint and key.
            endpoints: closed at the end.
            encode: returns an iterator over the payloads of a snapshot, which does a
                small part of the work in each step.
            disk: the spool.
            complete_ledger: adds what *encode* counts to a ledger.
        """
        self._deliveries = tuple(deliveries)
        self._endpoints = tuple(endpoints)
        self._encode_snapshot = encode
        self._disk = disk
        self._complete_ledger = complete_ledger

    def ledgers(self) -> tuple[SinkLedger, ...]:
        """Return what became of every point, one entry for each endpoint and key."""
        return tuple(
            self._complete_ledger(delivery.ledger()) for delivery in self._deliveries
        )

    def expect(self, points: SnapshotPoints) -> None:
        """Count a snapshot that was queued, for each endpoint and key."""
        for delivery in self._deliveries:
            delivery.expect(points)

    def evict(self, points: SnapshotPoints) -> None:
        """Count a snapshot that made room for others before it became payloads."""
        for delivery in self._deliveries:
            delivery.evict(points)

    async def run(self, queue: SnapshotQueue, stop: StopTime) -> None:
        """Deliver what comes out of *queue*; at its end, each payload has a last try.

        What is left when *stop* is over is spooled if there is a spool, which may take
        a second more, and counted as abandoned otherwise.
        """
        try:
            async with trio.open_nursery() as nursery:
                for delivery in self._deliveries:
                    nursery.start_soon(delivery.run, stop)
                # With a spool, snapshots that come too late to be sent are kept too.
                extra_seconds = 0.0 if self._disk is None else GRACE_SECONDS
                try:
                    with stop.limit(extra_seconds=extra_seconds):
                        await self._encode_snapshots(queue)
                except BaseException:
                    # Something has failed, so no delivery may wait for the others, or
                    # the disk.
                    stop.begin(0)
                    raise
                finally:
                    for delivery in self._deliveries:
                        delivery.close()
        finally:
            with stop.limit(extra_seconds=GRACE_SECONDS, shield=True):
                for endpoint in self._endpoints:
                    await endpoint.aclose()
            if self._disk is not None:
                self._disk.close()

    async def join(self) -> None:
        """Wait until every payload is delivered, refused or kept for a retry."""
        for delivery in self._deliveries:
            await delivery.join()

    async def _encode_snapshots(self, queue: SnapshotQueue) -> None:
        """Turn snapshots into payloads until *queue* is closed and empty."""
        while (entry := await queue.take()) is not None:
            await self._encode(entry)
            await queue.finish(entry)

    async def _encode(self, entry: Entry) -> None:
        pace = Pace()
        for step in self._encode_snapshot(entry.snapshot):
            if step is not None:
                for delivery in self._deliveries:
                    delivery.put_nowait(step, entry.snapshot.time)
            if pace.is_over():
                await pace.rest()
