"""Bind a Unix socket to a path, and remove the path at the end.

A socket is bound under a temporary name and then renamed. This replaces what a crash
left behind, and no client ever finds a path that nobody will read. A path is only taken
over from a dead server: never from a live one, and never if it is not a socket.
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

# Clients need to write and nobody needs to read. Source: datadog-agent,
# comp/dogstatsd/listeners/uds_common.go.
_MODE: Final = 0o722

# Python on Windows has no Unix sockets, and type checkers know this.
_UNIX: Final[int] = getattr(socket, "AF_UNIX", 1)

# The size of sun_path, without its final zero.
_MAX_PATH_BYTES: Final = 107 if sys.platform == "linux" else 103

# The name is random; among names of one character, several may be taken.
_MAX_NAME_TRIES: Final = 64

# Letters that stay distinct in every file system, even if it ignores case.
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


class OwnedPath:
    """A path that was created here, with the inode that shows whether it still is."""

    def __init__(self, path: str, status: os.stat_result) -> None:
        self._path = path
        self._inode = (status.st_dev, status.st_ino)
        self._is_removed = False

    def __str__(self) -> str:
        return self._path

    def remove(self) -> None:
        """Remove the path, unless another server took it over.

        Removing it again does nothing, because another file may get the inode later.
        """
        if self._is_removed:
            return
        self._is_removed = True
        with contextlib.suppress(OSError):
            status = os.lstat(self._path)
            if (status.st_dev, status.st_ino) == self._inode:
                Path(self._path).unlink()


def bind_path(path: str, kind: socket.SocketKind) -> tuple[socket.socket, OwnedPath]:
    """Bind a non-blocking socket of *kind* to *path*; a stream socket also listens.

    Raises:
        OSError: if a live server holds the path, if it is not a socket, or if it is too
            long, missing or forbidden; the message names the path.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise OSError(
            errno.EAFNOSUPPORT,
            f"cannot listen on {path}: this system has no Unix sockets",
        )
    try:
        with contextlib.ExitStack() as stack:
            sock = stack.enter_context(socket.socket(_UNIX, kind))
            sock.setblocking(False)
            if kind == socket.SOCK_DGRAM and sys.platform == "linux":
                # Set before the bind: what is sent earlier carries no credentials.
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
        raise OSError(errno.EINVAL, "it has no file name")
    length = len(os.fsencode(path))
    if length > _MAX_PATH_BYTES:
        # The temporary name may be shorter, so the path could be created although no
        # client could connect to it.
        raise OSError(
            errno.ENAMETOOLONG,
            f"a path of {length} bytes is too long: the system allows "
            f"{_MAX_PATH_BYTES}",
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
            # It is another kind of socket, or its backlog is full: somebody is there.
            pass
    raise OSError(errno.EADDRINUSE, "a live server holds it")


def _bind_temporary(sock: socket.socket, path: Path) -> Path:
    """Bind *sock* under a free name beside *path* that is no longer than its name."""
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
    raise OSError(errno.EADDRINUSE, "no temporary name is free beside it")
