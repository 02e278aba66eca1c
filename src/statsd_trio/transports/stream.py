"""The listener that Unix streams and TCP share: connections in, packets out.

A full queue makes the connections wait, and so their senders: nothing is dropped.
The connections of a listener are read one at a time, a piece of each in turn, so that
however many there are, they cost the other listeners no more than one does.

What a peer can hold of us is bounded: bytes by the framing, time by a limit from a
frame's first byte to its last, connections by their number, the longest idle yielding
to the new. A connection that breaks a limit is closed and counted; the others go on.
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

# What accept(2) may say of the connection it was about to give.
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
        sock: bound; owned from now on.
        address: what a client connects to.
        counters: named and empty.
        make_framer: makes what cuts a new connection's bytes into packets.
        identify: tells who is at the other end of a connection.
        max_connections: at most so many at a time.
        frame_timeout_seconds: how long a packet may take to arrive.
        path: what to remove at the end, if anything.
        is_handed_in: the socket lives on elsewhere, so the connections that wait to
            be accepted at a stop are left to who has it then.

    Attributes:
        max_connections: may be lowered until it receives.
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
        self._address = address
        self._counters = counters
        self._losses = Losses(counters)
        self._make_framer = make_framer
        self._identify = identify
        self.max_connections = max_connections
        self._frame_timeout_seconds = frame_timeout_seconds
        self._path = path
        self._is_handed_in = is_handed_in
        self._connections: set[Connection] = set()
        # Who waits for a connection to end or to fall idle.
        self._changed = trio.lowlevel.ParkingLot()
        # Held by the connection that is read; first come, first served.
        self._turn = trio.Lock()

    @property
    def address(self) -> BoundAddress:
        """What a client connects to."""
        return self._address

    @property
    def counters(self) -> ListenerCounters:
        """Counts of all connections."""
        return self._counters

    def refresh_counters(self) -> None:
        """Do nothing: senders wait, so there is nothing that only the system knows."""

    async def end_rest(self) -> None:
        """Do nothing: its reader never rests."""

    def warn_of_losses(self) -> None:
        """Log one WARNING for each cause of a loss since the last call."""
        self._losses.warn()

    def close(self) -> None:
        """Release the socket and its path; again does nothing."""
        if self._path is not None:
            self._path.remove()
        self._sock.close()

    async def receive(self, channel: PacketSendChannel) -> None:
        """Feed *channel* until cancelled, then take what waits and close."""
        try:
            with channel:
                try:
                    async with trio.open_nursery() as nursery:
                        accept = partial(self._accept_connections, nursery, channel)
                        await retry(accept, self._counters)
                except* trio.BrokenResourceError:
                    # Nobody takes from the queue any more.
                    pass
                finally:
                    self._accept_waiting()
                    # It shields itself, and has limits of its own.
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
        """Count an error that leaves the socket usable; raise any other."""
        if error.errno in _SHORTAGE_ERRNOS:
            self._losses.count(Loss.OUT_OF_DESCRIPTORS, str(error))
            if not await self._evict_idle():
                await trio.sleep(_SHORTAGE_PAUSE_SECONDS)
        elif error.errno in _PASSING_ERRNOS:
            self._losses.count(Loss.NETWORK_ERROR, str(error))
        else:
            raise error

    def _accept_waiting(self) -> None:
        """Accept what connected before a stop: its first packets may wait already.

        They are closed soon, so they may be more than at other times; what connects
        meanwhile must not hold the stop up.
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
        """Accept a connection; None if its peer is gone already."""
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
        """End the connection that was quiet longest; False if none is quiet.

        One in the middle of a packet goes only if every other is too.
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
        """Feed *channel* from one connection to its end, or until it is told to end.

        A stop passes through here, and leaves the connection to be drained with all
        others.
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
                # Only now: the whole program may have been paused, and the packet be
                # there since long.
                if not in_time:
                    connection.feed.expire()
                    return

    async def _read_waiting(
        self, connection: Connection, channel: PacketSendChannel
    ) -> None:
        """Read what waits now, not what comes meanwhile."""
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
        """Read and queue a piece, when it is this connection's turn; False at the end.

        A cancel leaves what was read in the connection's feed.

        Raises:
            BlockingIOError: if nothing waits.
        """
        # Most of the time nobody else wants it.
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
