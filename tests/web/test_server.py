import errno
import itertools
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import pytest
import trio
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings
from hypercorn.protocol.h11 import H11Protocol
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.web import (
    JsonResponse,
    Limits,
    Page,
    PiecesResponse,
    make_application,
    serve_web,
)


async def say_hello() -> Response:
    await trio.lowlevel.checkpoint()
    return PlainTextResponse("hello")


HELLO = make_application({"/": Page(say_hello)})


def answer_with(handle: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    """Make an application that answers every request by *handle*."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await handle(Request(scope, receive))
        await answer(scope, receive, send)

    return application


@asynccontextmanager
async def serving(
    application: ASGIApp = HELLO, limits: Limits | None = None
) -> AsyncIterator[int]:
    """Serve on a free port, which is given."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_web, application, [listener], limits or Limits())
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def write_request(
    head: str = "GET / HTTP/1.1", *headers: str, body: bytes = b""
) -> bytes:
    lines = [head, "Host: x", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def receive_answer(stream: trio.SocketStream) -> tuple[int, bytes]:
    """Read one answer, and no more."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += await receive_some(stream)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    assert length is not None
    while len(body) < int(length[1]):
        body += await receive_some(stream)
    return int(head.split()[1]), body


async def receive_some(stream: trio.SocketStream) -> bytes:
    piece = bytes(await stream.receive_some())
    assert piece, "the connection was closed"
    return piece


async def receive_all(stream: trio.SocketStream) -> bytes:
    return b"".join([bytes(piece) async for piece in stream])


async def ask(port: int, request: bytes) -> bytes:
    """Send *request*, and read until the server closes."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(request)
        return await receive_all(stream)


async def test_connection_serves_one_request_after_the_other() -> None:
    async with (
        serving() as port,
        await trio.open_tcp_stream("127.0.0.1", port) as stream,
    ):
        for _ in range(3):
            await stream.send_all(write_request())
            assert await receive_answer(stream) == (200, b"hello")


async def test_requests_that_come_together_are_answered_in_turn() -> None:
    last = write_request("GET /missing HTTP/1.1", "Connection: close")
    async with serving() as port:
        answers = await ask(port, write_request() * 2 + last)
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"200", b"404"]


@pytest.mark.parametrize(
    ("head", "status", "body"),
    [
        ("GET / HTTP/1.0", 200, b"hello"),
        ("GET /?a=b HTTP/1.1", 200, b"hello"),
        ("HEAD / HTTP/1.1", 200, b""),
        ("GET /%2e HTTP/1.1", 404, b"there is no page at this address\n"),
        ("GET http://x/ HTTP/1.1", 404, b"there is no page at this address\n"),
        ("DELETE / HTTP/1.1", 405, b""),
        ("CONNECT x:1 HTTP/1.1", 404, b"there is no page at this address\n"),
    ],
)
async def test_each_request_has_its_answer(head: str, status: int, body: bytes) -> None:
    async with serving() as port:
        answer = await ask(port, write_request(head, "Connection: close"))
    told, _, rest = answer.partition(b"\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 %d " % status)
    assert rest == body
    if head.startswith("HEAD"):
        assert b"content-length: 5" in told


async def test_http_2_is_not_spoken() -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    settings = b"\0\0\0\4\0\0\0\0\0"
    async with serving() as port:
        answer = await ask(port, preface + settings)
    assert answer.startswith(b"HTTP/1.1 505 ")


async def test_upgrade_to_http_2_is_passed_over() -> None:
    request = write_request(
        "GET / HTTP/1.1",
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQAAP__",
    )
    async with (
        serving() as port,
        await trio.open_tcp_stream("127.0.0.1", port) as stream,
    ):
        await stream.send_all(request)
        assert await receive_answer(stream) == (200, b"hello")


@pytest.mark.parametrize(
    ("junk", "status"),
    [
        (b"\x00\xff" * 100 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\na: " + b"b" * 20_000, 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
    ],
)
async def test_what_is_not_http_is_refused_and_harms_nobody(
    junk: bytes, status: int
) -> None:
    async with serving() as port:
        assert (await ask(port, junk)).startswith(b"HTTP/1.1 %d " % status)
        answer = await ask(port, write_request("GET / HTTP/1.1", "Connection: close"))
        assert answer.endswith(b"hello")


async def test_client_that_sends_a_body_nobody_wants_still_reads_its_answer() -> None:
    request = write_request("POST / HTTP/1.1", f"Content-Length: {10**6}")
    async with (
        serving() as port,
        await trio.open_tcp_stream("127.0.0.1", port) as stream,
    ):
        await stream.send_all(request + bytes(10**6))
        answer = await receive_all(stream)
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"connection: close" in answer


async def read_body(request: Request) -> Response:
    return PiecesResponse((await request.body(), b"!"), "text/plain")


async def test_body_is_read_whole_however_it_comes() -> None:
    chunked = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with (
        serving(answer_with(read_body)) as port,
        await trio.open_tcp_stream("127.0.0.1", port) as stream,
    ):
        head = "POST / HTTP/1.1"
        await stream.send_all(write_request(head, "Content-Length: 5", body=b"abcde"))
        assert await receive_answer(stream) == (200, b"abcde!")
        chunks = write_request(head, "Transfer-Encoding: chunked", body=chunked)
        await stream.send_all(chunks)
        assert await receive_answer(stream) == (200, b"abcde!")


async def test_client_that_asks_first_is_told_to_go_on() -> None:
    async with (
        serving(answer_with(read_body)) as port,
        await trio.open_tcp_stream("127.0.0.1", port) as stream,
    ):
        head = "POST / HTTP/1.1"
        expecting = ("Content-Length: 2", "Expect: 100-continue")
        await stream.send_all(write_request(head, *expecting))
        assert (await receive_some(stream)).startswith(b"HTTP/1.1 100 ")
        await stream.send_all(b"ab")
        assert await receive_answer(stream) == (200, b"ab!")


@pytest.mark.parametrize("rest", [b"", b"5\r\nab"])
async def test_client_that_leaves_within_its_body_is_noticed(rest: bytes) -> None:
    raised: list[BaseException] = []
    ended = trio.Event()

    async def handle(request: Request) -> Response:
        try:
            return await read_body(request)
        except BaseException as error:
            raised.append(error)
            ended.set()
            raise

    head = ("POST / HTTP/1.1", "Transfer-Encoding: chunked")
    async with serving(answer_with(handle)) as port:
        await ask_and_leave(port, write_request(*head, body=rest))
        await ended.wait()
    assert isinstance(raised[0], ClientDisconnect)


async def ask_and_leave(port: int, request: bytes) -> None:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(request)


async def test_work_ends_when_its_client_leaves() -> None:
    began, cancelled = trio.Event(), trio.Event()

    async def work() -> Response:
        began.set()
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()
        raise AssertionError

    async with serving(make_application({"/": Page(work)})) as port:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(write_request())
            await began.wait()
        await cancelled.wait()


async def test_mistake_in_a_page_is_a_500_and_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(request: Request) -> Response:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError

    async with (
        serving(answer_with(fail)) as port,
        await trio.open_tcp_stream("127.0.0.1", port) as stream,
    ):
        for _ in range(2):
            await stream.send_all(write_request())
            assert (await receive_answer(stream))[0] == 500
    assert "GET / failed" in caplog.text


async def test_new_connection_takes_the_place_of_the_one_that_idles_longest() -> None:
    async with serving(limits=Limits(max_connections=2)) as port:
        streams = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(2)]
        first, second = streams
        for stream in (second, first):
            await stream.send_all(write_request())
            await receive_answer(stream)
        third = await trio.open_tcp_stream("127.0.0.1", port)

        assert await receive_all(second) == b""
        for stream in (first, third):
            await stream.send_all(write_request())
            assert await receive_answer(stream) == (200, b"hello")
            await stream.aclose()
        await second.aclose()


async def test_connection_beyond_those_that_are_busy_is_closed() -> None:
    async def hang(request: Request) -> Response:
        await trio.sleep_forever()
        raise AssertionError

    async with serving(answer_with(hang), Limits(max_connections=2)) as port:
        busy = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(2)]
        for stream in busy:
            await stream.send_all(write_request())
        await wait_all_tasks_blocked(0.05)

        assert await ask(port, b"") == b""

        for stream in busy:
            await stream.aclose()


async def test_connection_without_a_request_is_closed_after_a_while(
    mock_clock: MockClock,
) -> None:
    mock_clock.autojump_threshold = 0.01
    async with serving(limits=Limits(idle_seconds=30)) as port:
        began = trio.current_time()
        assert await ask(port, b"GET / HT") == b""
        assert trio.current_time() - began == pytest.approx(30, abs=1)


async def test_client_that_does_not_read_is_closed_after_a_while(
    mock_clock: MockClock,
) -> None:
    mock_clock.autojump_threshold = 0.01

    async def handle(request: Request) -> Response:
        await trio.lowlevel.checkpoint()
        return Response(bytes(20_000_000))

    async with (
        serving(answer_with(handle), Limits(write_seconds=30)) as port,
        await trio.open_tcp_stream("127.0.0.1", port) as stream,
    ):
        await stream.send_all(write_request())
        await trio.sleep(60)
        received = len(await receive_all(stream))
    assert 0 < received < 20_000_000


async def test_answers_are_given_at_a_bounded_rate(mock_clock: MockClock) -> None:
    mock_clock.autojump_threshold = 0.01
    async with (
        serving(limits=Limits(answers_per_second=10)) as port,
        await trio.open_tcp_stream("127.0.0.1", port) as stream,
    ):
        times: list[float] = []
        for _ in range(31):
            await stream.send_all(write_request())
            await receive_answer(stream)
            times.append(trio.current_time() - 0)
    # Those of one second at once, and then one each tenth.
    assert times[9] - times[0] == 0
    assert times[30] - times[10] == pytest.approx(2)


class CrowdedListener:
    """Has no descriptor for the first few connections."""

    def __init__(self, listener: trio.SocketListener, failures: int) -> None:
        self.socket = listener.socket
        self._listener = listener
        self._failures = failures

    async def accept(self) -> trio.SocketStream:
        if self._failures:
            self._failures -= 1
            await trio.lowlevel.checkpoint()
            raise OSError(errno.EMFILE, "Too many open files")
        return await self._listener.accept()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._listener.aclose()


async def test_lack_of_descriptors_is_waited_out_and_told_once(
    mock_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    mock_clock.autojump_threshold = 0.01
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    crowded: Any = CrowdedListener(listener, failures=20)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_web, HELLO, [crowded], Limits())
        answer = await ask(port, write_request("GET / HTTP/1.1", "Connection: close"))
        nursery.cancel_scope.cancel()
    assert answer.endswith(b"hello")
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "Too many open files" in record.message


def test_json_is_compact_and_takes_any_text() -> None:
    answer = JsonResponse({"a": ["é", "\udcff"]})
    assert answer.body == '{"a":["é","\\udcff"]}'.encode()
    assert answer.media_type == "application/json"


async def test_2000_streams_of_http_2_cost_one_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = H2Connection()
    client.initiate_connection()
    client.remote_settings = Settings(
        client=False, initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: 2000}
    )
    names = {"method": "GET", "path": "/", "scheme": "http", "authority": "x"}
    headers = [(f":{name}", value) for name, value in names.items()]
    for stream_id in range(1, 4001, 2):
        client.send_headers(stream_id, headers, end_stream=True)
    asked = 0

    async def count(request: Request) -> Response:
        nonlocal asked
        asked += 1
        return PlainTextResponse("hello")

    async with serving(answer_with(count)) as port:
        answer = await ask(port, client.data_to_send())
        assert answer.startswith(b"HTTP/1.1 505 ")
        assert answer.count(b"HTTP/") == 2  # the answer's text names it too
        assert asked == 0
        last = write_request("GET / HTTP/1.1", "Connection: close")
        assert (await ask(port, last)).endswith(b"hello")
    assert caplog.records == []


async def test_offers_of_http_2_are_passed_over_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    offer = write_request(
        "GET / HTTP/1.1",
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQAAP__",
    )
    last = write_request("GET / HTTP/1.1", "Connection: close")
    async with serving() as port:
        answers = await ask(port, offer * 200 + last)
    assert answers.count(b"HTTP/1.1 200 ") == 201
    assert b"101" not in answers
    assert caplog.records == []


async def test_websocket_is_refused() -> None:
    request = write_request(
        "GET / HTTP/1.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    async with serving() as port:
        assert (await ask(port, request)).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("path", ["/", "/missing"])
async def test_body_that_is_too_long_has_its_connection_closed(path: str) -> None:
    request = write_request(f"GET {path} HTTP/1.1", f"Content-Length: {10**9}")
    gate = trio.Event()

    async def wait() -> Response:
        await gate.wait()
        raise AssertionError

    application = make_application({"/": Page(wait)})
    async with (
        serving(application, Limits(max_body_bytes=100_000)) as port,
        await trio.open_tcp_stream("127.0.0.1", port) as stream,
    ):
        await stream.send_all(request)
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(bytes(50_000_000))


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_client_with_too_long_a_body_reads_a_413(framing: str) -> None:
    bodies: list[bytes] = []

    async def keep_body(request: Request) -> Response:
        bodies.append(await request.body())
        return PlainTextResponse("kept")

    size = 1024 * 1024
    head, body = f"Content-Length: {size}", bytes(size)
    if framing == "chunks":
        head = "Transfer-Encoding: chunked"
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (size, body)
    request = write_request("POST / HTTP/1.1", head, body=body)
    async with serving(answer_with(keep_body), Limits(max_body_bytes=65_536)) as port:
        answer = await ask(port, request)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in answer.lower()
    assert answer.endswith(b"\r\n\r\nthe body is longer than 65536 bytes\n")
    assert bodies == []


async def test_answer_is_read_by_a_client_whose_long_body_nobody_reads() -> None:
    async def refuse(_: Request) -> Response:
        return PlainTextResponse("not here", 403)

    request = write_request(
        "POST / HTTP/1.1", "Content-Length: 1000000", body=bytes(1_000_000)
    )
    async with serving(answer_with(refuse), Limits(max_body_bytes=65_536)) as port:
        answer = await ask(port, request)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert answer.endswith(b"not here")


@pytest.mark.parametrize("path", ["/", "/missing"])
async def test_body_that_does_not_come_is_not_waited_for(
    mock_clock: MockClock, path: str
) -> None:
    mock_clock.autojump_threshold = 0.01
    request = write_request(f"GET {path} HTTP/1.1", "Content-Length: 5", body=b"ab")

    async def wait() -> Response:
        await trio.sleep_forever()
        raise AssertionError

    application = make_application({"/": Page(wait)})
    async with serving(application, Limits(idle_seconds=30)) as port:
        began = trio.current_time()
        assert await ask(port, request) == b""
        assert trio.current_time() - began == pytest.approx(30, abs=1)


async def test_client_that_leaves_within_an_answer_holds_no_connection() -> None:
    ended = trio.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await Response(bytes(20_000_000))(scope, receive, send)
        finally:
            ended.set()

    async with serving(application, Limits(max_connections=1)) as port:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            # The second request waits behind the answer to the first.
            await stream.send_all(write_request() * 2)
            await stream.receive_some(1)
            await wait_all_tasks_blocked(0.05)
        await ended.wait()
        await wait_all_tasks_blocked(0.05)
        head = write_request("HEAD / HTTP/1.1", "Connection: close")
        assert (await ask(port, head)).startswith(b"HTTP/1.1 200 ")


class EndlessEvents:
    """Events as a page is sent them, without end."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        return b"data: %d\n\n" % next(self._numbers)


async def test_stream_without_end_ends_with_its_client() -> None:
    ended = trio.Event()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        answer = StreamingResponse(EndlessEvents(), media_type="text/event-stream")
        try:
            await answer(scope, receive, send)
        finally:
            # It is told that its client left, or cancelled, whichever comes first.
            ended.set()

    async with serving(application) as port:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(write_request())
            data = b""
            while b"data: 9\n" not in data:
                data += await receive_some(stream)
        await ended.wait()


@pytest.mark.parametrize("begins", [False, True])
async def test_request_that_is_not_answered_has_its_connection_closed(
    begins: bool,
) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.lowlevel.checkpoint()
        if begins:
            start = {"type": "http.response.start", "status": 200, "headers": []}
            await send(start)
            await send({"type": "http.response.body", "body": b"a", "more_body": True})

    async with serving(application) as port:
        answer = await ask(port, write_request())
    assert answer.endswith(b"a\r\n") if begins else answer == b""


async def test_what_breaks_hypercorn_harms_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(protocol: H11Protocol, event: object) -> None:
        await trio.lowlevel.checkpoint()
        raise RuntimeError

    last = write_request("GET / HTTP/1.1", "Connection: close")
    async with serving() as port:
        with monkeypatch.context() as patch:
            patch.setattr(H11Protocol, "handle", fail)
            for _ in range(3):
                assert await ask(port, last) == b""
        assert (await ask(port, last)).endswith(b"hello")
    [record] = caplog.records
    assert "RuntimeError" in record.message
    assert record.exc_info is None
