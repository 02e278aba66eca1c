"""One client's connection: its requests, one at a time, and an answer to each."""

import email.utils
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final, TypeVar

import h11
import trio

from statsd_trio.web.messages import Answer

# Far more than a request without a body needs.
_MAX_HEAD_BYTES: Final = 16 * 1024

_READ_BYTES: Final = 64 * 1024

# An answer up to this size leaves in one piece with its head.
_MAX_JOINED_BYTES: Final = 64 * 1024

# How long, and how much, to read on from a client that has had its answer, so that
# closing the connection does not take that answer away from it.
_LINGER_SECONDS: Final = 1.0
_LINGER_BYTES: Final = 1024 * 1024

# Source: RFC 9110, 6.4.1.
_WITHOUT_BODY: Final = frozenset({204, 304})

_T = TypeVar("_T")


class ClientLeftError(Exception):
    """The client closed the connection, or broke it, before it had its answer."""


class Connection:
    """HTTP/1.1 on a stream."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._protocol = h11.Connection(
            h11.SERVER, max_incomplete_event_size=_MAX_HEAD_BYTES
        )
        self._is_head = False

    async def receive_request(self) -> "Request | None":
        """Wait for the head of a request; None if the client closes instead.

        Raises:
            h11.RemoteProtocolError: if it is not HTTP/1.1.
        """
        event = await self._next_event()
        if not isinstance(event, h11.Request):
            return None
        self._is_head = event.method == b"HEAD"
        if event.http_version not in {b"1.0", b"1.1"}:
            raise h11.RemoteProtocolError(
                "only HTTP/1.1 is spoken here", error_status_hint=505
            )
        return Request(event, self)

    async def receive_data(self) -> bytes:
        """Wait for the next piece of a body; empty at its end.

        Raises:
            ClientLeftError: if the client leaves, or breaks off, before its end.
        """
        try:
            event = await self._next_event()
        except h11.RemoteProtocolError as error:
            raise ClientLeftError from error
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def wait_left(self) -> None:
        """Wait until the client closes the connection."""
        if not self._protocol.trailing_data[0]:
            data = await self._receive_some()
            self._protocol.receive_data(data)
            if not data:
                return
        # It sent more than it may before its answer. That waits, and what is behind
        # it is not read, so that it stays bounded.
        await trio.sleep_forever()

    async def send_answer(self, answer: Answer) -> None:
        """Send *answer* to the request that was received last.

        Raises:
            trio.BrokenResourceError: if the client does not take it.
        """
        self._skip_to_end()
        size = sum(map(len, answer.pieces))
        headers = {
            "date": email.utils.formatdate(usegmt=True),
            "content-type": answer.media_type,
        }
        has_body = answer.status not in _WITHOUT_BODY
        if has_body:
            headers["content-length"] = str(size)
        if self._protocol.their_state is h11.SEND_BODY:
            # Nobody is going to read the rest of it.
            headers["connection"] = "close"
        named = [*(headers | dict(answer.headers)).items()]
        head = self._send(h11.Response(status_code=answer.status, headers=named))
        if not has_body or self._is_head:
            await self.stream.send_all(head)
        elif size <= _MAX_JOINED_BYTES:
            parts = [head, *(self._send(h11.Data(data=one)) for one in answer.pieces)]
            await self.stream.send_all(b"".join(parts))
        else:
            await self.stream.send_all(head)
            for piece in answer.pieces:
                await self.stream.send_all(self._send(h11.Data(data=piece)))
        self._send(h11.EndOfMessage())

    def start_next(self) -> bool:
        """Get ready for another request; False if there can be none."""
        if self._protocol.our_state is h11.DONE is self._protocol.their_state:
            self._protocol.start_next_cycle()
            return True
        return False

    async def aclose(self) -> None:
        """Close, but let a client that is still sending read its answer first."""
        try:
            if self._protocol.their_state in {h11.SEND_BODY, h11.ERROR}:
                await self._linger()
        finally:
            self.stream.socket.close()

    def _skip_to_end(self) -> None:
        """Notice the end of a request whose body is here already, or empty."""
        while self._protocol.their_state is h11.SEND_BODY:
            if not isinstance(self._protocol.next_event(), h11.Data | h11.EndOfMessage):
                return

    async def _linger(self) -> None:
        received = 0
        with trio.move_on_after(_LINGER_SECONDS):
            try:
                await self.stream.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            while received < _LINGER_BYTES and (data := await self._receive_some()):
                received += len(data)

    def _send(self, event: h11.Event) -> bytes:
        return self._protocol.send(event) or b""

    async def _next_event(self) -> h11.Event | None:
        """Read until there is an event; None while an answer has to come first."""
        while True:
            event = self._protocol.next_event()
            if event is not h11.NEED_DATA:
                return event if isinstance(event, h11.Event) else None
            if self._protocol.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    await self.stream.send_all(self._send(go_on))
            self._protocol.receive_data(await self._receive_some())

    async def _receive_some(self) -> bytes:
        """Receive something; empty if the client has gone, in whatever way."""
        try:
            return bytes(await self.stream.receive_some(_READ_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""


class Request:
    """The head of a request, and the way to the rest of it.

    Attributes:
        method: in capitals, as it was sent.
        path: decoded; what stands before the question mark.
        query: what stands behind it, as it was sent.
        headers: by their names in lower case; the last of those with one name.
        stream: what the request came on, for whoever wants to do more to it than
            to answer.
    """

    def __init__(self, head: h11.Request, connection: Connection) -> None:
        target = head.target.decode("latin-1")
        path, _, self.query = target.partition("?")
        self.method = head.method.decode("latin-1")
        self.path = urllib.parse.unquote(path)
        self.headers: Mapping[str, str] = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in head.headers
        }
        self.stream = connection.stream
        self._connection = connection

    async def receive_data(self) -> bytes:
        """Wait for the next piece of the body; empty at its end.

        Raises:
            ClientLeftError: if the client leaves, or breaks off, before its end.
        """
        return await self._connection.receive_data()

    async def wait_left(self) -> None:
        """Wait until the client leaves; only once the body has been received."""
        await self._connection.wait_left()

    async def unless_left(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Await *work*, and give it up when the client leaves.

        Raises:
            ClientLeftError: if it does.
        """
        results: list[_T] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cancel_when_left, nursery.cancel_scope)
            results.append(await work())
            nursery.cancel_scope.cancel(reason="the work is done")
        if not results:
            raise ClientLeftError
        return results[0]

    async def _cancel_when_left(self, scope: trio.CancelScope) -> None:
        await self.wait_left()
        scope.cancel(reason="the client left")
