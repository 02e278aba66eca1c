"""Queue snapshots for a sink.

To free a snapshot of a hundred thousand series takes longer than the event loop may be
held, so it is freed in slices.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

import attrs
import trio

from statsd_trio.aggregation.snapshot import Snapshot, SnapshotPoints

# This takes about half a millisecond.
_RELEASED_PER_SLICE: Final = 1000


@attrs.define(eq=False)
class Entry:
    """A snapshot, until it is released, and how many points it has."""

    snapshot: Snapshot
    points: SnapshotPoints

    async def release(self) -> None:
        """Free the contents of the snapshot in small parts."""
        items = [*self.snapshot.series, *self.snapshot.sketches]
        self.snapshot = Snapshot(self.snapshot.time, self.snapshot.interval_seconds)
        while items:
            del items[-_RELEASED_PER_SLICE:]
            await trio.lowlevel.checkpoint()


class SnapshotQueue:
    """A limited number of snapshots on their way to one sink, the oldest first."""

    def __init__(
        self,
        max_snapshots: int,
        *,
        on_put: Callable[[SnapshotPoints], None],
        on_evicted: Callable[[SnapshotPoints], None],
    ) -> None:
        """Hold at most *max_snapshots*.

        Args:
            max_snapshots: beyond it, the oldest one makes room.
            on_put: called once for each snapshot with its points.
            on_evicted: called with the points of a snapshot that made room.
        """
        self._max_snapshots = max_snapshots
        self._on_put = on_put
        self._on_evicted = on_evicted
        self._entries: deque[Entry] = deque()
        self._taken: Entry | None = None
        self._is_closed = False
        self._has_ended = False
        self._changed = trio.lowlevel.ParkingLot()

    def put_nowait(self, snapshot: Snapshot) -> None:
        """Add *snapshot*; without room, it replaces the oldest one."""
        if not self._has_ended:
            if len(self._entries) == self._max_snapshots:
                self._on_evicted(self._entries.popleft().points)
            self._entries.append(Entry(snapshot, snapshot.points))
            self._changed.unpark_all()
        self._on_put(snapshot.points)

    def close(self) -> None:
        """Let `take` return None after everything was taken."""
        self._is_closed = True
        self._changed.unpark_all()

    def end(self) -> None:
        """Drop everything in the queue, and count and drop whatever is put later."""
        self._has_ended = True
        self._entries.clear()
        self._taken = None
        self._changed.unpark_all()

    async def take(self) -> Entry | None:
        """Wait for the oldest snapshot, and take it; return None at the end.

        After a cancel it is still in the queue.
        """
        await trio.lowlevel.checkpoint()
        while not self._entries:
            if self._is_closed:
                return None
            await self._changed.park()
        self._taken = self._entries.popleft()
        return self._taken

    async def finish(self, entry: Entry) -> None:
        """Release *entry*, which was taken and is no longer needed."""
        self._taken = None
        self._changed.unpark_all()
        await entry.release()

    async def join(self) -> None:
        """Wait until everything was taken and is no longer needed."""
        while self._entries or self._taken is not None:
            await self._changed.park()
