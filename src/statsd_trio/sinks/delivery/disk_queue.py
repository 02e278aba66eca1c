"""Queues of payloads in a directory, which outlive the process.

Each target, which is a route of an endpoint and key, has a queue: `push` writes a file,
`pop` takes the newest files, and `acknowledge` removes them when their payloads have
arrived. The rules:

* A file appears completely or not at all: it is written under another name, synced, and
  renamed; then the directory is synced. Only after that it counts as spooled.
* Whoever sends a file claims it first, by renaming it to a name that contains their
  own. Renaming is atomic, so two servers with one directory never send a file twice.
* If a process ends, its claims can be taken over by renaming the files. Their payloads
  are doubtful then: they may have been sent just before the end.
* A file that cannot be read is renamed to ``.bad`` and never looked at again. It counts
  towards the limit and is removed when it is the oldest.

Files that do not look like the queue's own are left alone.

All methods block, run one at a time, and are for worker threads. The index remembers
what is in the directory. Only two methods read the directory: `refresh`, which also
finds out what others did to it, and `push` when it needs room.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Final

import attrs

from statsd_trio.plural import describe_count
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
from statsd_trio.sinks.delivery.spool_index import Fate, SpoolIndex
from statsd_trio.sinks.delivery.transaction import SpoolFile, Transaction

logger = logging.getLogger(__name__)

# How much one `pop` takes: this many bytes of small files, or one large file.
_POPPED_FILES: Final = 64
_POPPED_BYTES: Final = 1024 * 1024


class SpoolFullError(Exception):
    """The files do not fit within the limit, whatever is removed."""


class DiskQueue:
    """Files with a limit for their total size.

    Attributes:
        max_bytes: the limit for all files together. What other processes write is
            included once `refresh` has seen it.
        index: what is in the directory, and what became of the points.
    """

    def __init__(self, path: str | os.PathLike[str], max_bytes: int) -> None:
        """Open or create the directory; `refresh` finds out what is in it.

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
        # Only one operation runs at a time, even if nobody waits for the previous one
        # any more.
        self._lock = threading.Lock()
        self.index = SpoolIndex()

    def push(self, target: str, transactions: Collection[Transaction]) -> int:
        """Write one file; the oldest files make room for it.

        Returns:
            How many points are in it; these are safe from now on.

        Raises:
            OSError: if it cannot be written; nothing of it is left then.
            SpoolFullError: if it is larger than the limit.
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
            self._add(stem, target, len(data), points)
        return points

    def pop(self, target: str, route: Route) -> list[SpoolFile]:
        """Take the newest files of *target*: at most a megabyte, or one larger file.

        Raises:
            OSError: if they cannot be taken.
        """
        files: list[SpoolFile] = []
        size = 0
        with self._lock:
            while (
                self.index.has_waiting(target)
                and len(files) < _POPPED_FILES
                and size < _POPPED_BYTES
            ):
                entry = self.index.pop_newest(target)
                try:
                    file = self._take(entry, route)
                except OSError:
                    self.index.push_newest(entry)
                    if files:
                        break
                    raise
                if file is not None:
                    files.append(file)
                    size += entry.size
        return files

    def acknowledge(self, files: Collection[SpoolFile]) -> None:
        """Remove files that were taken, because their payloads are elsewhere now.

        Raises:
            OSError: if one cannot be removed; the others still are.
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
            OSError: if it is no longer there.
        """
        with self._lock:
            size = file.path.stat().st_size
            file.path.rename(self._path / f"{file.stem}.spool")
            target = file.stem.rpartition(".")[2]
            self._add(file.stem, target, size, file.points)

    def refresh(self) -> None:
        """Find out what other processes did to the directory.

        Raises:
            OSError: if it cannot be read.
        """
        with self._lock:
            self._scan()

    def close(self) -> None:
        """Leave the directory; files that are still claimed can be taken by others.

        Closing it again does nothing.
        """
        self._process.release()

    def _take(self, entry: SpoolEntry, route: Route) -> SpoolFile | None:
        """Claim and read one file; return None if it is gone or cannot be read."""
        claimed = self._path / f"{entry.stem}.{entry.kind}.{self._process.name}"
        try:
            (self._path / entry.name).rename(claimed)
        except FileNotFoundError:
            # Another process was faster.
            self.index.remove(entry, Fate.GONE)
            return None
        try:
            transactions = read_entry(entry.kind, claimed, route)
        except (SpoolFileError, OSError) as error:
            logger.warning("set aside %s of the spool: %s", entry.stem, error)
            self.index.remove(entry, Fate.GONE)
            self.index.note_set_aside(entry.target)
            with contextlib.suppress(OSError):
                claimed.rename(self._path / f"{entry.stem}.bad")
            return None
        is_own = self.index.is_own(entry)
        self.index.remove_taken(entry)
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
        index = self.index
        if index.size + size <= self.max_bytes:
            return
        # Others may have made room, and no file should be dropped without need.
        self._scan()
        of_others = 0
        for entry in index.list_oldest():
            if index.size + size <= self.max_bytes:
                break
            if entry.owner and not entry.can_be_taken:
                continue
            try:
                (self._path / entry.name).unlink()
            except FileNotFoundError:
                # Another process has just claimed it.
                index.remove(entry, Fate.GONE)
            else:
                of_others += not index.is_own(entry)
                index.remove(entry, Fate.EVICTED)
        if of_others:
            logger.warning(
                "dropped %s that other processes wrote to the spool, oldest first:"
                " it may hold no more than %d bytes",
                describe_count(of_others, "file"),
                self.max_bytes,
            )
        index.list_waiting()
        if index.size + size > self.max_bytes:
            raise SpoolFullError

    def _scan(self) -> None:
        """Read the directory, and record which files of this process are gone."""
        running = {self._process.name: True}

        def is_running(name: str) -> bool:
            if name not in running:
                running[name] = is_process_running(self._path, name)
            return running[name]

        known = self.index.known()
        entries: list[SpoolEntry] = []
        with os.scandir(self._path) as found:
            for file in found:
                lock_name = parse_lock_name(file.name)
                if lock_name is not None:
                    # The file is removed, unless its process is still running.
                    is_running(lock_name)
                    continue
                entry = known.get(file.name) or look_at(file)
                if entry is not None and entry.owner != self._process.name:
                    entries.append(entry)
        self.index.replace(
            attrs.evolve(entry, can_be_taken=not is_running(entry.owner))
            if entry.owner
            else entry
            for entry in entries
        )

    def _add(self, stem: str, target: str, size: int, points: int) -> None:
        """Record a new file of this process."""
        entry = SpoolEntry(
            f"{stem}.spool", stem, target, "spool", "", size, can_be_taken=True
        )
        self.index.add_own(entry, points)

    def _sync_directory(self) -> None:
        if os.name != "posix":
            # On this system a directory cannot be opened, so the rename must be enough.
            return
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
