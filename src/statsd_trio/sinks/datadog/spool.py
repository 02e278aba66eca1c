"""A directory of payloads that outlive the process; blocking, for a worker thread.

Its rules:

* A file appears whole or not at all: it is written under another name, synced, and
  renamed; then the directory is synced. Only after that it counts as spooled.
* Whoever sends a file claims it first, by renaming it to a name that holds its own.
  Renaming is atomic, so that two servers on one spool never send a file twice.
* The claim of a process that died falls to whoever renames it next. Its payloads are
  doubtful then: they may have been sent just before the end.
* What cannot be read is renamed to ``.bad`` and never looked at again; it counts
  towards the bound and goes when it is the oldest.

Files that do not look like the spool's own are left alone, whatever they are.
"""

import contextlib
import hashlib
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from statsd_trio.sinks.datadog.ownership import Owner, is_owner_alive
from statsd_trio.sinks.datadog.spoolfile import (
    Record,
    SpoolFileError,
    format_spool_file,
    parse_spool_file,
)

logger = logging.getLogger(__name__)

# Far above what is written: a file holds a few payloads of half a megabyte.
_MAX_FILE_BYTES: Final = 64 * 1024 * 1024

_NAME: Final = re.compile(
    r"(?P<stem>(?P<time>\d{12})-(?P<writer>[0-9a-f]{8})-\d{8}\.(?P<target>[0-9a-f]{16}))"
    r"\.(?P<kind>spool|tmp|bad)(?:\.(?P<owner>[0-9a-f]{8}))?"
)


class SpoolFullError(Exception):
    """The files do not fit within the bound, whatever makes room."""


@attrs.frozen
class _Entry:
    """A file of the spool, by its name.

    Attributes:
        stem: the same whoever claims it; sorts by age.
        owner: who claimed or is writing it, "" for nobody.
    """

    name: str
    stem: str
    target: str
    kind: str
    owner: str
    size: int


@attrs.frozen
class Claim:
    """A file that nobody else will send.

    Attributes:
        stem: its name without what changes.
    """

    stem: str
    path: Path
    records: tuple[Record, ...]


@attrs.frozen
class Claiming:
    """What came of looking for a file.

    Attributes:
        claim: None if there was none.
        set_aside: files that could not be read.
    """

    claim: Claim | None
    set_aside: int


def name_target(endpoint: str, key_index: int) -> str:
    """Name the files of one endpoint and key, without the key."""
    return hashlib.sha256(f"{endpoint}#{key_index}".encode()).hexdigest()[:16]


class Spool:
    """Files within a number of bytes."""

    def __init__(self, path: str | os.PathLike[str], max_bytes: int) -> None:
        """Open or make the directory.

        Raises:
            OSError: if nothing can be written there.
        """
        self._path = Path(path)
        self._max_bytes = max_bytes
        self._serial = 0
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.name == "posix" and self._path.stat().st_mode & 0o077:
            logger.warning(
                "the spool %s can be entered by other users; 0700 keeps them out", path
            )
        self._owner = Owner.enter(self._path)

    def write(self, target: str, records: Sequence[Record]) -> tuple[str, list[str]]:
        """Write one file, and drop the oldest files over the bound.

        Returns:
            the stem of the file, and the stems of those that were dropped.

        Raises:
            OSError: if it cannot be written; nothing is left of it then.
            SpoolFullError: if it is longer than the bound.
        """
        data = format_spool_file(records)
        dropped = self._make_room(len(data))
        self._serial += 1
        time = min(max(record.time for record in records), 10**12 - 1)
        stem = f"{time:012d}-{self._owner.name}-{self._serial:08d}.{target}"
        temporary = self._path / f"{stem}.tmp.{self._owner.name}"
        try:
            _write_synced(temporary, data)
            temporary.rename(self._path / f"{stem}.spool")
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        self._sync_directory()
        return stem, dropped

    def claim_newest(self, target: str) -> Claiming:
        """Take the newest file of *target* that nobody alive has claimed.

        Raises:
            OSError: if the directory cannot be read.
        """
        set_aside = 0
        alive = {self._owner.name: True}
        for entry in sorted(self._scan(), key=lambda entry: entry.stem, reverse=True):
            if entry.target != target or entry.kind == "bad":
                continue
            if entry.owner and entry.owner not in alive:
                alive[entry.owner] = is_owner_alive(self._path, entry.owner)
            if alive.get(entry.owner):
                continue
            claimed = self._path / f"{entry.stem}.{entry.kind}.{self._owner.name}"
            try:
                (self._path / entry.name).rename(claimed)
            except FileNotFoundError:
                # Somebody else was faster.
                continue
            try:
                records = _read(entry.kind, claimed)
            except (SpoolFileError, OSError) as error:
                set_aside += 1
                claimed.rename(self._path / f"{entry.stem}.bad")
                logger.warning("set aside %s of the spool: %s", entry.stem, error)
                continue
            if entry.owner:
                records = tuple(attrs.evolve(one, is_doubtful=True) for one in records)
            return Claiming(Claim(entry.stem, claimed, records), set_aside)
        return Claiming(None, set_aside)

    def remove(self, claim: Claim) -> None:
        """Remove a file that was claimed: its payloads are elsewhere now."""
        claim.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave the directory; what is still claimed falls to whoever comes next."""
        self._owner.leave()

    def _make_room(self, size: int) -> list[str]:
        if size > self._max_bytes:
            raise SpoolFullError
        entries = sorted(
            (one for one in self._scan() if one.owner != self._owner.name),
            key=lambda entry: entry.stem,
        )
        used = sum(entry.size for entry in entries)
        dropped: list[str] = []
        for entry in entries:
            if used + size <= self._max_bytes:
                break
            if entry.owner and is_owner_alive(self._path, entry.owner):
                continue
            try:
                (self._path / entry.name).unlink()
            except FileNotFoundError:
                # Somebody claimed it just now.
                continue
            used -= entry.size
            dropped.append(entry.stem)
        if used + size > self._max_bytes:
            raise SpoolFullError
        return dropped

    def _scan(self) -> Iterator[_Entry]:
        with os.scandir(self._path) as found:
            for file in found:
                match = _NAME.fullmatch(file.name)
                if match is None:
                    continue
                try:
                    status = file.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield _Entry(
                    name=file.name,
                    stem=match["stem"],
                    target=match["target"],
                    kind=match["kind"],
                    owner=match["owner"] or "",
                    size=status.st_size,
                )

    def _sync_directory(self) -> None:
        if os.name != "posix":
            # A directory cannot be opened there; the rename is on its own.
            return
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_synced(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _read(kind: str, path: Path) -> tuple[Record, ...]:
    if kind == "tmp":
        raise SpoolFileError("its writer died before it was whole")
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    # Not blocking, in case it is no file at all but a pipe.
    flags |= getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        data = file.read(_MAX_FILE_BYTES + 1)
    if len(data) > _MAX_FILE_BYTES:
        raise SpoolFileError("it is longer than any file of a spool")
    return parse_spool_file(data)
