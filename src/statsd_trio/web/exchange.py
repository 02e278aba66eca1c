"""Handle one request and its answer, within limits."""

import logging
import math
from typing import Final

import trio
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from statsd_trio.web.connection import Connection
from statsd_trio.web.limits import Limits

logger = logging.getLogger(__name__)

_DISCONNECT: Final[Message] = {"type": "http.disconnect"}


class Exchange:
    """What an application may receive of a request, and send as its answer.

    Before an answer begins, the unread rest of the request's body is read and thrown
    away. An answer that is sent while a client is still writing may never be read.

    If a body is too long, the application is told that the client has left. The client
    gets a 413 then, unless the application has answered itself.
    """

    def __init__(
        self, connection: Connection, limits: Limits, receive: Receive, send: Send
    ) -> None:
        self._connection = connection
        self._limits = limits
        self._receive = receive
        self._send = send
        # An application may wait for the client to leave in one task and answer in
        # another, and either of them may receive the end of the body.
        self._receiving = trio.Lock()
        self._body_bytes = 0
        self._is_whole = False
        self._is_too_long = False
        self._has_left = False
        self._has_begun = False
        self._has_ended = False

    async def run(self, application: ASGIApp, scope: Scope) -> None:
        """Let *application* answer the request.

        The connection is closed if it does not answer, or not completely. An error that
        it raises is logged, and answered with a 500.
        """
        try:
            await application(scope, self.receive, self.send)
        except ClientDisconnect:
            pass
        # This is the only place that catches the errors of a page.
        except Exception:
            path = scope["raw_path"].decode("latin-1")
            logger.exception("%s %s failed", scope["method"], path)
            if not self._has_begun:
                text = "something failed here; see the server's log\n"
                await PlainTextResponse(text, 500)(scope, self.receive, self.send)
        if self._is_too_long and not self._has_begun:
            limit = self._limits.max_body_bytes
            text = f"the body is longer than {limit:.0f} bytes\n"
            await PlainTextResponse(text, 413)(scope, self.receive, self.send)
        if not self._has_ended:
            self._connection.close()

    async def receive(self) -> Message:
        """Wait for the next piece of the body.

        After the last one, for the client to leave.
        """
        async with self._receiving:
            return await self._receive_next()

    async def _receive_next(self) -> Message:
        if self._has_left:
            await trio.lowlevel.checkpoint()
            return _DISCONNECT
        patience = math.inf if self._is_whole else self._limits.idle_seconds
        with trio.move_on_after(patience):
            message = await self._receive()
            if message["type"] != "http.request":
                self._has_left = self._is_whole = True
                return message
            self._body_bytes += len(message["body"])
            if self._body_bytes > self._limits.max_body_bytes:
                # The connection reads the rest, within limits, after it is answered.
                self._is_too_long = self._has_left = self._is_whole = True
                return _DISCONNECT
            self._is_whole = not message["more_body"]
            return message
        # The client is too slow.
        self._connection.close()
        await trio.sleep_forever()
        raise AssertionError

    async def send(self, message: Message) -> None:
        """Send the answer, or a piece of it."""
        if message["type"] == "http.response.start":
            message = await self._begin(message)
        elif not message.get("more_body", False):
            self._has_ended = True
        await self._send(message)

    async def _begin(self, message: Message) -> Message:
        self._has_begun = True
        read_bytes = self._body_bytes
        while not self._is_whole:
            async with self._receiving:
                if not self._is_whole:
                    await self._receive_next()
        if self._body_bytes == read_bytes and not self._is_too_long:
            return message
        # The client sends what nobody needs, so it does not have to continue.
        return {**message, "headers": [*message["headers"], (b"connection", b"close")]}
