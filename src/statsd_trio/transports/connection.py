"""One peer of a stream listener: its socket, and the start of its next packet."""

import contextlib
import math
import socket
import sys

import trio

from statsd_trio.transports.buffer import read_waiting_stream_bytes
from statsd_trio.transports.feed import StreamFeed
from statsd_trio.transports.packet import Origin


class Connection:
    """A connection from one peer.

    Attributes:
        origin: who the peer is.
        feed: takes the bytes that the peer sends.
        idle_since: since when the peer has sent nothing; infinite while bytes are being
            read.
        scope: the cancel scope of its task; cancel it to end this connection only.
        ended: set once the connection is closed.
    """

    def __init__(self, sock: socket.socket, origin: Origin, feed: StreamFeed) -> None:
        self.origin = origin
        self.feed = feed
        self.idle_since = math.inf
        self.scope = trio.CancelScope()
        self.ended = trio.Event()
        self._sock = sock

    def read(self, max_bytes: int) -> bytes:
        """Read what waits; return nothing if the peer has closed its side."""
        return self._sock.recv(max_bytes)

    async def wait_readable(self) -> bool:
        """Wait for bytes; return False if the packet that has begun took too long."""
        self.idle_since = trio.current_time()
        try:
            with trio.move_on_at(self.feed.deadline) as waiting:
                await trio.lowlevel.wait_readable(self._sock)
        finally:
            self.idle_since = math.inf
        return not waiting.cancelled_caught

    def measure_waiting(self) -> int:
        """Return how many bytes wait; 0 for a closed connection."""
        try:
            return read_waiting_stream_bytes(self._sock)
        except OSError:
            return 0

    def refuse_more(self) -> None:
        """Make further sends of a local peer fail, so that it knows they are lost.

        The peer then gets EPIPE. On Linux, what already waits can still be read. On
        other systems it would be thrown away, and TCP has no such operation, so nothing
        is done there.
        """
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """Close the connection; closing it again does nothing."""
        self._sock.close()
        self.ended.set()
