"""Show a server over HTTP, if its configuration says so.

The modules for HTTP are imported only when needed, so that a server without ``http``
does not need the extra of that name, or wait for the import.
"""

import importlib
import logging
import socket
from collections.abc import Sequence

import trio

from statsd_trio.config.parsing import split_address
from statsd_trio.errors import ConfigError, describe_missing_extra
from statsd_trio.operating.viewed_server import ViewedServer
from statsd_trio.transports.binding import bind_name

logger = logging.getLogger(__name__)


async def bind_views(address: str | None) -> list[trio.SocketListener]:
    """Bind every address that *address*, ``HOST:PORT``, stands for; none for None.

    Raises:
        ConfigError: if the extra is missing.
        OSError: as `bind_name`.
    """
    if address is None:
        return []
    try:
        importlib.import_module("statsd_trio.operating.views")
    except ModuleNotFoundError as error:
        raise ConfigError([describe_missing_extra("http", error, "http")]) from error
    host, port = split_address(address)
    sockets = await bind_name(host, port, socket.SOCK_STREAM, scheme="http")
    return [
        trio.SocketListener(trio.socket.from_stdlib_socket(sock)) for sock in sockets
    ]


async def serve_views(
    server: ViewedServer, listeners: Sequence[trio.SocketListener]
) -> None:
    """Show *server* until cancelled, then close *listeners*."""
    from statsd_trio.operating.views import LIMITS, make_views  # noqa: PLC0415
    from statsd_trio.web import serve_web  # noqa: PLC0415

    for listener in listeners:
        host, port = listener.socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        logger.info("showing health and metrics on http://%s:%d", shown, port)
    await serve_web(make_views(server), listeners, LIMITS)
