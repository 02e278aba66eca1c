"""The addresses of a server, as clients need them, and sockets to each address."""

import contextlib
import itertools
import socket
import struct
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import attrs

from pytest_statsd_trio.received import format_marker

UDP: Final = "udp"
DATAGRAM: Final = "unixgram"
STREAM: Final = "unixstream"


class SocketPaths(NamedTuple):
    """The paths for Unix sockets; None if the system does not have such sockets."""

    datagram: str | None
    stream: str | None


@attrs.frozen
class Endpoint:
    """The addresses of one server.

    Attributes:
        address: the host and port of UDP.
    """

    address: tuple[str, int]
    paths: SocketPaths

    @property
    def url(self) -> str:
        """The UDP address in the form of ``DD_DOGSTATSD_URL``."""
        return "udp://{}:{}".format(*self.address)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that clients read, with these addresses."""
        host, port = self.address
        return {
            "DD_AGENT_HOST": host,
            "DD_DOGSTATSD_PORT": str(port),
            "DD_DOGSTATSD_URL": self.url,
            "STATSD_HOST": host,
            "STATSD_PORT": str(port),
        }


@contextlib.contextmanager
def open_socket_folder() -> Generator[Iterator[SocketPaths]]:
    """Make a folder and yield new paths in it; the folder is removed at the end.

    Its name is short, because the path of a Unix socket may only have about a hundred
    bytes, which pytest's ``tmp_path`` easily exceeds.
    """
    if not hasattr(socket, "AF_UNIX"):
        yield itertools.repeat(SocketPaths(None, None))
        return
    with tempfile.TemporaryDirectory(prefix="dogstatsd-") as name:
        folder = Path(name)
        yield (
            SocketPaths(
                str(folder / f"{number}.sock"), str(folder / f"{number}.stream")
            )
            for number in itertools.count(1)
        )


class MarkerSocket:
    """A non-blocking socket to one listener; it connects when it is first used."""

    def __init__(
        self,
        transport: str,
        family: int,
        kind: socket.SocketKind,
        address: tuple[str, int] | str,
    ) -> None:
        self.transport = transport
        self._family = family
        self._kind = kind
        self._address = address
        self._sock: socket.socket | None = None

    def fileno(self) -> int:
        """The file descriptor to wait for; -1 while there is no connection."""
        return -1 if self._sock is None else self._sock.fileno()

    def send_nowait(self, number: int) -> None:
        """Send marker *number*, over a new connection if the old one is gone.

        Raises:
            BlockingIOError: if the listener's queue is full: either the queue of
                packets, or that of connections, in which case there is no socket to
                wait for.
            OSError: if nobody listens.
        """
        data = format_marker(self.transport, number)
        if self._kind == socket.SOCK_STREAM:
            data = struct.pack("<I", len(data)) + data
        try:
            self._connect().send(data)
        except BlockingIOError:
            raise
        except OSError:
            self.close()
            self._connect().send(data)

    def close(self) -> None:
        """Close the connection; the next marker opens a new one."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _connect(self) -> socket.socket:
        if self._sock is None:
            sock = socket.socket(self._family, self._kind)
            try:
                sock.setblocking(False)
                sock.connect(self._address)
            except OSError:
                sock.close()
                raise
            self._sock = sock
        return self._sock


def open_marker_sockets(endpoint: Endpoint) -> list[MarkerSocket]:
    """Return a socket for each address of *endpoint*."""
    sockets = [MarkerSocket(UDP, socket.AF_INET, socket.SOCK_DGRAM, endpoint.address)]
    for transport, kind, path in (
        (DATAGRAM, socket.SOCK_DGRAM, endpoint.paths.datagram),
        (STREAM, socket.SOCK_STREAM, endpoint.paths.stream),
    ):
        if path is not None:
            sockets.append(MarkerSocket(transport, socket.AF_UNIX, kind, path))
    return sockets
