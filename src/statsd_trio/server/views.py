"""Where a server shows itself over HTTP, if its configuration says so."""

import logging
import socket
from collections.abc import Sequence

import trio

from statsd_trio.config.parsing import split_address
from statsd_trio.operating.observed import ObservedServer
from statsd_trio.transports.binding import bind_name

logger = logging.getLogger(__name__)


async def bind_views(address: str | None) -> list[trio.SocketListener]:
    """Bind every address that *address*, ``HOST:PORT``, stands for; nothing for None.

    Raises:
        OSError: as `bind_name`.
    """
    if address is None:
        return []
    host, port = split_address(address)
    sockets = await bind_name(host, port, socket.SOCK_STREAM, scheme="http")
    return [
        trio.SocketListener(trio.socket.from_stdlib_socket(sock)) for sock in sockets
    ]


async def serve_views(
    server: ObservedServer, listeners: Sequence[trio.SocketListener]
) -> None:
    """Show *server* until cancelled, then close *listeners*."""
    # A server without views need not wait for what reads HTTP.
    from statsd_trio.operating.views import LIMITS, make_pages  # noqa: PLC0415
    from statsd_trio.web import serve_web  # noqa: PLC0415

    for listener in listeners:
        host, port = listener.socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        logger.info("showing health and metrics on http://%s:%d", shown, port)
    await serve_web(make_pages(server).handle, listeners, LIMITS)
