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


@attrs.define(eq=False)
class Entry:
    """A snapshot, and its points once they are counted."""

    snapshot: Snapshot
    points: int | None = None

    async def release(self) -> None:
        """Let go of what the snapshot holds, bit by bit."""
        items = [*self.snapshot.series, *self.snapshot.sketches]
        self.snapshot = Snapshot(self.snapshot.time, self.snapshot.interval_seconds)
        while items:
            del items[-_RELEASED_PER_SLICE:]
            await trio.lowlevel.checkpoint()


class Backlog:
    """Snapshots, oldest first, within a number of them."""

    def __init__(
        self,
        max_snapshots: int,
        *,
        on_counted: Callable[[int], None],
        on_evicted: Callable[[int], None],
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

    def __len__(self) -> int:
        return len(self._entries)

    def put_nowait(self, snapshot: Snapshot) -> None:
        """Add *snapshot*, in place of the oldest if there is no room."""
        if len(self._entries) == self._max_snapshots:
            evicted = self._entries.popleft()
            self._on_evicted(self._count_nowait(evicted))
        self._entries.append(Entry(snapshot))

    def drop_nowait(self) -> int:
        """Drop every snapshot, and return how many points they held."""
        self.count_nowait()
        points = sum(entry.points or 0 for entry in self._entries)
        self._entries.clear()
        return points

    def count_nowait(self) -> None:
        """See that every snapshot is counted."""
        for entry in self._entries:
            self._count_nowait(entry)

    async def take(self) -> Entry:
        """Count the oldest, in slices, and take it; there must be one.

        A cancel leaves it where it was.
        """
        while True:
            entry = self._entries[0]
            points = await _count_in_slices(entry.snapshot)
            # Meanwhile it may have been counted, or made room.
            if entry.points is None:
                self._set_points(entry, points)
            if self._entries[0] is entry:
                return self._entries.popleft()

    def _count_nowait(self, entry: Entry) -> int:
        if entry.points is None:
            return self._set_points(entry, entry.snapshot.count_points())
        return entry.points

    def _set_points(self, entry: Entry, points: int) -> int:
        entry.points = points
        self._on_counted(points)
        return points


async def _count_in_slices(snapshot: Snapshot) -> int:
    counted = len(snapshot.events) + len(snapshot.service_checks)
    items: tuple[Series, ...] | tuple[Sketch, ...]
    for items in (snapshot.series, snapshot.sketches):
        for start in range(0, len(items), _COUNTED_PER_SLICE):
            part = items[start : start + _COUNTED_PER_SLICE]
            counted += sum([len(item.points) for item in part])
            await trio.lowlevel.checkpoint()
    return counted
