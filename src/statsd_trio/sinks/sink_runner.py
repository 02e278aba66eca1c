"""Makes a `Destination` of what consumes snapshots: its queue, its task, its stop.

The same for a sink of somebody else and for what is delivered over HTTP: what differs
stands in the `Consumer`, which is `SinkCaller` or `PayloadSender`.
"""

from typing import Final, Protocol

import trio

from statsd_trio.aggregation.snapshot import Snapshot, SnapshotPoints
from statsd_trio.ki import protect_from_ki
from statsd_trio.ledger import SinkLedger
from statsd_trio.sinks.snapshot_queue import SnapshotQueue
from statsd_trio.sinks.stop_time import StopTime

DEFAULT_MAX_SNAPSHOTS: Final = 8


class Consumer(Protocol):
    """What a `SinkRunner` runs: it counts snapshots, and delivers them."""

    def ledgers(self) -> tuple[SinkLedger, ...]:
        """Return what became of every point."""
        ...

    def expect(self, points: SnapshotPoints) -> None:
        """Count the *points* of a snapshot that was put into the queue."""
        ...

    def evict(self, points: SnapshotPoints) -> None:
        """Count the *points* of a snapshot that had to make room in the queue."""
        ...

    async def run(self, queue: SnapshotQueue, stop: StopTime) -> None:
        """Deliver what comes out of *queue*, until it is closed and empty.

        It ends earlier when *stop* has no time left, or when nothing can ever be
        delivered again. Then every point that was expected is in a count of the ledger.
        """
        ...

    async def join(self) -> None:
        """Wait until all that was taken out of the queue has had its try."""
        ...


class SinkRunner:
    """Hands snapshots to a consumer one by one, oldest first.

    A cancel of `run` is a stop without time: the consumer still keeps and counts what
    is left.
    """

    def __init__(
        self, consumer: Consumer, *, max_snapshots: int = DEFAULT_MAX_SNAPSHOTS
    ) -> None:
        """Give *consumer* a queue of at most *max_snapshots*."""
        self._consumer = consumer
        self._queue = SnapshotQueue(
            max_snapshots, on_put=consumer.expect, on_evicted=consumer.evict
        )
        self._stop = StopTime()

    def ledgers(self) -> tuple[SinkLedger, ...]:
        """Return what became of every point."""
        return self._consumer.ledgers()

    def put_nowait(self, snapshot: Snapshot) -> None:
        """Queue *snapshot*, evicting and counting the oldest if there is no room."""
        self._queue.put_nowait(snapshot)

    @protect_from_ki
    async def run(self) -> None:
        """Deliver what is queued to its end."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._close_when_cancelled)
            with trio.CancelScope(shield=True):
                await self._consumer.run(self._queue, self._stop)
            nursery.cancel_scope.cancel()

    async def join(self) -> None:
        """Wait until all that was put is delivered, refused or kept for a retry."""
        await self._queue.join()
        await self._consumer.join()

    def close(self, seconds: float) -> None:
        """Put nothing more; let `run` deliver the rest for *seconds* at most."""
        self._queue.close()
        self._stop.begin(seconds)

    @protect_from_ki
    async def _close_when_cancelled(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self.close(0)
