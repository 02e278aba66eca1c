import errno
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.web import (
    Answer,
    ClientLeftError,
    Handler,
    Limits,
    Page,
    Pages,
    Request,
    serve_web,
)

Serve = Callable[..., Awaitable[trio.SocketStream]]


async def say_hello() -> Answer:
    await trio.lowlevel.checkpoint()
    return Answer.text("hello")


HELLO = Pages({"/": Page(say_hello)}).handle


@asynccontextmanager
async def serving(
    handle: Handler = HELLO, limits: Limits | None = None
) -> AsyncIterator[int]:
    """Serve on a free port, which is given."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_web, handle, [listener], limits or Limits())
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
        ("GET /%2e HTTP/1.1", 404, b"there is no such page\n"),
        ("GET http://x/ HTTP/1.1", 404, b"there is no such page\n"),
        ("DELETE / HTTP/1.1", 405, b""),
        ("CONNECT x:1 HTTP/1.1", 404, b"there is no such page\n"),
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


async def read_body(request: Request) -> Answer:
    body = b""
    while piece := await request.receive_data():
        body += piece
    return Answer(pieces=(body, b"!"))


async def test_body_is_read_whole_however_it_comes() -> None:
    chunked = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with (
        serving(read_body) as port,
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
        serving(read_body) as port,
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

    async def handle(request: Request) -> Answer:
        try:
            return await read_body(request)
        except BaseException as error:
            raised.append(error)
            ended.set()
            raise

    head = ("POST / HTTP/1.1", "Transfer-Encoding: chunked")
    async with serving(handle) as port:
        await ask_and_leave(port, write_request(*head, body=rest))
        await ended.wait()
    assert isinstance(raised[0], ClientLeftError)


async def ask_and_leave(port: int, request: bytes) -> None:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(request)


async def test_work_ends_when_its_client_leaves() -> None:
    began, cancelled = trio.Event(), trio.Event()

    async def work() -> Answer:
        began.set()
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()
        raise AssertionError

    async with serving(Pages({"/": Page(work)}).handle) as port:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(write_request())
            await began.wait()
        await cancelled.wait()


async def test_mistake_in_a_page_is_a_500_and_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(request: Request) -> Answer:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError

    async with (
        serving(fail) as port,
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
    async def hang(request: Request) -> Answer:
        await trio.sleep_forever()
        raise AssertionError

    async with serving(hang, Limits(max_connections=2)) as port:
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

    async def handle(request: Request) -> Answer:
        await trio.lowlevel.checkpoint()
        return Answer(pieces=(bytes(20_000_000),))

    async with (
        serving(handle, Limits(write_seconds=30)) as port,
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
    answer = Answer.json({"a": ["é", "\udcff"]})
    assert answer.pieces == ('{"a":["é","\\udcff"]}'.encode(),)
    assert answer.media_type == "application/json"
