"""The sending end of a barrier: one socket a transport, each sends numbered markers.

A marker arrives after whatever was sent before it to the same socket, since a
datagram socket has one queue whoever writes to it. Connections of a stream are read
in turns, and there one marker says less: see `barrier`.
"""

import socket
import struct
from typing import Final

from pytest_statsd_trio.endpoint import Endpoint
from pytest_statsd_trio.recorder import format_marker

UDP: Final = "udp"
DATAGRAM: Final = "unixgram"
STREAM: Final = "unixstream"


class MarkerSocket:
    """A connected, non-blocking socket to one listener; connects when first used."""

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
        """The descriptor, to wait for; -1 while there is no connection."""
        return -1 if self._sock is None else self._sock.fileno()

    def send_nowait(self, number: int) -> None:
        """Send marker *number*, over a new connection if the old one is gone.

        Raises:
            BlockingIOError: if the listener's queue is full; of packets, or of
                connections, and then there is nothing to wait for.
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
        """Close the connection; the next marker opens another."""
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
    """Make a socket for each address of *endpoint*."""
    sockets = [MarkerSocket(UDP, socket.AF_INET, socket.SOCK_DGRAM, endpoint.address)]
    for transport, kind, path in (
        (DATAGRAM, socket.SOCK_DGRAM, endpoint.paths.datagram),
        (STREAM, socket.SOCK_STREAM, endpoint.paths.stream),
    ):
        if path is not None:
            sockets.append(MarkerSocket(transport, socket.AF_UNIX, kind, path))
    return sockets
