"""Listeners in; every connection served within its limits."""

import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NoReturn

import attrs
import h11
import trio

from statsd_trio.web.connection import ClientLeftError, Connection, Request
from statsd_trio.web.messages import Answer

logger = logging.getLogger(__name__)

# Answers a request. None means that it did something else to the connection, which is
# closed then.
Handler = Callable[[Request], Awaitable[Answer | None]]

# How long to wait for a descriptor, and how often to say that there is none.
_RETRY_SECONDS: Final = 0.1
_REPORT_SECONDS: Final = 10.0


@attrs.frozen(kw_only=True)
class Limits:
    """What bounds a server; nothing by default.

    Attributes:
        max_connections: a further one takes the place of the one that has waited
            longest for a request, and is closed if none does.
        idle_seconds: how long a connection may take to send the head of a request.
        write_seconds: how long a client may take to read an answer.
        connections_per_second: taken from the kernel, all together.
        answers_per_second: all together. After a pause, as many come at once as were
            left out, but no more than those of one second.
    """

    max_connections: float = math.inf
    idle_seconds: float = math.inf
    write_seconds: float = math.inf
    connections_per_second: float = math.inf
    answers_per_second: float = math.inf


async def serve_web(
    handle: Handler, listeners: Sequence[trio.SocketListener], limits: Limits
) -> NoReturn:
    """Serve *handle* until cancelled, then close *listeners* and every connection.

    What *handle* raises is logged, and answered with a 500.
    """
    server = _Server(handle, limits)
    async with trio.open_nursery() as nursery:
        for listener in listeners:
            nursery.start_soon(server.accept, listener, nursery)
    raise AssertionError("the listeners are open until this is cancelled")


class _Turnstile:
    """Lets so many through in a second."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._next_time = -math.inf

    async def pass_through(self) -> None:
        """Wait for a turn; what is left over of the last second is not lost."""
        earliest = trio.current_time() - 1
        self._next_time = max(self._next_time + self._interval, earliest)
        await trio.sleep_until(self._next_time)


class _Server:
    def __init__(self, handle: Handler, limits: Limits) -> None:
        self._handle = handle
        self._limits = limits
        self._connections = _Turnstile(limits.connections_per_second)
        self._answers = _Turnstile(limits.answers_per_second)
        self._open = 0
        # Those that wait for a request, the longest first.
        self._idle: dict[trio.CancelScope, None] = {}
        self._next_report = -math.inf

    async def accept(
        self, listener: trio.SocketListener, nursery: trio.Nursery
    ) -> NoReturn:
        """Take connections until cancelled, and close *listener*."""
        async with listener:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as error:
                    # There is no descriptor, or no memory, for another.
                    self._report(error)
                    await trio.sleep(_RETRY_SECONDS)
                    continue
                nursery.start_soon(self._serve_connection, stream)
                await self._connections.pass_through()

    def _report(self, error: OSError) -> None:
        now = trio.current_time()
        if now >= self._next_report:
            self._next_report = now + _REPORT_SECONDS
            logger.warning("cannot take a connection over HTTP: %s", error.strerror)

    async def _serve_connection(self, stream: trio.SocketStream) -> None:
        """Serve one connection until it ends, and close it."""
        connection = Connection(stream)
        self._open += 1
        try:
            if self._make_room():
                await self._serve_requests(connection)
                await connection.aclose()
        except ClientLeftError:
            pass
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            # It does not read its answer, or left before it.
            pass
        # A mistake in what answers must not end the server.
        except Exception:
            logger.exception("a request over HTTP failed")
        finally:
            self._open -= 1
            stream.socket.close()

    def _make_room(self) -> bool:
        """Let the connection that idles longest go, if there are too many."""
        if self._open <= self._limits.max_connections:
            return True
        if not self._idle:
            return False
        longest = next(iter(self._idle))
        del self._idle[longest]
        longest.cancel(reason="another connection takes its place")
        return True

    async def _serve_requests(self, connection: Connection) -> None:
        while True:
            try:
                request = await self._wait_for_request(connection)
            except h11.RemoteProtocolError as error:
                status = error.error_status_hint
                await self._send(connection, Answer.text(f"{error}\n", status))
                return
            if request is None:
                return
            await self._answers.pass_through()
            answer = await self._ask(request)
            if answer is None:
                return
            await self._send(connection, answer)
            if not connection.start_next():
                return

    async def _wait_for_request(self, connection: Connection) -> Request | None:
        with trio.move_on_after(self._limits.idle_seconds) as waiting:
            self._idle[waiting] = None
            try:
                return await connection.receive_request()
            finally:
                self._idle.pop(waiting, None)
        return None

    async def _ask(self, request: Request) -> Answer | None:
        try:
            return await self._handle(request)
        except ClientLeftError:
            raise
        # The one place that takes what a page raises.
        except Exception:
            logger.exception("%s %s failed", request.method, request.path)
            return Answer.text("something failed here; the log says what\n", 500)

    async def _send(self, connection: Connection, answer: Answer) -> None:
        with trio.fail_after(self._limits.write_seconds):
            await connection.send_answer(answer)
