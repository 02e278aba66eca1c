"""Serve one client's connection with hypercorn's HTTP/1.1, within limits.

This is the only module that uses hypercorn. From hypercorn it takes the conversion
between bytes and ASGI's events. It does not use hypercorn's servers, because they
switch to HTTP/2 when a client asks for it, cannot be cancelled while they write, and
wait forever for some clients that leave at the wrong moment.
"""

import math
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from starlette.types import Receive, Scope, Send

from statsd_trio.web.limits import Limits

_READ_BYTES: Final = 64 * 1024

# How long, and how many bytes, to keep reading from a client that has had its answer,
# so that closing the connection does not destroy that answer.
_LINGER_SECONDS: Final = 1.0
_LINGER_BYTES: Final = 1024 * 1024

# The name in an ASGI scope's state; in Starlette it is `request.state.connection`.
_STATE_KEY: Final = "connection"

ServeRequest = Callable[["Connection", Scope, Receive, Send], Awaitable[None]]


def _make_config() -> Config:
    config = Config()
    # Failures are logged here, once.
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_max_requests = sys.maxsize
    return config


_CONFIG: Final = _make_config()


class _Protocol(H11Protocol):
    async def _check_protocol(self, event: Any) -> None:
        """Stay with HTTP/1.1, even if the client offers to speak HTTP/2."""


class Connection:
    """A client's connection.

    Attributes:
        stream: the connected stream, for tasks other than answering.
    """

    def __init__(
        self,
        stream: trio.SocketStream,
        serve_request: ServeRequest,
        limits: Limits,
        idle: "dict[Connection, None]",
    ) -> None:
        """Serve on *stream*.

        Args:
            serve_request: called with each request, in the form of ASGI.
            idle: a mapping that has the connection while it waits for a request, after
                those that have waited longer.
        """
        self.stream = stream
        self._serve_request = serve_request
        self._limits = limits
        self._idle = idle
        self._scope = trio.CancelScope()
        self._reading = trio.CancelScope()
        self._send_lock = trio.Lock()

    def close(self) -> None:
        """Close at once, whatever is in progress."""
        self._scope.cancel(reason="the connection is closed")

    async def run(self) -> None:
        """Serve requests until the client or a limit ends it, then close."""
        try:
            with self._scope:
                await self._serve()
                # Another connection may take its place meanwhile.
                self._set_idle(is_idle=True)
                await self._linger()
        finally:
            self._idle.pop(self, None)
            self.stream.socket.close()

    async def _serve(self) -> None:
        async with TaskGroup() as tasks:
            protocol = _Protocol(
                self._run_application,
                _CONFIG,
                WorkerContext(None),
                tasks,
                ConnectionState({_STATE_KEY: self}),
                ssl=False,
                client=None,
                server=None,
                send=self._handle_event,
            )
            self._set_idle(is_idle=True)
            with self._reading:
                data = b" "
                while data:
                    data = await self._receive_some()
                    await protocol.handle(RawData(data))
            self._set_idle(is_idle=False)
            # A request in progress is told that its client has left.
            await protocol.handle(Closed())

    async def _run_application(
        self,
        scope: Any,
        receive: Any,
        send: Any,
        sync_spawn: Any,
        call_soon: Any,
    ) -> None:
        """Run the application in the way that hypercorn calls it.

        Besides the ASGI arguments, hypercorn passes two functions for threads.
        """
        await self._serve_request(self, scope, receive, send)

    async def _handle_event(self, event: Event) -> None:
        """Do what an event of hypercorn asks to be done with the connection."""
        match event:
            case RawData():
                await self._send_all(event.data)
            case Updated():
                self._set_idle(is_idle=event.idle)
            case Closed():
                self._reading.cancel(reason="there can be no further request")
            case _:
                pass

    def _set_idle(self, *, is_idle: bool) -> None:
        if is_idle:
            self._scope.deadline = trio.current_time() + self._limits.idle_seconds
            self._idle[self] = None
        else:
            self._scope.deadline = math.inf
            self._idle.pop(self, None)

    async def _send_all(self, data: bytes) -> None:
        async with self._send_lock:
            try:
                with trio.fail_after(self._limits.write_seconds):
                    await self.stream.send_all(data)
            except (
                trio.BrokenResourceError,
                trio.ClosedResourceError,
                trio.TooSlowError,
            ):
                # The client has left, or does not read its answer.
                self.close()

    async def _receive_some(self) -> bytes:
        """Receive some bytes; empty if the client has gone for any reason."""
        try:
            return bytes(await self.stream.receive_some(_READ_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    async def _linger(self) -> None:
        """Give a client that is still sending a chance to read its answer."""
        received = 0
        with trio.move_on_after(_LINGER_SECONDS):
            try:
                await self.stream.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            while received < _LINGER_BYTES and (data := await self._receive_some()):
                received += len(data)
