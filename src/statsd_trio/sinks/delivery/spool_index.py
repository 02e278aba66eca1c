"""Remember what is in the directory of the spool.

Because of this, the directory is only read now and then, and what other processes did
to the files of this process is noticed and counted.
"""

import bisect
import enum
from collections import defaultdict, deque
from collections.abc import Iterable

import attrs

from statsd_trio.sinks.delivery.spool_entry import SpoolEntry


class Fate(enum.Enum):
    """What became of a file."""

    EVICTED = enum.auto()
    GONE = enum.auto()
    SET_ASIDE = enum.auto()


@attrs.define
class SpoolCounts:
    """What became of the points that this process wrote for one target.

    Attributes:
        spooled: points in files that are still there.
        evicted: points in files that made room for others.
        gone: points in files that somebody else took or removed, or that could not be
            read.
        set_aside: files that could not be read, whoever wrote them.
    """

    spooled: int = 0
    evicted: int = 0
    gone: int = 0
    set_aside: int = 0


class SpoolIndex:
    """The files that are there, and those that this process wrote.

    Only one thread changes it at a time; the counts belong to the event loop.

    Attributes:
        size: the size of all files together, in bytes.
    """

    def __init__(self) -> None:
        self.size = 0
        self._entries: dict[str, SpoolEntry] = {}
        # The stems of the files that can be taken, the oldest first.
        self._waiting: defaultdict[str, list[str]] = defaultdict(list)
        # How many points are in those files of this process that are still there.
        self._own_points: dict[str, int] = {}
        self._counts: defaultdict[str, SpoolCounts] = defaultdict(SpoolCounts)
        # What threads found out, until `count_findings` counts it: the target, what
        # became of its points, and how many there are.
        self._findings: deque[tuple[str, Fate, int]] = deque()

    def counts_of(self, target: str) -> SpoolCounts:
        """Return the counts of *target*, which may be changed."""
        return self._counts[target]

    def sum_counts(self, targets: Iterable[str]) -> SpoolCounts:
        """Return the counts of all *targets* together."""
        counts = [self._counts[target] for target in targets]
        return SpoolCounts(
            spooled=sum(one.spooled for one in counts),
            evicted=sum(one.evicted for one in counts),
            gone=sum(one.gone for one in counts),
            set_aside=sum(one.set_aside for one in counts),
        )

    def count_findings(self) -> None:
        """Count what was found out about the files of all targets."""
        while self._findings:
            target, fate, number = self._findings.popleft()
            counts = self._counts[target]
            if fate is Fate.SET_ASIDE:
                counts.set_aside += number
                continue
            counts.spooled -= number
            if fate is Fate.EVICTED:
                counts.evicted += number
            else:
                counts.gone += number

    def has_waiting(self, target: str) -> bool:
        """Return whether a file of *target* can be taken."""
        return bool(self._waiting.get(target))

    def pop_newest(self, target: str) -> SpoolEntry:
        """Take the newest waiting file of *target*; there must be one."""
        return self._entries[self._waiting[target].pop()]

    def push_newest(self, entry: SpoolEntry) -> None:
        """Put back a file that `pop_newest` has returned."""
        self._waiting[entry.target].append(entry.stem)

    def list_oldest(self) -> list[SpoolEntry]:
        """List all files, oldest first."""
        return [self._entries[stem] for stem in sorted(self._entries)]

    def is_own(self, entry: SpoolEntry) -> bool:
        """Return whether this process wrote the file."""
        return entry.stem in self._own_points

    def known(self) -> dict[str, SpoolEntry]:
        """Return the files by their names."""
        return {entry.name: entry for entry in self._entries.values()}

    def add_own(self, entry: SpoolEntry, points: int) -> None:
        """Record a file of this process with *points* points."""
        self._entries[entry.stem] = entry
        self.size += entry.size
        self._own_points[entry.stem] = points
        bisect.insort(self._waiting[entry.target], entry.stem)

    def remove_taken(self, entry: SpoolEntry) -> None:
        """Record that this process took a file, whose points are counted elsewhere."""
        self._discard(entry)
        self._own_points.pop(entry.stem, None)

    def remove(self, entry: SpoolEntry, fate: Fate) -> None:
        """Record that a file is no longer there, and what became of its points."""
        self._discard(entry)
        self._find(entry.stem, entry.target, fate)

    def note_set_aside(self, target: str) -> None:
        """Record that a file of *target* could not be read."""
        self._findings.append((target, Fate.SET_ASIDE, 1))

    def replace(self, entries: Iterable[SpoolEntry]) -> None:
        """Record that these files are there, and no others."""
        self._entries = {entry.stem: entry for entry in entries}
        self.size = sum(entry.size for entry in self._entries.values())
        for stem in [*self._own_points]:
            entry = self._entries.get(stem)
            if entry is None or entry.owner or entry.kind == "bad":
                self._find(stem, stem.rpartition(".")[2], Fate.GONE)
        self.list_waiting()

    def list_waiting(self) -> None:
        """Find again which files can be taken, after any were removed."""
        self._waiting.clear()
        for entry in self.list_oldest():
            if entry.can_be_taken:
                self._waiting[entry.target].append(entry.stem)

    def _discard(self, entry: SpoolEntry) -> None:
        del self._entries[entry.stem]
        self.size -= entry.size

    def _find(self, stem: str, target: str, fate: Fate) -> None:
        """Note that the points of a file must be counted, if this process wrote it."""
        points = self._own_points.pop(stem, None)
        if points is not None:
            self._findings.append((target, fate, points))
