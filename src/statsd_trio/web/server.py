"""Serve an application on its listeners, each connection within limits."""

import logging
import math
from collections.abc import Sequence
from typing import Final, NoReturn

import trio
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from statsd_trio.web.connection import Connection
from statsd_trio.web.exchange import Exchange
from statsd_trio.web.limits import Limits, RateLimiter

logger = logging.getLogger(__name__)

# How long to wait for a descriptor, and how often to log what fails.
_RETRY_SECONDS: Final = 0.1
_REPORT_SECONDS: Final = 10.0


async def serve_web(
    application: ASGIApp, listeners: Sequence[trio.SocketListener], limits: Limits
) -> NoReturn:
    """Serve *application* until cancelled, then close *listeners* and connections.

    Only HTTP/1.1 is spoken, without HTTP/2 and WebSockets. *application* is only called
    with HTTP requests, not with events of a lifespan. Its state has ``connection``,
    which is the `Connection` of the request.

    If a client leaves, *application* is told so as ASGI defines, and must stop its work
    for that client itself. An error that it raises is logged, and answered with a 500.
    """
    server = _Server(application, limits)
    async with trio.open_nursery() as nursery:
        for listener in listeners:
            nursery.start_soon(server.accept, listener, nursery)
    raise AssertionError("the listeners are open until this is cancelled")


class _Server:
    def __init__(self, application: ASGIApp, limits: Limits) -> None:
        self._application = application
        self._limits = limits
        self._connections = RateLimiter(limits.connections_per_second)
        self._answers = RateLimiter(limits.answers_per_second)
        self._open = 0
        # Connections that wait for a request, beginning with the one that waited
        # longest.
        self._idle: dict[Connection, None] = {}
        self._next_report = -math.inf

    async def accept(
        self, listener: trio.SocketListener, nursery: trio.Nursery
    ) -> NoReturn:
        """Accept connections until cancelled, and close *listener*."""
        async with listener:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as error:
                    # There are not enough descriptors, or not enough memory, for
                    # another connection.
                    self._report(f"cannot accept an HTTP connection: {error.strerror}")
                    await trio.sleep(_RETRY_SECONDS)
                    continue
                nursery.start_soon(self._serve_connection, stream)
                await self._connections.wait_turn()

    def _report(self, message: str) -> None:
        now = trio.current_time()
        if now >= self._next_report:
            self._next_report = now + _REPORT_SECONDS
            logger.warning("%s", message)

    async def _serve_connection(self, stream: trio.SocketStream) -> None:
        """Serve one connection until it ends, and close it."""
        self._open += 1
        try:
            if self._make_room():
                connection = Connection(
                    stream, self._serve_request, self._limits, self._idle
                )
                await connection.run()
        # Nothing that a client does to hypercorn may end the server.
        except Exception as error:  # noqa: BLE001
            self._report(f"an HTTP connection failed: {error!r}")
        finally:
            self._open -= 1
            stream.socket.close()

    def _make_room(self) -> bool:
        """Close the connection that was idle longest, if there are too many."""
        if self._open <= self._limits.max_connections:
            return True
        if not self._idle:
            return False
        longest = next(iter(self._idle))
        del self._idle[longest]
        longest.close()
        return True

    async def _serve_request(
        self, connection: Connection, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        await self._answers.wait_turn()
        application = self._application
        if scope["http_version"] not in {"1.0", "1.1"}:
            text = "this server only speaks HTTP/1.1\n"
            application = PlainTextResponse(text, 505, headers={"connection": "close"})
        exchange = Exchange(connection, self._limits, receive, send)
        await exchange.run(application, scope)
