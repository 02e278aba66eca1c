"""Listen on addresses and record the packets that arrive."""

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Final

import trio

from statsd_trio.replay.capture import CapturedPacket
from statsd_trio.transports.addresses import Address
from statsd_trio.transports.descriptors import fit_connections
from statsd_trio.transports.listener import Listener
from statsd_trio.transports.packet_queue import PacketQueue
from statsd_trio.transports.pipe import bind_pipe
from statsd_trio.transports.tcp import bind_tcp
from statsd_trio.transports.udp import bind_udp
from statsd_trio.transports.unix import bind_unix_datagram, bind_unix_stream

# The largest possible packet: packets that a server would cut are worth seeing whole.
_BUFFER_BYTES: Final = 65_536
_RECEIVE_BUFFER_BYTES: Final = 8 * 1024 * 1024
_QUEUE_PACKETS: Final = 1024
_MAX_CONNECTIONS: Final = 1024
_FRAME_TIMEOUT_SECONDS: Final = 10.0

# The file that is written, and a few that Python opens.
_OTHER_DESCRIPTORS: Final = 16


async def bind_addresses(addresses: Iterable[Address]) -> list[Listener]:
    """Bind all of *addresses*.

    Raises:
        OSError: if one of them cannot be bound; the message names it, and no socket
            stays open.
    """
    listeners: list[Listener] = []
    with ExitStack() as stack:
        for address in addresses:
            for listener in await _bind(address):
                stack.callback(listener.close)
                listeners.append(listener)
        fit_connections(listeners, _OTHER_DESCRIPTORS)
        stack.pop_all()
    return listeners


async def record(
    listeners: Iterable[Listener],
    write: Callable[[CapturedPacket], None],
    *,
    wall_clock: Callable[[], float] = time.time,
) -> None:
    """Pass packets to *write* until cancelled, including those that arrived by then.

    An error of *write* ends the recording, and is raised in an `ExceptionGroup`.
    """
    queue = PacketQueue(_QUEUE_PACKETS)
    listeners = list(listeners)
    try:
        async with trio.open_nursery() as nursery:
            for listener in listeners:
                channel = queue.open_send_channel(listener.counters)
                nursery.start_soon(listener.receive, channel)
            nursery.start_soon(_write_packets, queue, write, wall_clock)
    finally:
        for listener in listeners:
            listener.warn_of_losses()


async def _write_packets(
    packets: PacketQueue,
    write: Callable[[CapturedPacket], None],
    wall_clock: Callable[[], float],
) -> None:
    """Write until every listener has closed its end, as they do when cancelled."""
    with packets, trio.CancelScope(shield=True):
        async for data, origin, _ in packets:
            source = f"{origin.transport} {origin.sender}".rstrip()
            write(CapturedPacket(wall_clock(), source, data))


async def _bind(address: Address) -> list[Listener]:
    match address.transport:
        case "udp":
            return [
                *await bind_udp(
                    address.host,
                    address.port,
                    buffer_size=_BUFFER_BYTES,
                    receive_buffer_bytes=_RECEIVE_BUFFER_BYTES,
                )
            ]
        case "tcp":
            return [
                *await bind_tcp(
                    address.host,
                    address.port,
                    buffer_size=_BUFFER_BYTES,
                    max_connections=_MAX_CONNECTIONS,
                    frame_timeout_seconds=_FRAME_TIMEOUT_SECONDS,
                )
            ]
        case "unixgram":
            return [bind_unix_datagram(address.path, buffer_size=_BUFFER_BYTES)]
        case "unixstream":
            return [
                bind_unix_stream(
                    address.path,
                    buffer_size=_BUFFER_BYTES,
                    max_connections=_MAX_CONNECTIONS,
                    frame_timeout_seconds=_FRAME_TIMEOUT_SECONDS,
                )
            ]
        case "pipe":
            return [
                bind_pipe(
                    address.path,
                    buffer_size=_BUFFER_BYTES,
                    max_connections=_MAX_CONNECTIONS,
                    frame_timeout_seconds=_FRAME_TIMEOUT_SECONDS,
                )
            ]
