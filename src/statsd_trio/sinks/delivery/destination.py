"""Delivers snapshots to intakes of one kind: encoded once, sent to every endpoint."""

import logging
import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, Protocol

import attrs
import trio

from statsd_trio.aggregation.snapshot import Snapshot, SnapshotPoints
from statsd_trio.ki import protect_from_ki
from statsd_trio.ledger import SinkLedger
from statsd_trio.pace import Pace
from statsd_trio.sinks.delivery.delivery import Delivery
from statsd_trio.sinks.delivery.disk_queue import DiskQueue
from statsd_trio.sinks.delivery.payload import Dropped, Payload, Step
from statsd_trio.sinks.snapshot_queue import Entry, SnapshotQueue

logger = logging.getLogger(__name__)

# Snapshots wait only while another is encoded, which takes about a second for
# 100 000 series.
_MAX_SNAPSHOTS: Final = 16

# At a stop, so much of the time is kept for the spool.
_SPOOLING_PART: Final = 0.2

# And so much longer it may take, however the disk behaves.
_GRACE_SECONDS: Final = 0.9


class Closable(Protocol):
    """What holds connections."""

    def aclose(self) -> Awaitable[None]:
        """Close them."""
        ...


def _keep_ledger(ledger: SinkLedger) -> SinkLedger:
    return ledger


@attrs.define(eq=False)
class _Encoding:
    """A snapshot that is becoming payloads; survives a cancel between two steps."""

    entry: Entry
    steps: Iterator[Step]


class PayloadDestination:
    """A `Destination` of one or more endpoints and keys, each with its own delivery.

    One task encodes snapshots, in slices, for all of them; each has a task that sends.
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
        """Join what encodes and what sends.

        Args:
            deliveries: one for each endpoint and key.
            endpoints: what is closed at the end.
            encode: makes payloads of a snapshot, a small step each time it is asked.
            disk: the spool.
            complete_ledger: adds what *encode* counts to a ledger.
        """
        self._deliveries = tuple(deliveries)
        self._endpoints = tuple(endpoints)
        self._encode_snapshot = encode
        self._disk = disk
        self._complete_ledger = complete_ledger
        self._queue = SnapshotQueue(
            _MAX_SNAPSHOTS, on_put=self._expect, on_evicted=self._evict
        )
        self._current: _Encoding | None = None
        # Its deadline is that of the last tries; the disk has until the end.
        self._sending = trio.CancelScope()
        self._end = math.inf

    def ledgers(self) -> tuple[SinkLedger, ...]:
        """Return what became of every point, one entry for each endpoint and key."""
        return tuple(
            self._complete_ledger(delivery.ledger()) for delivery in self._deliveries
        )

    def put_nowait(self, snapshot: Snapshot) -> None:
        """Queue *snapshot*, evicting and counting the oldest if there is no room."""
        self._queue.put_nowait(snapshot)

    async def join(self) -> None:
        """Wait until all that was put is delivered, refused or kept for a retry."""
        await self._queue.join()
        for delivery in self._deliveries:
            await delivery.join()

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

    @protect_from_ki
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

    @protect_from_ki
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
                steps = self._encode_snapshot(entry.snapshot)
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
