"""Snapshots that wait for a sink, and how many points they hold.

Counting a hundred thousand series takes longer than the event loop may be held, and
so does freeing them. So a snapshot is counted in slices by the task that takes it
(at one go only when somebody asks for the ledger, or it has to make room), and let
go in slices.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

import attrs
import trio

from statsd_trio.aggregation.snapshot import Series, Sketch, Snapshot

# About half a millisecond each.
_COUNTED_PER_SLICE: Final = 5000
_RELEASED_PER_SLICE: Final = 1000


@attrs.frozen
class SnapshotPoints:
    """How many points a snapshot holds, by what they are."""

    series: int
    sketches: int
    service_checks: int
    events: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.series + self.sketches + self.service_checks + self.events

    def of(self, *kinds: str) -> int:
        """Return those of *kinds*, which are names of the attributes."""
        return sum(getattr(self, kind) for kind in kinds)


@attrs.define(eq=False)
class Entry:
    """A snapshot, and its points once they are counted."""

    snapshot: Snapshot
    points: SnapshotPoints | None = None

    async def release(self) -> None:
        """Let go of what the snapshot holds, bit by bit."""
        items = [*self.snapshot.series, *self.snapshot.sketches]
        self.snapshot = Snapshot(self.snapshot.time, self.snapshot.interval_seconds)
        while items:
            del items[-_RELEASED_PER_SLICE:]
            await trio.lowlevel.checkpoint()


class SnapshotQueue:
    """Snapshots on their way to one sink, oldest first, within a number of them."""

    def __init__(
        self,
        max_snapshots: int,
        *,
        on_counted: Callable[[SnapshotPoints], None],
        on_evicted: Callable[[SnapshotPoints], None],
    ) -> None:
        """Hold at most *max_snapshots*.

        Args:
            max_snapshots: beyond it the oldest makes room.
            on_counted: called once for each snapshot with its points.
            on_evicted: called after it with the points of one that made room.
        """
        self._max_snapshots = max_snapshots
        self._on_counted = on_counted
        self._on_evicted = on_evicted
        self._entries: deque[Entry] = deque()
        self._taken: Entry | None = None
        self._is_closed = False
        self._changed = trio.lowlevel.ParkingLot()

    def put_nowait(self, snapshot: Snapshot) -> None:
        """Add *snapshot*, in place of the oldest if there is no room."""
        if len(self._entries) == self._max_snapshots:
            evicted = self._entries.popleft()
            self._on_evicted(self._count_nowait(evicted))
        self._entries.append(Entry(snapshot))
        self._changed.unpark_all()

    def drop_nowait(self) -> int:
        """Drop every snapshot that waits, and return how many points they held."""
        points = sum(self._count_nowait(entry).total for entry in self._entries)
        self._entries.clear()
        self._changed.unpark_all()
        return points

    def close(self) -> None:
        """Let `take` end once all that was put is taken."""
        self._is_closed = True
        self._changed.unpark_all()

    def count_nowait(self) -> None:
        """See that every snapshot is counted."""
        for entry in self._entries:
            self._count_nowait(entry)

    async def take(self) -> Entry | None:
        """Wait for the oldest, count it in slices, and take it; None at the end.

        A cancel leaves it where it was.
        """
        while True:
            if not self._entries:
                if self._is_closed:
                    return None
                await self._changed.park()
                continue
            entry = self._entries[0]
            points = await _count_in_slices(entry.snapshot)
            # Meanwhile it may have been counted, or made room.
            if entry.points is None:
                self._set_points(entry, points)
            if self._entries[0] is entry:
                self._taken = self._entries.popleft()
                return entry

    async def finish(self, entry: Entry) -> None:
        """Let go of *entry*, which was taken and is done with."""
        self._taken = None
        self._changed.unpark_all()
        await entry.release()

    async def settle(self) -> None:
        """Wait until all that was put is taken and done with."""
        while self._entries or self._taken is not None:
            await self._changed.park()

    def _count_nowait(self, entry: Entry) -> SnapshotPoints:
        if entry.points is None:
            return self._set_points(entry, _count(entry.snapshot))
        return entry.points

    def _set_points(self, entry: Entry, points: SnapshotPoints) -> SnapshotPoints:
        entry.points = points
        self._on_counted(points)
        return points


def _count(snapshot: Snapshot) -> SnapshotPoints:
    return SnapshotPoints(
        series=sum([len(one.points) for one in snapshot.series]),
        sketches=sum([len(one.points) for one in snapshot.sketches]),
        service_checks=len(snapshot.service_checks),
        events=len(snapshot.events),
    )


async def _count_in_slices(snapshot: Snapshot) -> SnapshotPoints:
    return SnapshotPoints(
        series=await _count_items(snapshot.series),
        sketches=await _count_items(snapshot.sketches),
        service_checks=len(snapshot.service_checks),
        events=len(snapshot.events),
    )


async def _count_items(items: tuple[Series, ...] | tuple[Sketch, ...]) -> int:
    counted = 0
    for start in range(0, len(items), _COUNTED_PER_SLICE):
        part = items[start : start + _COUNTED_PER_SLICE]
        counted += sum([len(item.points) for item in part])
        await trio.lowlevel.checkpoint()
    return counted
