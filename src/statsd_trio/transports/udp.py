"""Receive datagrams over UDP, on every address that a name resolves to."""

import logging
import socket
import struct
from typing import Final

from statsd_trio.counters import ListenerCounters
from statsd_trio.plural import describe_count
from statsd_trio.transports.addresses import format_host_port
from statsd_trio.transports.binding import bind_name
from statsd_trio.transports.buffer import (
    PACKET_OVERHEAD_BYTES,
    read_drops,
    read_waiting_bytes,
    request_buffer,
    warn_if_smaller,
)
from statsd_trio.transports.datagram import DatagramReader, DrainLimit
from statsd_trio.transports.losses import Losses
from statsd_trio.transports.pacing import ReadingPace
from statsd_trio.transports.packet import Origin
from statsd_trio.transports.packet_queue import PacketSendChannel
from statsd_trio.transports.receiving import (
    ManyAtOnce,
    NativeReceive,
    OneByOne,
    ReceiveMany,
)

logger = logging.getLogger(__name__)


# The most that the kernel charges to its buffer: 832 bytes for a packet of one line,
# 2304 for one of 1432 bytes, 16 640 for one of 8192 (Linux 6.18, loopback).
_PACKET_COST: Final = 1024
_BYTE_COST: Final = 2

# Not every system can connect to a wildcard address.
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound here

# What recvfrom returns for an internet peer, or the peer's raw socket address.
_Sender = tuple[str, int] | tuple[str, int, int, int] | bytes

# The start of `struct sockaddr_in` and `sockaddr_in6` on Linux: the family, which the
# socket knows too, the port and, for IPv6, the flow.
_PORT: Final = struct.Struct("!2xH")
_HOST_SLICES: Final[dict[int, slice]] = {
    socket.AF_INET: slice(4, 8),
    socket.AF_INET6: slice(8, 24),
}


class UdpListener:
    """One bound UDP socket.

    Args:
        sock: a bound socket, owned from now on.
        receive_buffer_bytes: the size to ask the kernel for; 0 keeps what the socket
            has.
        max_rest_seconds: how long the reader may rest between two readings.
        native_receive: reads many datagrams at once; None to read one by one.
        is_handed_in: whether somebody else also has the socket, so that what arrives
            after a stop is left to them.

    Attributes:
        address: the host and port that the socket is bound to.
        counters: the counts so far; they grow while `receive` runs.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        buffer_size: int,
        receive_buffer_bytes: int = 0,
        max_rest_seconds: float = 0,
        native_receive: NativeReceive | None = None,
        is_handed_in: bool = False,
    ) -> None:
        sock.setblocking(False)
        self._is_handed_in = is_handed_in
        self._sock = sock
        self.address: tuple[str, int] = sock.getsockname()[:2]
        name = f"udp://{format_host_port(*self.address)}"
        granted = request_buffer(sock, receive_buffer_bytes)
        warn_if_smaller(name, receive_buffer_bytes, granted)
        # What the socket dropped before it was handed in is not counted for this
        # listener.
        self._drops_seen = read_drops(sock)
        if self._drops_seen:
            logger.warning(
                "%s: dropped %s before it was handed in",
                name,
                describe_count(self._drops_seen, "packet"),
            )
        self.counters = ListenerCounters(
            name,
            kernel_dropped=None if self._drops_seen is None else 0,
            granted_buffer_bytes=granted,
        )
        self._losses = Losses(self.counters)
        self._reader = DatagramReader[_Sender](
            sock,
            buffer_size=buffer_size,
            losses=self._losses,
            receive_many=_choose_receive(sock, buffer_size + 1, native_receive),
            identify=self._identify,
            begin_stop=self._begin_stop,
            pace=ReadingPace(
                capacity=granted,
                packet_cost=_PACKET_COST,
                byte_cost=_BYTE_COST,
                max_rest_seconds=max_rest_seconds,
            ),
        )

    async def receive(self, channel: PacketSendChannel) -> None:
        """Feed *channel* until cancelled, then read what waits and close."""
        try:
            await self._reader.receive(channel)
        finally:
            self.close()

    async def end_rest(self) -> None:
        """Wake up the reader if it rests, and wait until it has read."""
        await self._reader.end_rest()

    def refresh_counters(self) -> None:
        """Add what the kernel has dropped since the last call."""
        if self._drops_seen is None or self._sock.fileno() < 0:
            return
        drops = read_drops(self._sock)
        if drops is None:
            return
        dropped = (drops - self._drops_seen) & 0xFFFFFFFF
        self.counters.kernel_dropped = (self.counters.kernel_dropped or 0) + dropped
        self._drops_seen = drops

    def warn_of_losses(self) -> None:
        """Log one WARNING for each cause of loss since the last call."""
        self.refresh_counters()
        self._losses.warn()

    def close(self) -> None:
        """Update the counts and close the socket; closing it again does nothing."""
        self.refresh_counters()
        self._sock.close()

    def _identify(self, sender: _Sender) -> Origin:
        if isinstance(sender, bytes):
            host, port = _unpack_address(self._sock.family, sender)
        else:
            host, port, *_ = sender
        return Origin("udp", self.counters.name, format_host_port(host, port))

    def _begin_stop(self) -> DrainLimit:
        if not self._is_handed_in and _refuse_more(self._sock):
            return DrainLimit()
        return DrainLimit(
            bytes=read_waiting_bytes(self._sock),
            overhead_bytes=PACKET_OVERHEAD_BYTES,
            leaves_rest=self._is_handed_in,
        )


def _choose_receive(
    sock: socket.socket, max_bytes: int, native_receive: NativeReceive | None
) -> ReceiveMany[_Sender]:
    if native_receive is None:
        return OneByOne(sock.recvfrom, max_bytes)
    return ManyAtOnce(sock, native_receive, max_bytes)


def _unpack_address(family: int, raw: bytes) -> tuple[str, int]:
    """Return the host and port in a raw socket address, as `recvfrom` does."""
    (port,) = _PORT.unpack_from(raw)
    return socket.inet_ntop(family, raw[_HOST_SLICES[family]]), port


def _refuse_more(sock: socket.socket) -> bool:
    """Make the kernel refuse further packets, as if *sock* were closed.

    A connected UDP socket only accepts packets from its peer. Here the peer is the
    socket itself, which sends nothing. What arrived before stays, and so do the counts
    of drops.
    """
    host, *rest = sock.getsockname()
    try:
        sock.connect((_LOOPBACK.get(host, host), *rest))
    except OSError:
        return False
    return True


async def bind_udp(
    host: str,
    port: int,
    *,
    buffer_size: int,
    receive_buffer_bytes: int,
    max_rest_seconds: float = 0,
    native_receive: NativeReceive | None = None,
    non_local_traffic: bool = False,
) -> list[UdpListener]:
    """Bind *port* on every address of *host*, or of the whole machine.

    Raises:
        OSError: as `bind_name`.
    """
    sockets = await bind_name(
        host,
        port,
        socket.SOCK_DGRAM,
        scheme="udp",
        non_local_traffic=non_local_traffic,
    )
    return [
        UdpListener(
            sock,
            buffer_size=buffer_size,
            receive_buffer_bytes=receive_buffer_bytes,
            max_rest_seconds=max_rest_seconds,
            native_receive=native_receive,
        )
        for sock in sockets
    ]
