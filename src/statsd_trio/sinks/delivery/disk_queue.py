"""Queues of payloads in a directory, which outlive the process.

Each target, which is a route of an endpoint and key, has a queue: `push` writes a
file, `pop` takes the newest files, and `acknowledge` removes them once their payloads
arrived. The rules:

* A file appears whole or not at all: it is written under another name, synced, and
  renamed; then the directory is synced. Only after that it counts as spooled.
* Whoever sends a file claims it first, by renaming it to a name that holds its own.
  Renaming is atomic, so that two servers on one directory never send a file twice.
* The claim of a process that ended falls to whoever renames it next. Its payloads are
  doubtful then: they may have been sent just before the end.
* What cannot be read is renamed to ``.bad`` and never looked at again; it counts
  towards the bound and goes when it is the oldest.

Files that do not look like the queue's own are left alone, whatever they are.

All methods but `counts_of` and `count_findings` block, one at a time, and are for
worker threads. What is where is remembered, so that none of them reads the directory
but `refresh`, which also finds out what others did to it, and `push` when it needs
room.
"""

import bisect
import contextlib
import enum
import logging
import os
import threading
from collections import defaultdict, deque
from collections.abc import Collection
from pathlib import Path
from typing import Final

import attrs

from statsd_trio.sinks.delivery.payload import Route
from statsd_trio.sinks.delivery.process_lock import (
    ProcessLock,
    is_process_running,
    parse_lock_name,
)
from statsd_trio.sinks.delivery.spool_entry import (
    SpoolEntry,
    look_at,
    read_entry,
    write_synced,
)
from statsd_trio.sinks.delivery.spool_file import SpoolFileError, format_spool_file
from statsd_trio.sinks.delivery.transaction import SpoolFile, Transaction

logger = logging.getLogger(__name__)

# Taken by one `pop`: so many small files, or one large.
_POPPED_FILES: Final = 64
_POPPED_BYTES: Final = 1024 * 1024


class SpoolFullError(Exception):
    """The files do not fit within the bound, whatever makes room."""


class _Fate(enum.Enum):
    """What became of a file."""

    EVICTED = enum.auto()
    GONE = enum.auto()
    SET_ASIDE = enum.auto()


@attrs.define
class SpoolCounts:
    """What became of the points that this process wrote for one target.

    Attributes:
        spooled: points in files that are there.
        evicted: points in files that had to make room.
        gone: points in files that somebody else took or removed, or that could not
            be read.
        set_aside: files that could not be read, whoever wrote them.
    """

    spooled: int = 0
    evicted: int = 0
    gone: int = 0
    set_aside: int = 0


class DiskQueue:
    """Files within a number of bytes.

    Attributes:
        max_bytes: of all of them together. What other processes write counts once
            `refresh` has seen it.
    """

    def __init__(self, path: str | os.PathLike[str], max_bytes: int) -> None:
        """Open or make the directory; `refresh` sees what is in it.

        Raises:
            OSError: if nothing can be written there.
        """
        self._path = Path(path)
        self.max_bytes = max_bytes
        self._serial = 0
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "posix" and self._path.stat().st_mode & 0o077:
            logger.warning(
                "the spool %s can be entered by other users; 0700 keeps them out", path
            )
        self._process = ProcessLock.acquire(self._path)
        # One operation at a time, also when nobody waits any more for the one before.
        self._lock = threading.Lock()
        self._entries: dict[str, SpoolEntry] = {}
        self._size = 0
        # The stems of what can be taken, oldest first.
        self._waiting: defaultdict[str, list[str]] = defaultdict(list)
        # The points of the files that this process wrote and that are still there.
        self._own_points: dict[str, int] = {}
        self._counts: defaultdict[str, SpoolCounts] = defaultdict(SpoolCounts)
        # Found out in threads, and counted by `count_findings`: the target, what
        # became of its points, and how many.
        self._findings: deque[tuple[str, _Fate, int]] = deque()

    def counts_of(self, target: str) -> SpoolCounts:
        """Return the counts of *target*, to read and to change."""
        return self._counts[target]

    def count_findings(self) -> None:
        """Count what the operations found out about files of any target."""
        while self._findings:
            target, fate, number = self._findings.popleft()
            counts = self._counts[target]
            if fate is _Fate.SET_ASIDE:
                counts.set_aside += number
                continue
            counts.spooled -= number
            if fate is _Fate.EVICTED:
                counts.evicted += number
            else:
                counts.gone += number

    def push(self, target: str, transactions: Collection[Transaction]) -> int:
        """Write one file; the oldest files make room for it.

        Returns:
            the points in it, which are safe from now on.

        Raises:
            OSError: if it cannot be written; nothing is left of it then.
            SpoolFullError: if it is longer than the bound.
        """
        data = format_spool_file(transactions)
        points = sum(one.payload.points for one in transactions)
        with self._lock:
            self._make_room(len(data))
            self._serial += 1
            time = min(max(one.order[0] for one in transactions), 10**12 - 1)
            stem = f"{time:012d}-{self._process.name}-{self._serial:08d}.{target}"
            temporary = self._path / f"{stem}.tmp.{self._process.name}"
            final = self._path / f"{stem}.spool"
            try:
                write_synced(temporary, data)
                temporary.rename(final)
                self._sync_directory()
            except OSError:
                for path in (temporary, final):
                    with contextlib.suppress(OSError):
                        path.unlink(missing_ok=True)
                raise
            self._add(final.name, stem, target, len(data), points)
        return points

    def has_files(self, target: str) -> bool:
        """Return whether `pop` may find something; this does not block."""
        return bool(self._waiting.get(target))

    def pop(self, target: str, route: Route) -> list[SpoolFile]:
        """Take the newest files of *target*, at most a megabyte or one file of them.

        Raises:
            OSError: if they cannot be taken.
        """
        files: list[SpoolFile] = []
        size = 0
        with self._lock:
            waiting = self._waiting[target]
            while waiting and len(files) < _POPPED_FILES and size < _POPPED_BYTES:
                entry = self._entries[waiting.pop()]
                try:
                    file = self._take(entry, route)
                except OSError:
                    waiting.append(entry.stem)
                    if files:
                        break
                    raise
                if file is not None:
                    files.append(file)
                    size += entry.size
        return files

    def acknowledge(self, files: Collection[SpoolFile]) -> None:
        """Remove files that were taken: their payloads are elsewhere now.

        Raises:
            OSError: if one cannot be removed; the others are.
        """
        failure: OSError | None = None
        with self._lock:
            for file in files:
                try:
                    file.path.unlink(missing_ok=True)
                except OSError as error:
                    failure = error
        if failure is not None:
            raise failure

    def release(self, file: SpoolFile) -> None:
        """Put a file back as it was before it was taken.

        Raises:
            OSError: if it is not there any more.
        """
        with self._lock:
            size = file.path.stat().st_size
            name = f"{file.stem}.spool"
            file.path.rename(self._path / name)
            target = file.stem.rpartition(".")[2]
            self._add(name, file.stem, target, size, file.points)

    def refresh(self) -> None:
        """Find out what others did to the directory.

        Raises:
            OSError: if it cannot be read.
        """
        with self._lock:
            self._scan()

    def close(self) -> None:
        """Leave the directory; what is still claimed falls to whoever comes next.

        Again does nothing.
        """
        self._process.release()

    def _take(self, entry: SpoolEntry, route: Route) -> SpoolFile | None:
        """Claim and read one file; None if it is gone or cannot be read."""
        claimed = self._path / f"{entry.stem}.{entry.kind}.{self._process.name}"
        try:
            (self._path / entry.name).rename(claimed)
        except FileNotFoundError:
            # Somebody else was faster.
            self._forget(entry, _Fate.GONE)
            return None
        try:
            transactions = read_entry(entry.kind, claimed, route)
        except (SpoolFileError, OSError) as error:
            logger.warning("set aside %s of the spool: %s", entry.stem, error)
            self._forget(entry, _Fate.GONE)
            self._findings.append((entry.target, _Fate.SET_ASIDE, 1))
            with contextlib.suppress(OSError):
                claimed.rename(self._path / f"{entry.stem}.bad")
            return None
        is_own = entry.stem in self._own_points
        self._own_points.pop(entry.stem, None)
        self._discard(entry)
        file = SpoolFile(
            entry.stem,
            claimed,
            sum(one.payload.points for one in transactions),
            is_own=is_own,
            is_changed=bool(entry.owner),
            waiting=set(transactions),
        )
        for one in transactions:
            one.file = file
            one.is_doubtful = one.is_doubtful or bool(entry.owner)
        return file

    def _make_room(self, size: int) -> None:
        if size > self.max_bytes:
            raise SpoolFullError
        if self._size + size <= self.max_bytes:
            return
        # Others may have made room, and nothing is dropped for nothing.
        self._scan()
        of_others = 0
        for entry in sorted(self._entries.values(), key=lambda one: one.stem):
            if self._size + size <= self.max_bytes:
                break
            if entry.owner and not entry.can_be_taken:
                continue
            try:
                (self._path / entry.name).unlink()
            except FileNotFoundError:
                # Somebody claimed it just now.
                self._forget(entry, _Fate.GONE)
            else:
                of_others += entry.stem not in self._own_points
                self._forget(entry, _Fate.EVICTED)
        if of_others:
            logger.warning(
                "dropped the %d oldest files of the spool, which other processes"
                " wrote: it may hold no more than %d bytes",
                of_others,
                self.max_bytes,
            )
        self._list_waiting()
        if self._size + size > self.max_bytes:
            raise SpoolFullError

    def _scan(self) -> None:
        """Read the directory, and count what is gone of what this process wrote."""
        running = {self._process.name: True}

        def is_running(name: str) -> bool:
            if name not in running:
                running[name] = is_process_running(self._path, name)
            return running[name]

        known = {entry.name: entry for entry in self._entries.values()}
        entries: dict[str, SpoolEntry] = {}
        with os.scandir(self._path) as found:
            for file in found:
                lock_name = parse_lock_name(file.name)
                if lock_name is not None:
                    # It goes, unless its process runs.
                    is_running(lock_name)
                    continue
                entry = known.get(file.name) or look_at(file)
                if entry is not None and entry.owner != self._process.name:
                    entries[entry.stem] = entry
        for stem, entry in entries.items():
            if entry.owner:
                can_be_taken = not is_running(entry.owner)
                entries[stem] = attrs.evolve(entry, can_be_taken=can_be_taken)
        self._entries = entries
        self._size = sum(entry.size for entry in entries.values())
        for stem, points in [*self._own_points.items()]:
            entry = entries.get(stem)
            if entry is None or entry.owner or entry.kind == "bad":
                del self._own_points[stem]
                target = stem.rpartition(".")[2]
                self._findings.append((target, _Fate.GONE, points))
        self._list_waiting()

    def _list_waiting(self) -> None:
        self._waiting.clear()
        for stem in sorted(self._entries):
            entry = self._entries[stem]
            if entry.can_be_taken:
                self._waiting[entry.target].append(stem)

    def _add(self, name: str, stem: str, target: str, size: int, points: int) -> None:
        """Note that a file of this process is there."""
        self._entries[stem] = SpoolEntry(
            name, stem, target, "spool", "", size, can_be_taken=True
        )
        self._size += size
        self._own_points[stem] = points
        bisect.insort(self._waiting[target], stem)

    def _discard(self, entry: SpoolEntry) -> None:
        del self._entries[entry.stem]
        self._size -= entry.size

    def _forget(self, entry: SpoolEntry, fate: _Fate) -> None:
        """Note that a file is not there any more, and what became of its points."""
        self._discard(entry)
        points = self._own_points.pop(entry.stem, None)
        if points is not None:
            self._findings.append((entry.target, fate, points))

    def _sync_directory(self) -> None:
        if os.name != "posix":
            # A directory cannot be opened there; the rename is on its own.
            return
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
