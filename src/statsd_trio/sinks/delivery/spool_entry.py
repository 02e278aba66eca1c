"""Name, write and read one file of the spool; these functions block.

A file's name says when it was written and by whom, what it is for, and who has taken
it: ``<second>-<writer>-<serial>.<target>.<kind>[.<owner>]``.
"""

import os
import re
from pathlib import Path
from typing import Final

import attrs

from statsd_trio.sinks.delivery.payload import Route
from statsd_trio.sinks.delivery.spool_file import SpoolFileError, parse_spool_file
from statsd_trio.sinks.delivery.transaction import Transaction

# Far more than is ever written: a file has a few payloads of half a megabyte.
_MAX_FILE_BYTES: Final = 64 * 1024 * 1024

_NAME: Final = re.compile(
    r"(?P<stem>\d{12}-[0-9a-f]{8}-\d{8}\.(?P<target>[0-9a-f]{16}))"
    r"\.(?P<kind>spool|tmp|bad)(?:\.(?P<owner>[0-9a-f]{8}))?"
)


@attrs.frozen
class SpoolEntry:
    """The name of a file that this process has not taken.

    Attributes:
        stem: the part that stays the same whoever claims it; it sorts by age.
        owner: who has claimed or is writing it; "" for nobody.
        can_be_taken: whether no running process has claimed it, and it may be readable.
    """

    name: str
    stem: str
    target: str
    kind: str
    owner: str
    size: int
    can_be_taken: bool


def look_at(file: os.DirEntry[str]) -> SpoolEntry | None:
    """Return the entry for *file*, or None if it is not a file of the spool."""
    match = _NAME.fullmatch(file.name)
    if match is None:
        return None
    try:
        status = file.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return SpoolEntry(
        name=file.name,
        stem=match["stem"],
        target=match["target"],
        kind=match["kind"],
        owner=match["owner"] or "",
        size=status.st_size,
        can_be_taken=match["kind"] != "bad",
    )


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file, and return when it is on the disk.

    Raises:
        OSError: if it cannot be written; a part of it may be there then.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_entry(kind: str, path: Path, route: Route) -> list[Transaction]:
    """Read the file at *path*, which must contain payloads of *route*.

    Raises:
        OSError: if it cannot be read.
        SpoolFileError: if it is incomplete, damaged, or somebody else's.
    """
    if kind == "tmp":
        raise SpoolFileError("its writer ended before it was complete")
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    # It is opened without blocking, because it may be a pipe instead of a file.
    flags |= getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        data = file.read(_MAX_FILE_BYTES + 1)
    if len(data) > _MAX_FILE_BYTES:
        raise SpoolFileError("it is longer than any file of a spool can be")
    return parse_spool_file(data, route)
