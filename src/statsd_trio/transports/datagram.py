"""The reader that UDP and Unix datagram sockets share: a socket in, packets out.

It waits until its socket is readable, then reads without blocking until nothing
waits. When the channel is full it waits too, and the kernel's buffer is the second
buffer: reading on only to drop would cost CPU and lose more. There is no checkpoint
between taking a packet and holding it, and the wait for room is shielded, so no
cancel loses a packet.
"""

import errno
import math
import socket
from collections.abc import Callable, Hashable
from typing import Final, Generic, NamedTuple, TypeVar

import trio

from statsd_trio.ledger import ListenerCounters
from statsd_trio.transports.packet import Origin, Packet
from statsd_trio.transports.queueing import wait_for_room

# Reading and queueing one packet takes 3 microseconds, so this is about 1 ms.
_MAX_PACKETS_A_STRETCH: Final = 256

# How long a stop may go on reading: a flood must not hold it up.
_MAX_STOP_SECONDS: Final = 2.0

# What a buffer of 8 MiB holds at the most; a flood that goes on is left to the kernel.
_MAX_REFUSED_AT_STOP: Final = 16_384

# Enough for every client of one host; a flood of forged senders must not grow it.
_MAX_KNOWN_SENDERS: Final = 1024

# What a receive may raise about a packet or the network, with the socket as good as
# before: an ICMP answer to something sent from the same port (as ECONNRESET on
# Windows), and there also a datagram longer than asked for.
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
# The system is short of memory: the packet stays, and an immediate retry would spin.
_SHORTAGE_ERRNOS: Final = frozenset({errno.ENOBUFS, errno.ENOMEM})
_SHORTAGE_PAUSE_SECONDS: Final = 0.05


# Half the cost of calling the class, whose __new__ is written in Python.
_make: Callable[[type[Packet], tuple[bytes, Origin, bool]], Packet] = tuple.__new__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

_SenderT = TypeVar("_SenderT", bound=Hashable)


class Backlog(NamedTuple):
    """What a socket held at one moment, as an upper bound.

    Attributes:
        packets: at most so many.
        bytes: at most so many, *overhead_bytes* of each packet included.
        overhead_bytes: what each packet costs beyond its own bytes.
    """

    packets: int
    bytes: int
    overhead_bytes: int


class DatagramReader(Generic[_SenderT]):
    """Reads packets off one non-blocking socket into a channel.

    Args:
        sock: waited for; its owner closes it.
        buffer_size: bytes of the longest packet that is handed on whole.
        counters: filled while receiving.
        read: takes a size and returns a datagram and who sent it, as `recvfrom`.
        identify: makes an origin of what *read* said of the sender; what it returns
            is kept for the sender's next packets.
        begin_stop: called once, before the last reads; tells what the socket holds.
        origin_lifetime_seconds: how long an origin stands; infinite for good.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        buffer_size: int,
        counters: ListenerCounters,
        read: Callable[[int], tuple[bytes, _SenderT]],
        identify: Callable[[_SenderT], Origin],
        begin_stop: Callable[[], Backlog],
        origin_lifetime_seconds: float = math.inf,
    ) -> None:
        self._sock = sock
        self._buffer_size = buffer_size
        self._counters = counters
        self._read = read
        self._identify = identify
        self._begin_stop = begin_stop
        self._origins: dict[_SenderT, Origin] = {}
        self._origin_lifetime_seconds = origin_lifetime_seconds

    async def receive(self, channel: trio.MemorySendChannel[Packet]) -> None:
        """Feed *channel* until cancelled, then take what waits; closes *channel*.

        The receiving end must be closed by its owner however it ends: a packet in
        hand waits for room without regard to cancellation.
        """
        lifetime = self._origin_lifetime_seconds
        forget_at = trio.current_time() + lifetime
        with channel:
            try:
                while True:
                    await trio.lowlevel.wait_readable(self._sock)
                    if trio.current_time() >= forget_at:
                        self._origins.clear()
                        forget_at = trio.current_time() + lifetime
                    await self._take_ready(channel, _MAX_PACKETS_A_STRETCH)
            except trio.Cancelled:
                with trio.move_on_after(_MAX_STOP_SECONDS, shield=True) as limit:
                    await self._take_backlog(channel)
                if limit.cancelled_caught:
                    # It shields its own checkpoints, and ends after a count.
                    await self._refuse_backlog()  # noqa: ASYNC102
                raise

    async def _take_ready(
        self, channel: trio.MemorySendChannel[Packet], max_packets: int
    ) -> bool:
        """Move up to *max_packets* to *channel*; True when the socket was emptied."""
        counters = self._counters
        origins = self._origins
        read = self._read
        send_nowait = channel.send_nowait
        buffer_size = self._buffer_size
        # One byte more than allowed shows that a datagram was longer.
        read_size = buffer_size + 1
        packets = size = 0
        try:
            for _ in range(max_packets):
                data, sender = read(read_size)
                packets += 1
                origin = origins.get(sender) or self._meet(sender)
                if len(data) > buffer_size:
                    packet = Packet(data[:buffer_size], origin, is_truncated=True)
                    counters.truncated += 1
                    size += buffer_size
                else:
                    packet = _make(Packet, (data, origin, False))
                    size += len(data)
                try:
                    send_nowait(packet)
                except trio.WouldBlock:
                    # Counted before others run: the ledger may be read meanwhile.
                    counters.packets += packets
                    counters.bytes += size
                    packets = size = 0
                    await wait_for_room(channel, packet, counters)
                    # That was shielded; now there is nothing in hand to lose.
                    await trio.lowlevel.checkpoint_if_cancelled()
        except BlockingIOError:
            return True
        except OSError as error:
            await self._survive(error)
        finally:
            counters.packets += packets
            counters.bytes += size
        return False

    async def _take_backlog(self, channel: trio.MemorySendChannel[Packet]) -> None:
        """Take what the socket holds now, not what comes while it is taken."""
        backlog = self._begin_stop()
        counters = self._counters
        packets_before, bytes_before = counters.packets, counters.bytes
        is_empty = False
        while not is_empty:
            packets = counters.packets - packets_before
            size = counters.bytes - bytes_before + packets * backlog.overhead_bytes
            if packets >= backlog.packets or size >= backlog.bytes:
                break
            left = min(backlog.packets - packets, _MAX_PACKETS_A_STRETCH)
            is_empty = await self._take_ready(channel, left)
            await trio.lowlevel.checkpoint()

    async def _refuse_backlog(self) -> None:
        """Count what there was no time to take; else nobody would know of it."""
        for number in range(1, _MAX_REFUSED_AT_STOP + 1):
            try:
                self._read(1)
            except OSError:
                return  # nothing waits any more
            self._counters.refused["stop"] += 1
            if number % _MAX_PACKETS_A_STRETCH == 0:
                await trio.lowlevel.cancel_shielded_checkpoint()

    def _meet(self, sender: _SenderT) -> Origin:
        if len(self._origins) >= _MAX_KNOWN_SENDERS:
            self._origins.clear()
        origin = self._origins[sender] = self._identify(sender)
        return origin

    async def _survive(self, error: OSError) -> None:
        """Count an error that leaves the socket usable; raise any other."""
        number = error.errno
        if number in _SHORTAGE_ERRNOS:
            self._counters.refused["out_of_memory"] += 1
            await trio.sleep(_SHORTAGE_PAUSE_SECONDS)
        elif number in _PASSING_ERRNOS:
            self._counters.refused["network_error"] += 1
        else:
            raise error
