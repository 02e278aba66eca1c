"""Receive lines over TCP, on every address that a name resolves to."""

import socket
from functools import partial

from statsd_trio.counters import ListenerCounters
from statsd_trio.transports.addresses import format_host_port
from statsd_trio.transports.binding import bind_name
from statsd_trio.transports.framing import LineFramer
from statsd_trio.transports.packet import Origin
from statsd_trio.transports.stream import StreamListener


def open_tcp_listener(
    sock: socket.socket,
    *,
    buffer_size: int,
    max_connections: int,
    frame_timeout_seconds: float,
    is_handed_in: bool = False,
) -> StreamListener:
    """Make a listener of *sock*, which already listens; the listener owns it."""
    address: tuple[str, int] = sock.getsockname()[:2]
    name = f"tcp://{format_host_port(*address)}"

    def identify(peer: socket.socket) -> Origin:
        # Otherwise a connection would stay open after its host vanished, until it is
        # evicted.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return Origin("tcp", name, format_host_port(*peer.getpeername()[:2]))

    return StreamListener(
        sock,
        address=address,
        counters=ListenerCounters(name),
        make_framer=partial(LineFramer, buffer_size),
        identify=identify,
        max_connections=max_connections,
        frame_timeout_seconds=frame_timeout_seconds,
        is_handed_in=is_handed_in,
    )


async def bind_tcp(
    host: str,
    port: int,
    *,
    buffer_size: int,
    max_connections: int,
    frame_timeout_seconds: float,
    non_local_traffic: bool = False,
) -> list[StreamListener]:
    """Bind *port* on every address of *host*, or of the whole machine.

    Raises:
        OSError: as `bind_name`.
    """
    sockets = await bind_name(
        host,
        port,
        socket.SOCK_STREAM,
        scheme="tcp",
        non_local_traffic=non_local_traffic,
    )
    return [
        open_tcp_listener(
            sock,
            buffer_size=buffer_size,
            max_connections=max_connections,
            frame_timeout_seconds=frame_timeout_seconds,
        )
        for sock in sockets
    ]
