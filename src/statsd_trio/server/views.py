"""Where a server shows itself over HTTP, if its configuration says so.

What serves it is imported late: without ``http`` the extra is not needed.
"""

import logging
from collections.abc import Sequence

import trio

from statsd_trio.config.units import split_address
from statsd_trio.errors import ConfigError
from statsd_trio.operating.observed import ObservedServer

logger = logging.getLogger(__name__)


async def bind_views(address: str | None) -> list[trio.SocketListener]:
    """Bind *address*, ``HOST:PORT``; nothing for None.

    Raises:
        ConfigError: if the extra is missing.
        OSError: naming the address.
    """
    if address is None:
        return []
    try:
        from statsd_trio.operating.http import bind_http  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError(
            [f"http: {error.name} is missing; run pip install 'statsd-trio[http]'"]
        ) from error
    return await bind_http(*split_address(address))


async def serve_views(
    server: ObservedServer, listeners: Sequence[trio.SocketListener]
) -> None:
    """Show *server* until cancelled, then close *listeners*."""
    # Late, as above; `bind_views` found them.
    from statsd_trio.operating.http import serve_http  # noqa: PLC0415
    from statsd_trio.operating.views import make_application  # noqa: PLC0415

    for listener in listeners:
        host, port = listener.socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        logger.info("showing health and metrics on http://%s:%d", shown, port)
    await serve_http(make_application(server), list(listeners))
