"""The listener that Unix streams and TCP share: connections in, packets out.

A full queue makes a connection wait, and so its sender: nothing is dropped. What a
peer can hold of us is bounded: bytes by the framing, time by a limit from a frame's
first byte to its last, connections by their number, the longest idle yielding to
the new. A connection that breaks a limit is closed and counted; the others go on.
"""

import contextlib
import errno
import logging
import math
import socket
import sys
from collections.abc import Callable
from typing import Final

import attrs
import trio

from statsd_trio.ledger import ListenerCounters
from statsd_trio.transports.buffer import read_waiting_stream_bytes
from statsd_trio.transports.framing import FramingError
from statsd_trio.transports.packet import Origin, Packet
from statsd_trio.transports.queueing import wait_for_room
from statsd_trio.transports.unixpath import OwnedPath

logger = logging.getLogger(__name__)

# Enough for four of the longest packets, small enough to split in a millisecond.
_READ_BYTES: Final = 32 * 1024

# Packets and reads without a checkpoint: about a millisecond.
_MAX_STEPS_A_STRETCH: Final = 256

# How long a connection may go on being read once it was told to end.
_MAX_STOP_SECONDS: Final = 2.0

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


@attrs.define(eq=False)
class _Connection:
    """One peer, and what it sent of its next packet.

    Attributes:
        frame_deadline: when that packet must be complete.
        idle_since: since when it is waited for; infinite while it is not.
    """

    sock: socket.socket
    origin: Origin
    buffer: bytearray = attrs.field(factory=bytearray)
    frame_deadline: float = math.inf
    idle_since: float = math.inf
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    ended: trio.Event = attrs.field(factory=trio.Event)


class StreamListener:
    """One listening socket and its connections.

    Args:
        sock: bound; owned from now on.
        address: what a client connects to.
        counters: named and empty.
        split: takes complete packets off a buffer, none longer than a limit.
        identify: tells who is at the other end of a connection.
        buffer_size: bytes of the longest packet.
        max_connections: at most so many at a time.
        frame_timeout_seconds: how long a packet may take to arrive.
        path: what to remove at the end, if anything.
        is_handed_in: the socket lives on elsewhere, so the connections that wait to
            be accepted at a stop are left to who has it then.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        address: object,
        counters: ListenerCounters,
        split: Callable[[bytearray, int], list[bytes]],
        identify: Callable[[socket.socket], Origin],
        buffer_size: int,
        max_connections: int,
        frame_timeout_seconds: float,
        path: OwnedPath | None = None,
        is_handed_in: bool = False,
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._address = address
        self._counters = counters
        self._split = split
        self._identify = identify
        self._buffer_size = buffer_size
        self._max_connections = max_connections
        self._frame_timeout_seconds = frame_timeout_seconds
        self._path = path
        self._is_handed_in = is_handed_in
        self._connections: set[_Connection] = set()
        # Who waits for a connection to end or to fall idle.
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def address(self) -> object:
        """What a client connects to."""
        return self._address

    @property
    def counters(self) -> ListenerCounters:
        """Counts of all connections."""
        return self._counters

    def refresh_counters(self) -> None:
        """Do nothing: senders wait, so there is nothing that only the system knows."""

    def close(self) -> None:
        """Release the socket and its path; again does nothing."""
        if self._path is not None:
            self._path.remove()
        self._sock.close()

    async def receive(self, channel: trio.MemorySendChannel[Packet]) -> None:
        """Feed *channel* until cancelled, then take what waits and close.

        The receiving end must be closed by its owner however it ends: a packet in
        hand waits for room without regard to cancellation.
        """
        try:
            with channel:
                async with trio.open_nursery() as nursery:
                    try:
                        await self._accept_for_ever(nursery, channel)
                    finally:
                        self._accept_waiting(nursery, channel)
        finally:
            self.close()

    async def _accept_for_ever(
        self, nursery: trio.Nursery, channel: trio.MemorySendChannel[Packet]
    ) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            while len(self._connections) >= self._max_connections:
                if not await self._evict_idle():
                    await self._changed.park()
            has_shortage = False
            try:
                self._accept(nursery, channel)
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno in _SHORTAGE_ERRNOS:
                    self._counters.refused["out_of_descriptors"] += 1
                    has_shortage = True
                elif error.errno in _PASSING_ERRNOS:
                    self._counters.refused["network_error"] += 1
                else:
                    raise
            if has_shortage and not await self._evict_idle():
                await trio.sleep(_SHORTAGE_PAUSE_SECONDS)

    def _accept_waiting(
        self, nursery: trio.Nursery, channel: trio.MemorySendChannel[Packet]
    ) -> None:
        """Accept what connected before a stop: its first packets may wait already."""
        if self._is_handed_in:
            return
        if self._path is not None:
            self._path.remove()
        try:
            while len(self._connections) < self._max_connections:
                self._accept(nursery, channel)
        except OSError:
            # None waits, or none can be had; either way it is over.
            return

    def _accept(
        self, nursery: trio.Nursery, channel: trio.MemorySendChannel[Packet]
    ) -> None:
        sock, _ = self._sock.accept()
        sock.setblocking(False)
        try:
            connection = _Connection(sock, self._identify(sock))
        except OSError:
            # Gone already.
            sock.close()
            return
        self._connections.add(connection)
        nursery.start_soon(self._receive_connection, connection, channel)

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
        victim = min(idle, key=lambda each: (bool(each.buffer), each.idle_since))
        self._counters.refused["evicted_idle"] += 1
        logger.debug("%s: closing %s for another", self._counters.name, victim.origin)
        victim.scope.cancel()
        await victim.ended.wait()
        return True

    @trio.lowlevel.enable_ki_protection
    async def _receive_connection(
        self, connection: _Connection, channel: trio.MemorySendChannel[Packet]
    ) -> None:
        """Feed *channel* from one connection to its end, or until told to end it."""
        try:
            with connection.scope:
                try:
                    await self._read_to_end(connection, channel)
                except trio.Cancelled:
                    connection.idle_since = math.inf
                    with trio.move_on_after(_MAX_STOP_SECONDS, shield=True):
                        await self._take_waiting(connection, channel)
                    raise
        finally:
            connection.sock.close()
            self._connections.remove(connection)
            connection.ended.set()
            self._changed.unpark_all()

    async def _read_to_end(
        self, connection: _Connection, channel: trio.MemorySendChannel[Packet]
    ) -> None:
        steps = 0
        while True:
            try:
                data = connection.sock.recv(_READ_BYTES)
            except BlockingIOError:
                steps = 0
                if not await self._wait_readable(connection):
                    self._refuse(connection, "frame_timeout")
                    return
                continue
            except OSError as error:
                logger.debug("%s: %s", connection.origin, error)
                data = b""
            if not data:
                if connection.buffer:
                    self._refuse(connection, "half_frame")
                return
            packets = await self._add(connection, channel, data)
            if packets is None:
                return
            steps += 1 + packets
            if steps >= _MAX_STEPS_A_STRETCH:
                steps = 0
                await trio.lowlevel.checkpoint()
            else:
                # The waits for room were shielded.
                await trio.lowlevel.checkpoint_if_cancelled()

    async def _wait_readable(self, connection: _Connection) -> bool:
        """Wait for bytes; False when the packet that has begun took too long."""
        connection.idle_since = trio.current_time()
        self._changed.unpark_all()
        with trio.move_on_at(connection.frame_deadline) as waiting:
            await trio.lowlevel.wait_readable(connection.sock)
        connection.idle_since = math.inf
        return not waiting.cancelled_caught

    async def _add(
        self,
        connection: _Connection,
        channel: trio.MemorySendChannel[Packet],
        data: bytes,
    ) -> int | None:
        """Queue the packets that *data* completes; their number, None to close."""
        had_begun = bool(connection.buffer)
        connection.buffer += data
        packets = await self._queue_complete(connection, channel)
        if not connection.buffer:
            connection.frame_deadline = math.inf
        elif packets or not had_begun:
            # The time that the queue was full is not the sender's.
            connection.frame_deadline = (
                trio.current_time() + self._frame_timeout_seconds
            )
        return packets

    async def _queue_complete(
        self, connection: _Connection, channel: trio.MemorySendChannel[Packet]
    ) -> int | None:
        """Queue what is complete in the buffer; None if the stream broke a limit."""
        counters = self._counters
        queued = 0
        while True:
            try:
                packets = self._split(connection.buffer, self._buffer_size)
            except FramingError as error:
                logger.debug("%s: %s", connection.origin, error)
                self._refuse(connection, "frame_too_long")
                return None
            if not packets:
                return queued
            for data in packets:
                packet = Packet(data, connection.origin)
                counters.packets += 1
                counters.bytes += len(data)
                try:
                    channel.send_nowait(packet)
                except trio.WouldBlock:
                    await wait_for_room(channel, packet, counters)
            queued += len(packets)
            if queued >= _MAX_STEPS_A_STRETCH:
                # Shielded: packets that are complete stand in the buffer.
                await trio.lowlevel.cancel_shielded_checkpoint()

    async def _take_waiting(
        self, connection: _Connection, channel: trio.MemorySendChannel[Packet]
    ) -> None:
        """Take what the connection holds now, not what comes while it is taken."""
        waiting = read_waiting_stream_bytes(connection.sock)
        if sys.platform == "linux":
            # From here on a local sender gets EPIPE, so that it takes nothing for
            # sent that nobody will read. Elsewhere it throws away what waits.
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RD)
        while waiting > 0:
            try:
                data = connection.sock.recv(min(waiting, _READ_BYTES))
            except OSError:
                # Nothing waits any more, or the peer is gone with it.
                break
            waiting -= len(data)
            if not data or await self._add(connection, channel, data) is None:
                break
            await trio.lowlevel.checkpoint()
        if connection.buffer:
            self._refuse(connection, "half_frame")

    def _refuse(self, connection: _Connection, reason: str) -> None:
        self._counters.refused[reason] += 1
        logger.debug(
            "%s: %s closed: %s", self._counters.name, connection.origin, reason
        )
        connection.buffer.clear()
