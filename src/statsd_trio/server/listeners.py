"""Bind the sockets and pipes that a `Config` names."""

from collections.abc import Iterable
from contextlib import ExitStack
from socket import SOCK_DGRAM, SOCK_STREAM
from typing import Final

from statsd_trio.config import Config
from statsd_trio.config.option_types.addresses import ROUTE_NAMES
from statsd_trio.transports.descriptors import fit_connections
from statsd_trio.transports.forward import Forwarder, open_forwarder
from statsd_trio.transports.inherited import find_bound, open_inherited
from statsd_trio.transports.listener import Listener
from statsd_trio.transports.pipe import bind_pipe
from statsd_trio.transports.receiving import NativeReceive
from statsd_trio.transports.tcp import bind_tcp
from statsd_trio.transports.udp import bind_udp
from statsd_trio.transports.unix import bind_unix_datagram, bind_unix_stream

# Files that may be open besides connections and requests: those of the spool, of
# clients of the HTTP views, and of Python itself.
_OTHER_DESCRIPTORS: Final = 64


async def bind_listeners(
    config: Config, native_receive: NativeReceive | None = None
) -> list[Listener]:
    """Bind every address that *config* names.

    Args:
        config: the addresses, and how to read from them.
        native_receive: reads many datagrams at once; None to read one by one.

    Raises:
        OSError: if an address cannot be bound; the message names it, and no socket
            stays open.
    """
    listeners: list[Listener] = []
    with ExitStack() as stack:
        stack.callback(_close_all, listeners)
        await _bind_each(config, native_receive, listeners)
        keys = 1 + sum(len(keys) for keys in config.additional_endpoints.values())
        # One connection for each route besides the shared ones, and one for checking
        # the key.
        connections = config.max_concurrent_requests + len(ROUTE_NAMES)
        # At most the same number for OTLP.
        accounts = keys + ("otlp" in config.sinks)
        fit_connections(listeners, _OTHER_DESCRIPTORS + accounts * connections)
        stack.pop_all()
    return listeners


async def open_forward(config: Config) -> Forwarder | None:
    """Open what forwards every packet; return None if that was not asked for."""
    if config.forward_host is None or config.forward_port is None:
        return None
    return await open_forwarder(config.forward_host, config.forward_port)


async def _bind_each(
    config: Config, native_receive: NativeReceive | None, listeners: list[Listener]
) -> None:
    """Bind the addresses, and add each listener to *listeners*.

    If one fails, the caller can close those before it. A port or a path that a socket
    handed in is already bound to is not bound again.
    """
    handed_in = find_bound(config.sockets)
    if config.port is not None and (SOCK_DGRAM, config.port) not in handed_in:
        listeners += await bind_udp(
            config.host,
            config.port,
            buffer_size=config.buffer_size,
            receive_buffer_bytes=config.so_rcvbuf,
            max_rest_seconds=config.max_rest_seconds,
            native_receive=native_receive,
            non_local_traffic=config.non_local_traffic,
        )
    path = config.socket_path
    if path is not None and (SOCK_DGRAM, path) not in handed_in:
        listeners.append(
            bind_unix_datagram(
                path,
                buffer_size=config.buffer_size,
                max_rest_seconds=config.max_rest_seconds,
                native_receive=native_receive,
                detects_containers=config.origin_detection,
            )
        )
    path = config.stream_socket_path
    if path is not None and (SOCK_STREAM, path) not in handed_in:
        listeners.append(
            bind_unix_stream(
                path,
                buffer_size=config.buffer_size,
                max_connections=config.max_connections,
                frame_timeout_seconds=config.frame_timeout_seconds,
                detects_containers=config.origin_detection,
            )
        )
    if config.tcp_port is not None and (SOCK_STREAM, config.tcp_port) not in handed_in:
        listeners += await bind_tcp(
            config.host,
            config.tcp_port,
            buffer_size=config.buffer_size,
            max_connections=config.max_connections,
            frame_timeout_seconds=config.frame_timeout_seconds,
            non_local_traffic=config.non_local_traffic,
        )
    if config.pipe_name is not None:
        listeners.append(
            bind_pipe(
                config.pipe_name,
                buffer_size=config.buffer_size,
                max_connections=config.max_connections,
                frame_timeout_seconds=config.frame_timeout_seconds,
            )
        )
    for sock in config.sockets:
        listeners.append(
            open_inherited(
                sock,
                buffer_size=config.buffer_size,
                receive_buffer_bytes=config.so_rcvbuf,
                max_rest_seconds=config.max_rest_seconds,
                native_receive=native_receive,
                max_connections=config.max_connections,
                frame_timeout_seconds=config.frame_timeout_seconds,
                detects_containers=config.origin_detection,
            )
        )


def _close_all(listeners: Iterable[Listener]) -> None:
    for listener in listeners:
        listener.close()
