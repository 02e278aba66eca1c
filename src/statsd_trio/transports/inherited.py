"""Open listeners on sockets that somebody else has bound.

The sockets are duplicated. Whoever passed one in keeps it, and what arrives after a
stop waits in it for the next server.
"""

import socket
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

from statsd_trio.transports.binding import LISTEN_BACKLOG
from statsd_trio.transports.listener import Listener
from statsd_trio.transports.receiving import NativeReceive
from statsd_trio.transports.tcp import open_tcp_listener
from statsd_trio.transports.udp import UdpListener
from statsd_trio.transports.unix import UnixDatagramListener, open_unix_stream_listener

_INET: Final = frozenset({socket.AF_INET, socket.AF_INET6})
_UNIX: Final = getattr(socket, "AF_UNIX", None)


def find_bound(
    sockets: Iterable[socket.socket],
) -> frozenset[tuple[socket.SocketKind, object]]:
    """Return the kind of each socket in *sockets*, and the port or path it is bound to.

    Raises:
        OSError: if a socket is closed.
    """
    bound: set[tuple[socket.SocketKind, object]] = set()
    for sock in sockets:
        name = sock.getsockname()
        place = name[1] if sock.family in _INET else name
        bound.add((socket.SocketKind(sock.type), place))
    return frozenset(bound)


def open_inherited(
    sock: socket.socket,
    *,
    buffer_size: int,
    receive_buffer_bytes: int,
    max_rest_seconds: float = 0,
    native_receive: NativeReceive | None = None,
    max_connections: int,
    frame_timeout_seconds: float,
    detects_containers: bool = False,
) -> Listener:
    """Open a listener on a duplicate of *sock*, which must be bound.

    A stream socket that does not listen yet is made to listen. A receive buffer that is
    larger than asked for is kept.

    Raises:
        OSError: if the socket is not bound, or its family or kind is not supported.
    """
    is_inet = sock.family in _INET
    is_datagram = sock.type == socket.SOCK_DGRAM
    if not (is_inet or sock.family == _UNIX) or not (
        is_datagram or sock.type == socket.SOCK_STREAM
    ):
        raise OSError(
            f"cannot listen on {sock!r}: it must be a UDP, TCP or Unix socket"
        )
    name = sock.getsockname()
    if not name or (is_inet and not name[1]):
        raise OSError(f"cannot listen on {sock!r}: it is not bound to an address")
    with ExitStack() as stack:
        ours = stack.enter_context(sock.dup())
        listener: Listener
        if is_datagram and is_inet:
            granted = ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
            listener = UdpListener(
                ours,
                buffer_size=buffer_size,
                receive_buffer_bytes=(
                    receive_buffer_bytes if granted < receive_buffer_bytes else 0
                ),
                max_rest_seconds=max_rest_seconds,
                native_receive=native_receive,
                is_handed_in=True,
            )
        elif is_datagram:
            listener = UnixDatagramListener(
                ours,
                buffer_size=buffer_size,
                max_rest_seconds=max_rest_seconds,
                native_receive=native_receive,
                detects_containers=detects_containers,
            )
        else:
            ours.listen(LISTEN_BACKLOG)
            if is_inet:
                listener = open_tcp_listener(
                    ours,
                    buffer_size=buffer_size,
                    max_connections=max_connections,
                    frame_timeout_seconds=frame_timeout_seconds,
                    is_handed_in=True,
                )
            else:
                listener = open_unix_stream_listener(
                    ours,
                    buffer_size=buffer_size,
                    max_connections=max_connections,
                    frame_timeout_seconds=frame_timeout_seconds,
                    detects_containers=detects_containers,
                )
        stack.pop_all()
    return listener
