"""Says which process holds a claim, and whether it still lives.

A process that uses a spool holds a lock on a file of its own for as long as it
lives; the system releases it, however the process ends. Whoever can lock the file
of another knows that the other is dead.
"""

import os
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


OWNER_SUFFIX: Final = ".owner"
_FLAGS: Final = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)


class Owner:
    """This process's name among those that share a directory.

    Attributes:
        name: eight hexadecimal digits.
    """

    def __init__(self, directory: Path, name: str, descriptor: int) -> None:
        self.name = name
        self._path = directory / f"{name}{OWNER_SUFFIX}"
        self._descriptor = descriptor

    @classmethod
    def enter(cls, directory: Path) -> Self:
        """Take a name in *directory* and lock its file.

        Raises:
            OSError: if no file can be made or locked there.
        """
        while True:
            name = os.urandom(4).hex()
            path = directory / f"{name}{OWNER_SUFFIX}"
            try:
                descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue
            try:
                _lock(descriptor)
            except BlockingIOError:
                # Somebody looked at it before it was locked, takes it for a dead
                # one's, and is about to remove it.
                os.close(descriptor)
                continue
            if _is_file_of(path, descriptor):
                return cls(directory, name, descriptor)
            os.close(descriptor)

    def leave(self) -> None:
        """Give up the name."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def is_owner_alive(directory: Path, name: str) -> bool:
    """Tell whether the process of that *name* lives; remove its file if not."""
    path = directory / f"{name}{OWNER_SUFFIX}"
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        return False
    try:
        _lock(descriptor)
    except OSError:
        return True
    else:
        if _is_file_of(path, descriptor):
            path.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)


def _is_file_of(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
