"""Read packets from a datagram socket; UDP and Unix sockets share this reader.

The reader waits until its socket is readable, then reads without blocking until nothing
is left. While the queue has no room it does not read: the kernel's buffer serves as a
second buffer, whereas reading only to drop would cost CPU and lose more. A packet is
queued without a checkpoint after it is read, so a cancel cannot lose it.

When packets arrive fast, the reader rests between two readings to read many at once.
"""

import errno
import math
import socket
from collections.abc import Callable, Hashable
from functools import partial
from typing import Final, Generic, NamedTuple, TypeVar

import trio

from statsd_trio.transports.losses import Loss, Losses
from statsd_trio.transports.pacing import ReadingPace
from statsd_trio.transports.packet import Origin, Packet
from statsd_trio.transports.packet_queue import PacketSendChannel
from statsd_trio.transports.receiving import ReceiveMany
from statsd_trio.transports.recovery import count_failure, retry

# To read and queue one packet takes 3 microseconds, so this takes about 1 ms.
MAX_PACKETS_A_STRETCH: Final = 256

# How long a stop may keep reading. A slow processor must not delay it.
MAX_STOP_SECONDS: Final = 2.0

# The most packets that a buffer of 8 MiB holds. If a stop runs out of time, the
# remaining packets are counted up to this number, which takes a tenth of a second.
# There can be more only if senders cannot be refused.
_MAX_REFUSED_AT_STOP: Final = 16_384

# Enough for every client of one host; a flood of forged senders must not make it grow.
_MAX_KNOWN_SENDERS: Final = 1024

# Errors of a receive that concern a packet or the network, and leave the socket usable:
# an ICMP answer to something sent from the same port (ECONNRESET on Windows) and, on
# Windows, a datagram that is longer than asked for.
_PASSING_ERRNOS: Final = frozenset(
    {
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTUNREACH,
        errno.EMSGSIZE,
        errno.ENETDOWN,
        errno.ENETRESET,
        errno.ENETUNREACH,
        10040,  # WSAEMSGSIZE
        10052,  # WSAENETRESET
        10054,  # WSAECONNRESET
    }
)
# The system is short of memory. The packet stays in the socket, and an immediate retry
# would only use up CPU.
_SHORTAGE_ERRNOS: Final = frozenset({errno.ENOBUFS, errno.ENOMEM})
_SHORTAGE_PAUSE_SECONDS: Final = 0.05


# This takes half the time of calling the class, whose __new__ is written in Python.
_make: Callable[[type[Packet], tuple[bytes, Origin, bool]], Packet] = tuple.__new__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

_SenderT = TypeVar("_SenderT", bound=Hashable)


class DrainLimit(NamedTuple):
    """How much of a socket a stop may read.

    The limits are infinite if senders are refused from the stop on, because nothing can
    be added to what waits. Otherwise they are an upper bound of what waited when the
    stop began.

    Attributes:
        packets: the greatest number of packets.
        bytes: the greatest number of bytes, including *overhead_bytes* for each packet.
        overhead_bytes: what each packet costs beyond its own bytes.
        leaves_rest: whether somebody else also has the socket, so that what is left in
            it is not lost.
    """

    packets: float = math.inf
    bytes: float = math.inf
    overhead_bytes: int = 0
    leaves_rest: bool = False


class DatagramReader(Generic[_SenderT]):
    """Reads packets from one non-blocking socket into a channel.

    Args:
        sock: the socket to wait for; its owner closes it.
        buffer_size: the size of the longest packet that is not cut, in bytes.
        losses: the losses of the listener.
        receive_many: reads from *sock*, at least one byte more of each datagram than
            *buffer_size*, so that a longer one is noticed.
        identify: turns what *receive_many* says about a sender into an origin. The
            origin is kept for further packets of the sender.
        begin_stop: called once, before the last reads; it should refuse further packets
            if that is possible.
        pace: decides how long to rest after a reading.
        origin_lifetime_seconds: how long an origin is kept.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        buffer_size: int,
        losses: Losses,
        receive_many: ReceiveMany[_SenderT],
        identify: Callable[[_SenderT], Origin],
        begin_stop: Callable[[], DrainLimit],
        pace: ReadingPace,
        origin_lifetime_seconds: float = math.inf,
    ) -> None:
        self._sock = sock
        self._buffer_size = buffer_size
        self._losses = losses
        self._counters = losses.counters
        self._receive_many = receive_many
        self._identify = identify
        self._begin_stop = begin_stop
        self._pace = pace
        self._resting = trio.lowlevel.ParkingLot()
        self._has_read = trio.lowlevel.ParkingLot()
        self._origins: dict[_SenderT, Origin] = {}
        self._origin_lifetime_seconds = origin_lifetime_seconds

    async def receive(self, channel: PacketSendChannel) -> None:
        """Feed *channel* until cancelled, then read what waits and close *channel*."""
        with channel:
            try:
                await retry(partial(self._read_socket, channel), self._counters)
            except trio.BrokenResourceError:
                # Nobody takes packets from the queue any more.
                pass
            finally:
                # Release whoever waits for the end of a rest.
                self._has_read.unpark_all()
                limit = self._begin_stop()
                is_all_read = False
                with trio.move_on_after(MAX_STOP_SECONDS, shield=True):
                    is_all_read = await self._read_rest(channel, limit)
                if not (is_all_read or limit.leaves_rest):
                    # It shields its own checkpoints, and reads a bounded number of
                    # packets.
                    await self._refuse_rest()  # noqa: ASYNC102

    async def _read_socket(self, channel: PacketSendChannel) -> None:
        lifetime = self._origin_lifetime_seconds
        forget_at = trio.current_time() + lifetime
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            if trio.current_time() >= forget_at:
                self._origins.clear()
                forget_at = trio.current_time() + lifetime
            while rest := await self._read_waiting(channel):
                with trio.move_on_after(rest):
                    await self._resting.park()

    async def end_rest(self) -> None:
        """Wake up the reader if it rests, and wait until it has read."""
        if self._resting:
            self._resting.unpark_all()
            await self._has_read.park()

    async def _read_waiting(self, channel: PacketSendChannel) -> float:
        """Queue what waits in the socket, with a checkpoint now and then.

        Returns:
            How many seconds to rest; 0 to wait for the next packet.
        """
        counters = self._counters
        packets_before, bytes_before = counters.packets, counters.bytes
        try:
            while True:
                await channel.wait_for_room()
                asked = min(channel.room, MAX_PACKETS_A_STRETCH)
                if self._read(channel, asked) < asked:
                    break
                await trio.lowlevel.checkpoint()
        except OSError as error:
            await self._survive(error)
        finally:
            self._has_read.unpark_all()
        return self._pace.plan_rest(
            trio.current_time(),
            counters.packets - packets_before,
            counters.bytes - bytes_before,
        )

    def _read(self, channel: PacketSendChannel, max_packets: int) -> int:
        """Move up to *max_packets* to *channel*, which has room for them."""
        origins = self._origins
        buffer_size = self._buffer_size
        packets: list[Packet] = []
        for data, sender in self._receive_many(max_packets):
            origin = origins.get(sender) or self._meet(sender)
            if len(data) > buffer_size:
                packets.append(Packet(data[:buffer_size], origin, is_truncated=True))
                self._counters.truncated += 1
            else:
                packets.append(_make(Packet, (data, origin, False)))
        channel.put_nowait(packets)
        return len(packets)

    async def _read_rest(self, channel: PacketSendChannel, limit: DrainLimit) -> bool:
        """Queue as much as *limit* allows; return True if nothing is left."""
        counters = self._counters
        packets_before, bytes_before = counters.packets, counters.bytes
        while True:
            packets = counters.packets - packets_before
            size = counters.bytes - bytes_before + packets * limit.overhead_bytes
            if packets >= limit.packets or size >= limit.bytes:
                return False
            try:
                await channel.wait_for_room()
            except trio.BrokenResourceError:
                return False
            asked = min(channel.room, MAX_PACKETS_A_STRETCH, limit.packets - packets)
            try:
                if not self._read(channel, int(asked)):
                    return True
            except OSError as error:
                try:
                    await self._survive(error)
                except OSError:
                    count_failure(self._counters, error)
                    return False
            await trio.lowlevel.checkpoint()

    async def _refuse_rest(self) -> None:
        """Count the packets that a stop had no time for, so that the loss is known."""
        refused = 0
        for _ in range(_MAX_REFUSED_AT_STOP // MAX_PACKETS_A_STRETCH):
            try:
                taken = len(self._receive_many(MAX_PACKETS_A_STRETCH))
            except OSError:
                continue
            if not taken:
                break
            refused += taken
            await trio.lowlevel.cancel_shielded_checkpoint()
        if refused:
            self._losses.count(Loss.STOP, number=refused)

    def _meet(self, sender: _SenderT) -> Origin:
        if len(self._origins) >= _MAX_KNOWN_SENDERS:
            self._origins.clear()
        origin = self._origins[sender] = self._identify(sender)
        return origin

    async def _survive(self, error: OSError) -> None:
        """Count an error that leaves the socket usable; raise any other error."""
        number = error.errno
        if number in _SHORTAGE_ERRNOS:
            self._losses.count(Loss.OUT_OF_MEMORY, str(error))
            await trio.sleep(_SHORTAGE_PAUSE_SECONDS)
        elif number in _PASSING_ERRNOS:
            self._losses.count(Loss.NETWORK_ERROR, str(error))
        else:
            raise error
