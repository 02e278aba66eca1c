"""A path in, a Unix socket bound to it out, and the path gone again at the end.

A socket is bound under a temporary name and renamed, so that what a crash left in
the way is replaced, and no client ever finds a path that nobody will read. A path is
taken from a dead server only: never from a live one, and never if it is no socket.
"""

import contextlib
import errno
import os
import secrets
import socket
import stat
import sys
from pathlib import Path
from typing import Final

from statsd_trio.transports.binding import LISTEN_BACKLOG

# Clients need to write and nobody needs to read.
# Source: datadog-agent, comp/dogstatsd/listeners/uds_common.go.
_MODE: Final = 0o722

# Python on Windows has no Unix sockets; the type checkers know.
_UNIX: Final[int] = getattr(socket, "AF_UNIX", 1)

# sun_path, without its final zero.
_MAX_PATH_BYTES: Final = 107 if sys.platform == "linux" else 103

# The name is random; a name of one character may be taken several times in a row.
_MAX_NAME_TRIES: Final = 64

# Letters that are single in every file system, case folding or not.
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


class OwnedPath:
    """A path that we made, and the inode that tells whether it still is ours."""

    def __init__(self, path: str, status: os.stat_result) -> None:
        self._path = path
        self._inode = (status.st_dev, status.st_ino)
        self._is_removed = False

    def __str__(self) -> str:
        return self._path

    def remove(self) -> None:
        """Remove the path, unless another server took it over; again does nothing.

        Another file may get the inode once ours is gone.
        """
        if self._is_removed:
            return
        self._is_removed = True
        with contextlib.suppress(OSError):
            status = os.lstat(self._path)
            if (status.st_dev, status.st_ino) == self._inode:
                Path(self._path).unlink()


def bind_path(path: str, kind: socket.SocketKind) -> tuple[socket.socket, OwnedPath]:
    """Bind a non-blocking socket of *kind* to *path*; a stream listens.

    Raises:
        OSError: if a live server or something that is no socket stands there, or the
            path is too long, lacking or forbidden; the message names it.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise OSError(errno.EAFNOSUPPORT, f"cannot listen on {path}: no Unix sockets")
    try:
        with contextlib.ExitStack() as stack:
            sock = stack.enter_context(socket.socket(_UNIX, kind))
            sock.setblocking(False)
            if kind == socket.SOCK_DGRAM and sys.platform == "linux":
                # Before the bind: what is sent without it carries no credentials.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            _check_replaceable(path, kind)
            temporary = _bind_temporary(sock, Path(path))
            stack.callback(temporary.unlink)
            temporary.chmod(_MODE)
            if kind == socket.SOCK_STREAM:
                sock.listen(LISTEN_BACKLOG)
            status = temporary.stat()
            temporary.rename(path)
            stack.pop_all()
    except OSError as error:
        raise OSError(
            error.errno or errno.EINVAL,
            f"cannot listen on {path}: {error.strerror or error}",
        ) from error
    return sock, OwnedPath(path, status)


def _check_replaceable(path: str, kind: socket.SocketKind) -> None:
    if not Path(path).name:
        raise OSError(errno.EINVAL, "it names no file")
    length = len(os.fsencode(path))
    if length > _MAX_PATH_BYTES:
        # The temporary name may be shorter: the path would be there, and no client
        # could ask for it.
        raise OSError(
            errno.ENAMETOOLONG,
            f"path of {length} bytes, and the system allows {_MAX_PATH_BYTES}",
        )
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise FileExistsError(errno.EEXIST, "it exists and is not a socket")
    with socket.socket(_UNIX, kind) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return
        except PermissionError:
            raise
        except OSError:
            # Another kind of socket, or a backlog that is full: someone is there.
            pass
    raise OSError(errno.EADDRINUSE, "a live server holds it")


def _bind_temporary(sock: socket.socket, path: Path) -> Path:
    """Bind under a free name beside *path* that is no longer than its name."""
    length = min(len(os.fsencode(path.name)), 16)
    for _ in range(_MAX_NAME_TRIES):
        name = "".join(secrets.choice(_LETTERS) for _ in range(length))
        if name == path.name:
            continue
        temporary = path.with_name(name)
        try:
            sock.bind(str(temporary))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return temporary
    raise OSError(errno.EADDRINUSE, "no name is free beside it")
