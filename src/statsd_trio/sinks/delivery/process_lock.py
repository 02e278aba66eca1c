"""Give each process with a directory a name, and find out if others are running.

A process holds a lock on a file of its own for as long as it runs, and the system
releases the lock, however the process ends. If another process can lock the file, its
owner has ended.
"""

import contextlib
import os
import re
import sys
from pathlib import Path
from typing import Final, Self

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_SUFFIX: Final = ".owner"
_FILE_NAME: Final = re.compile(r"([0-9a-f]{8})\.owner")
_FLAGS: Final = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)


class ProcessLock:
    """This process's name among the processes that share a directory.

    Attributes:
        name: eight hexadecimal digits.
    """

    def __init__(self, directory: Path, name: str, descriptor: int) -> None:
        self.name = name
        self._path = directory / f"{name}{_SUFFIX}"
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, directory: Path) -> Self:
        """Take a name in *directory*, and lock its file.

        Raises:
            OSError: if no file can be created or locked there.
        """
        while True:
            name = os.urandom(4).hex()
            path = directory / f"{name}{_SUFFIX}"
            try:
                descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue
            try:
                _lock(descriptor)
            except BlockingIOError:
                # Another process saw the file before it was locked, assumes that its
                # owner has ended, and is about to remove it.
                os.close(descriptor)
                continue
            if _is_file_of(path, descriptor):
                return cls(directory, name, descriptor)
            os.close(descriptor)

    def release(self) -> None:
        """Give up the name; if the file cannot be removed, the next process does it.

        Calling it again does nothing.
        """
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = -1


def parse_lock_name(file_name: str) -> str | None:
    """Return the process's name if *file_name* is that of a lock, otherwise None."""
    match = _FILE_NAME.fullmatch(file_name)
    return None if match is None else match[1]


def is_process_running(directory: Path, name: str) -> bool:
    """Return whether the process called *name* runs; remove its file if it does not."""
    path = directory / f"{name}{_SUFFIX}"
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        return False
    except OSError:
        # This cannot be found out, so the files of that process are left alone.
        return True
    try:
        _lock(descriptor)
    except OSError:
        return True
    else:
        if _is_file_of(path, descriptor):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)


def _is_file_of(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
