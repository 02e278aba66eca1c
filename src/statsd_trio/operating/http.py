"""The views on their port: Starlette on hypercorn. Needs the extra ``http``."""

import logging
import socket
from typing import Any, Final, NoReturn, cast

import trio
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from starlette.applications import Starlette

from statsd_trio.transports.binding import bind_name

logger = logging.getLogger(__name__)

# A monitor or two, a person, and some that forgot to leave.
_MAX_CONNECTIONS: Final = 32
_KEEP_ALIVE_SECONDS: Final = 30.0


async def bind_http(host: str, port: int) -> list[trio.SocketListener]:
    """Bind every address of *host*.

    Raises:
        OSError: as `bind_name`.
    """
    sockets = await bind_name(host, port, socket.SOCK_STREAM, scheme="http")
    return [
        trio.SocketListener(trio.socket.from_stdlib_socket(sock)) for sock in sockets
    ]


async def serve_http(
    application: Starlette, listeners: list[trio.SocketListener]
) -> NoReturn:
    """Serve *application* until cancelled, then close *listeners*."""
    config = Config()
    config.errorlog = logger
    config.include_server_header = False
    config.keep_alive_timeout = _KEEP_ALIVE_SECONDS
    context = WorkerContext(None)
    open_connections: set[trio.SocketStream] = set()

    async def run_application(
        scope: Any,
        receive: Any,
        send: Any,
        sync_spawn: Any,  # noqa: ARG001 - hypercorn hands over two ways to a thread
        call_soon: Any,  # noqa: ARG001 - as above
    ) -> None:
        await application(scope, receive, send)

    async def serve_connection(stream: trio.SocketStream) -> None:
        if len(open_connections) >= _MAX_CONNECTIONS:
            stream.socket.close()
            return
        # It is annotated as a TLS stream, but takes and asks for less.
        stand_in = cast("trio.SSLStream[trio.SocketStream]", stream)
        open_connections.add(stream)
        try:
            await TCPServer(
                run_application, config, context, ConnectionState({}), stand_in
            ).run()
        except Exception:
            # hypercorn's own errors cannot be named; what one client does to it must
            # not end the server.
            logger.exception("a connection to the HTTP views failed")
        finally:
            open_connections.discard(stream)
            stream.socket.close()

    async def close_when_cancelled() -> None:
        # hypercorn shields its writes: a client that does not read would hold the
        # end up, unless its socket is gone.
        try:
            await trio.sleep_forever()
        finally:
            for stream in open_connections:
                stream.socket.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(close_when_cancelled)
        nursery.start_soon(trio.serve_listeners, serve_connection, listeners)
    raise AssertionError("both run until they are cancelled")
