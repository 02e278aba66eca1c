"""The sockets and pipes that a `Config` names, bound."""

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

# Files that may be open beside connections and requests: the spool's, those of who
# looks at the views, those that Python opens itself.
_OTHER_DESCRIPTORS: Final = 64


async def bind_listeners(
    config: Config, native_receive: NativeReceive | None = None
) -> list[Listener]:
    """Bind every address that *config* names.

    Args:
        config: which addresses, and how to read them.
        native_receive: reads many datagrams at once; None to read one by one.

    Raises:
        OSError: naming the address; what was bound before is closed.
    """
    listeners: list[Listener] = []
    with ExitStack() as stack:
        stack.callback(_close_all, listeners)
        await _bind_each(config, native_receive, listeners)
        keys = 1 + sum(len(keys) for keys in config.additional_endpoints.values())
        # One for each route beyond the shared ones, and one for the key's check.
        connections = config.max_concurrent_requests + len(ROUTE_NAMES)
        # The same, at most, for OTLP.
        accounts = keys + ("otlp" in config.sinks)
        fit_connections(listeners, _OTHER_DESCRIPTORS + accounts * connections)
        stack.pop_all()
    return listeners


async def open_forward(config: Config) -> Forwarder | None:
    """Open what every packet is sent on through; None if that was not asked for."""
    if config.forward_host is None or config.forward_port is None:
        return None
    return await open_forwarder(config.forward_host, config.forward_port)


async def _bind_each(
    config: Config, native_receive: NativeReceive | None, listeners: list[Listener]
) -> None:
    """Add what is bound to *listeners*, where the caller finds it if the next fails.

    A port or a path that one of the sockets handed in is bound to is that socket.
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
