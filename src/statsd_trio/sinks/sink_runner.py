"""Turn a consumer of snapshots into a `Destination`, with a queue and a stop.

This is the same for other people's sinks and for delivery over HTTP. What differs is in
the `Consumer`, which is a `SinkCaller` or a `PayloadSender`.
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
        """Count the *points* of a snapshot that made room for others in the queue."""
        ...

    async def run(self, queue: SnapshotQueue, stop: StopTime) -> None:
        """Deliver what comes out of *queue*, until it is closed and empty.

        It ends earlier when *stop* is over, or when nothing can ever be delivered
        again. Every point that was expected is in a count of the ledger then.
        """
        ...

    async def join(self) -> None:
        """Wait until everything that was taken out of the queue has been tried."""
        ...


class SinkRunner:
    """Passes snapshots to a consumer one by one, the oldest first.

    A cancel of `run` is a stop without time: the consumer still keeps or counts what is
    left.
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
        """Queue *snapshot*; without room, the oldest one is evicted and counted."""
        self._queue.put_nowait(snapshot)

    @protect_from_ki
    async def run(self) -> None:
        """Deliver everything that is queued."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._close_when_cancelled)
            with trio.CancelScope(shield=True):
                await self._consumer.run(self._queue, self._stop)
            nursery.cancel_scope.cancel()

    async def join(self) -> None:
        """Wait until all that was put is delivered, refused or kept for later."""
        await self._queue.join()
        await self._consumer.join()

    def close(self, seconds: float) -> None:
        """End the queue; `run` may deliver the rest for *seconds* at most."""
        self._queue.close()
        self._stop.begin(seconds)

    @protect_from_ki
    async def _close_when_cancelled(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self.close(0)
