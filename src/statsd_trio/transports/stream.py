"""Receive packets from connections; Unix streams and TCP share this listener.

When the queue is full, the connections wait, and with them their senders: nothing is
dropped. The connections of a listener are read one at a time, a piece of each in turn,
so all of them together get no larger share of the server than one would.

What a peer may use is limited: bytes by the framing, time by a limit from a frame's
first byte to its last, and connections by their number, where the one that was idle
longest makes room for a new one. A connection that breaks a limit is closed and
counted, and the others go on.

`trio.serve_listeners` accepts every connection at once, so it has no place for closing
an idle one first, nor for taking what waits in the backlog at a stop.
"""

import errno
import logging
import math
import socket
from collections.abc import Callable
from functools import partial
from typing import Final

import trio

from statsd_trio.counters import ListenerCounters
from statsd_trio.ki import protect_from_ki
from statsd_trio.transports.binding import LISTEN_BACKLOG
from statsd_trio.transports.connection import Connection
from statsd_trio.transports.drain import READ_BYTES, drain_streams
from statsd_trio.transports.feed import StreamFeed
from statsd_trio.transports.framing import Framer
from statsd_trio.transports.listener import BoundAddress
from statsd_trio.transports.losses import Loss, Losses
from statsd_trio.transports.packet import Origin
from statsd_trio.transports.packet_queue import PacketSendChannel
from statsd_trio.transports.recovery import retry
from statsd_trio.transports.unix_path import OwnedPath

logger = logging.getLogger(__name__)

_SHORTAGE_ERRNOS: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
)
_SHORTAGE_PAUSE_SECONDS: Final = 0.05

# Errors of accept(2) that concern only the connection that was about to be accepted.
_PASSING_ERRNOS: Final = frozenset(
    {
        errno.ECONNABORTED,
        errno.ECONNRESET,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENOPROTOOPT,
        errno.EOPNOTSUPP,
        errno.EPERM,
        errno.EPROTO,
    }
)


class StreamListener:
    """One listening socket and its connections.

    Args:
        sock: a bound socket, owned from now on.
        address: the address that a client connects to.
        counters: new counters with the listener's name.
        make_framer: makes the framer for a new connection.
        identify: finds out who is at the other end of a connection.
        max_connections: the greatest number of connections at a time.
        frame_timeout_seconds: how long a packet may take to arrive.
        path: the path to remove at the end, if there is one.
        is_handed_in: whether somebody else also has the socket, so that connections
            which are not accepted at a stop are left to them.

    Attributes:
        address: the address that a client connects to.
        counters: the counts of all connections.
        max_connections: may be lowered until `receive` is called.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        address: BoundAddress,
        counters: ListenerCounters,
        make_framer: Callable[[], Framer],
        identify: Callable[[socket.socket], Origin],
        max_connections: int,
        frame_timeout_seconds: float,
        path: OwnedPath | None = None,
        is_handed_in: bool = False,
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self.address = address
        self.counters = counters
        self._losses = Losses(counters)
        self._make_framer = make_framer
        self._identify = identify
        self.max_connections = max_connections
        self._frame_timeout_seconds = frame_timeout_seconds
        self._path = path
        self._is_handed_in = is_handed_in
        self._connections: set[Connection] = set()
        # Tasks that wait for a connection to end or to become idle.
        self._changed = trio.lowlevel.ParkingLot()
        # Held by the connection that is being read; first come, first served.
        self._turn = trio.Lock()

    def refresh_counters(self) -> None:
        """Do nothing: senders wait, so the system has no counts of its own."""

    async def end_rest(self) -> None:
        """Do nothing, because this reader never rests."""

    def warn_of_losses(self) -> None:
        """Log one WARNING for each cause of loss since the last call."""
        self._losses.warn()

    def close(self) -> None:
        """Close the socket and remove its path; closing it again does nothing."""
        if self._path is not None:
            self._path.remove()
        self._sock.close()

    async def receive(self, channel: PacketSendChannel) -> None:
        """Feed *channel* until cancelled, then read what waits and close."""
        try:
            with channel:
                try:
                    async with trio.open_nursery() as nursery:
                        accept = partial(self._accept_connections, nursery, channel)
                        await retry(accept, self.counters)
                except* trio.BrokenResourceError:
                    # Nobody takes packets from the queue any more.
                    pass
                finally:
                    self._accept_waiting()
                    # It shields itself, and has time limits of its own.
                    await drain_streams(self._connections, channel)  # noqa: ASYNC102
                    self._connections.clear()
        finally:
            self.close()

    async def _accept_connections(
        self, nursery: trio.Nursery, channel: PacketSendChannel
    ) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            while len(self._connections) >= self.max_connections:
                if not await self._evict_idle():
                    await self._changed.park()
            try:
                connection = self._accept()
            except BlockingIOError:
                continue
            except OSError as error:
                await self._survive(error)
            else:
                if connection is not None:
                    nursery.start_soon(self._serve_connection, connection, channel)

    async def _survive(self, error: OSError) -> None:
        """Count an error that leaves the socket usable; raise any other error."""
        if error.errno in _SHORTAGE_ERRNOS:
            self._losses.count(Loss.OUT_OF_DESCRIPTORS, str(error))
            if not await self._evict_idle():
                await trio.sleep(_SHORTAGE_PAUSE_SECONDS)
        elif error.errno in _PASSING_ERRNOS:
            self._losses.count(Loss.NETWORK_ERROR, str(error))
        else:
            raise error

    def _accept_waiting(self) -> None:
        """Accept the connections made before a stop; they may have sent packets.

        There may be more of them than usual, because all are closed soon. A bounded
        number is accepted, so that new ones cannot delay the stop.
        """
        if self._is_handed_in:
            return
        if self._path is not None:
            self._path.remove()
        for _ in range(LISTEN_BACKLOG + 1):
            try:
                self._accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _SHORTAGE_ERRNOS:
                    self._losses.count(Loss.OUT_OF_DESCRIPTORS, str(error))
                    return

    def _accept(self) -> Connection | None:
        """Accept a connection; return None if its peer is gone already."""
        sock, _ = self._sock.accept()
        sock.setblocking(False)
        try:
            origin = self._identify(sock)
        except OSError:
            sock.close()
            return None
        feed = StreamFeed(
            self._make_framer(), origin, self._losses, self._frame_timeout_seconds
        )
        connection = Connection(sock, origin, feed)
        self._connections.add(connection)
        return connection

    async def _evict_idle(self) -> bool:
        """Close the connection that was idle longest; return False if none is idle.

        A connection in the middle of a packet is only chosen if all others are, too.
        """
        idle = [
            connection
            for connection in self._connections
            if connection.idle_since != math.inf
        ]
        if not idle:
            return False
        victim = min(idle, key=lambda each: (each.feed.is_in_packet, each.idle_since))
        self._losses.count(Loss.EVICTED_IDLE, origin=victim.origin)
        victim.scope.cancel()
        await victim.ended.wait()
        return True

    @protect_from_ki
    async def _serve_connection(
        self, connection: Connection, channel: PacketSendChannel
    ) -> None:
        """Feed *channel* from one connection until it ends or its scope is cancelled.

        When the whole server stops, the cancellation passes through and the connection
        is left open, to be drained together with all others.
        """
        with connection.scope:
            await self._read_to_end(connection, channel)
        if connection.scope.cancelled_caught:
            await self._read_waiting(connection, channel)
        connection.feed.end()
        connection.feed.lose_unread(connection.measure_waiting())
        connection.close()
        self._connections.remove(connection)
        self._changed.unpark_all()

    async def _read_to_end(
        self, connection: Connection, channel: PacketSendChannel
    ) -> None:
        """Read until the peer closes, breaks a limit or takes too long."""
        while True:
            self._changed.unpark_all()
            in_time = await connection.wait_readable()
            try:
                if not await self._read_piece(connection, channel):
                    return
            except BlockingIOError:
                # The time limit counts only if there is nothing to read: if the whole
                # program was paused, the packet may have arrived long ago.
                if not in_time:
                    connection.feed.expire()
                    return

    async def _read_waiting(
        self, connection: Connection, channel: PacketSendChannel
    ) -> None:
        """Read what waits now, but not what arrives meanwhile."""
        waiting = connection.measure_waiting()
        while waiting > 0:
            try:
                if not await self._read_piece(connection, channel):
                    return
            except BlockingIOError:
                return
            waiting -= READ_BYTES
            await trio.lowlevel.checkpoint()

    async def _read_piece(
        self, connection: Connection, channel: PacketSendChannel
    ) -> bool:
        """Read and queue a piece, in this connection's turn; return False at the end.

        After a cancel, what was read is in the connection's feed.

        Raises:
            BlockingIOError: if nothing waits.
        """
        # Most of the time no other connection wants the turn.
        try:
            self._turn.acquire_nowait()
        except trio.WouldBlock:
            await self._turn.acquire()
        try:
            await channel.wait_for_room()
            try:
                data = connection.read(READ_BYTES)
            except BlockingIOError:
                raise
            except OSError as error:
                logger.debug("%s: %s", connection.origin, error)
                return False
            return bool(data) and await connection.feed.add(data, channel)
        finally:
            self._turn.release()
