"""One peer of a stream listener: its socket, and what it sent of its next packet."""

import contextlib
import math
import socket
import sys

import trio

from statsd_trio.transports.buffer import read_waiting_stream_bytes
from statsd_trio.transports.feed import StreamFeed
from statsd_trio.transports.packet import Origin


class Connection:
    """One peer.

    Attributes:
        origin: who it is.
        feed: where its bytes go.
        idle_since: since when more bytes are waited for; infinite while they are not.
        scope: what its task runs in; cancelled to end this connection alone.
        ended: set when it is closed.
    """

    def __init__(self, sock: socket.socket, origin: Origin, feed: StreamFeed) -> None:
        self.origin = origin
        self.feed = feed
        self.idle_since = math.inf
        self.scope = trio.CancelScope()
        self.ended = trio.Event()
        self._sock = sock

    def read(self, max_bytes: int) -> bytes:
        """Read what waits; nothing if the peer closed its side."""
        return self._sock.recv(max_bytes)

    async def wait_readable(self) -> bool:
        """Wait for bytes; False if the packet that has begun took too long."""
        self.idle_since = trio.current_time()
        try:
            with trio.move_on_at(self.feed.deadline) as waiting:
                await trio.lowlevel.wait_readable(self._sock)
        finally:
            self.idle_since = math.inf
        return not waiting.cancelled_caught

    def measure_waiting(self) -> int:
        """Return how many bytes wait; 0 for a connection that is closed."""
        try:
            return read_waiting_stream_bytes(self._sock)
        except OSError:
            return 0

    def refuse_more(self) -> None:
        """Have a local sender get EPIPE, so that it takes nothing for sent.

        What waits can still be read on Linux; elsewhere it would be thrown away, and
        over TCP there is no such thing.
        """
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """Close it; again does nothing."""
        self._sock.close()
        self.ended.set()
