"""The stop of a stream listener: what waits is read, what is left is counted."""

import contextlib
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio
from bound import host_and_port
from queues import open_queue
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.transports import drain
from statsd_trio.transports.stream import StreamListener
from statsd_trio.transports.tcp import bind_tcp
from statsd_trio.transports.unix import bind_unix_stream, open_unix_stream_listener

Connect = Callable[[], socket.socket]

pytestmark = [
    pytest.mark.usefixtures("no_leaks"),
    pytest.mark.skipif("sys.platform == 'win32'", reason="no Unix sockets in Python"),
]


def frame(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def bind(path: str, *, max_connections: int = 1024) -> StreamListener:
    return bind_unix_stream(
        path,
        buffer_size=8192,
        max_connections=max_connections,
        frame_timeout_seconds=10,
    )


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "dsd.socket")


@pytest.fixture
def connect(path: str) -> Iterator[Connect]:
    """Open a connection to *path*, closed at the end of the test."""
    with ExitStack() as stack:

        def connect() -> socket.socket:
            client = stack.enter_context(
                socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            )
            client.connect(path)
            return client

        yield connect


async def settle() -> None:
    """Let the listener take all that was sent; no wait on any clock."""
    for _ in range(3):
        await trio.lowlevel.checkpoint()
        await wait_all_tasks_blocked()


async def stop(listener: StreamListener) -> list[bytes]:
    """Receive in a scope already cancelled; gives what was taken."""
    channel, queue = open_queue(listener.counters, 10_000)
    with trio.CancelScope() as scope:
        scope.cancel()
        await listener.receive(channel)
    assert scope.cancelled_caught
    return [packet.data async for packet in queue]


def fill(client: socket.socket, piece: bytes) -> int:
    """Send *piece* as often as fits, always whole; gives how often."""
    client.setblocking(False)
    sent = 0
    while True:
        try:
            taken = client.send(piece)
        except BlockingIOError:
            return sent
        assert taken == len(piece)
        sent += 1


async def test_a_stop_takes_what_was_sent_before_it(
    path: str, connect: Connect
) -> None:
    listener = bind(path)
    clients = [connect() for _ in range(3)]
    for client in clients:
        client.send(frame(b"a:1|c") * 100)
    assert await stop(listener) == [b"a:1|c"] * 300
    assert listener.counters.packets == 300
    assert not listener.counters.refused


async def test_a_stop_counts_the_frame_that_is_not_complete(
    path: str, connect: Connect
) -> None:
    listener = bind(path)
    client = connect()
    client.send(frame(b"a:1|c") + b"\5\0")
    assert await stop(listener) == [b"a:1|c"]
    assert listener.counters.refused == {"half_frame": 1}


async def test_a_stop_loses_nothing_while_the_queue_is_full(
    path: str, connect: Connect, mock_clock: MockClock
) -> None:
    # The clock stands still, so that the stop has all the time that it needs.
    listener = bind(path)
    client = connect()
    client.send(b"".join(frame(b"%d" % number) for number in range(1000)))
    send, receive = open_queue(listener.counters, 1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.receive, send)
        await settle()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            got = [packet.data async for packet in receive]
    assert got == [b"%d" % number for number in range(1000)]


async def test_a_stop_does_not_wait_for_a_sender_that_goes_on(
    path: str, connect: Connect, autojump_clock: MockClock
) -> None:
    listener = bind(path)
    client = connect()
    client.setblocking(False)
    send, receive = open_queue(listener.counters, 1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.receive, send)
        client.send(frame(b"a:1|c"))
        await settle()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            got = 0
            async for _ in receive:
                got += 1
                with contextlib.suppress(OSError):
                    client.send(frame(b"a:1|c") * 10)
                await trio.sleep(0.01)
    assert got < 1000


async def test_a_stop_ends_after_two_seconds(
    path: str, connect: Connect, autojump_clock: MockClock
) -> None:
    listener = bind(path)
    client = connect()
    client.send(frame(b"x" * 8192) * 20)
    send, receive = open_queue(listener.counters, 1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.receive, send)
        await settle()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            started = trio.current_time()
            async for _ in receive:
                await trio.sleep(0.5)
    # One read is finished: it holds four such frames at most.
    assert trio.current_time() - started < 2 + 5 * 0.5


async def test_a_stop_leaves_the_backlog_of_a_socket_handed_in(path: str) -> None:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(path)
    sock.listen()
    with (
        sock.dup() as successor,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client,
    ):
        listener = open_unix_stream_listener(
            sock, buffer_size=8192, max_connections=10, frame_timeout_seconds=10
        )
        client.connect(path)
        client.send(b"for the next")
        assert await stop(listener) == []
        accepted, _ = successor.accept()
        with accepted:
            assert accepted.recv(100) == b"for the next"


async def test_a_stop_counts_all_that_a_slow_processor_left_of_many_connections(
    path: str, connect: Connect, autojump_clock: MockClock
) -> None:
    listener = bind(path)
    counters = listener.counters
    clients = [connect() for _ in range(40)]
    channel, queue = open_queue(counters, 4)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.receive, channel)
        await settle()
        sent = sum(fill(client, frame(b"x" * 1000)) for client in clients)
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            started = trio.current_time()
            async for _ in queue:
                await trio.sleep(0.1)
    assert trio.current_time() - started < 2 + 0.5 + 4 * 0.1 + 0.1
    assert counters.packets < 50
    assert counters.packets + counters.refused["stop"] == sent
    assert 1004 * sent == counters.bytes + 4 * counters.packets + counters.dropped_bytes


async def test_connections_are_read_side_by_side_at_a_stop(
    path: str, connect: Connect, autojump_clock: MockClock
) -> None:
    listener = bind(path)
    channel, queue = open_queue(listener.counters, 1)
    clients = [connect() for _ in range(5)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.receive, channel)
        await settle()
        for number, client in enumerate(clients):
            fill(client, frame(b"%d" % number + b"x" * 8000))
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            first: list[bytes] = []
            async for packet in queue:
                first.append(packet.data[:1])
                await trio.sleep(0.02)
    assert min(first.count(b"%d" % number) for number in range(5)) > 15


async def test_what_there_is_no_time_to_look_at_is_counted_in_bytes(
    path: str,
    connect: Connect,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drain, "MAX_COUNT_SECONDS", 0)
    listener = bind(path)
    counters = listener.counters
    channel, queue = open_queue(counters, 1)
    client = connect()
    sent = fill(client, frame(b"x" * 1000))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.receive, channel)
        await settle()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            async for _ in queue:
                await trio.sleep(1)
    # What had been read was looked at, and nothing else.
    assert counters.refused["stop"] <= 100
    assert counters.packets < 10
    assert 1004 * sent == counters.bytes + 4 * counters.packets + counters.dropped_bytes


async def test_lines_over_tcp_that_are_left_are_counted(
    autojump_clock: MockClock,
) -> None:
    [listener] = await bind_tcp(
        "127.0.0.1", 0, buffer_size=8192, max_connections=10, frame_timeout_seconds=10
    )
    counters = listener.counters
    channel, queue = open_queue(counters, 1)
    line = b"page.views:1|c\n"
    # It fits into the receive buffer: what does not is no matter of ours yet.
    sent = 4000
    with socket.create_connection(host_and_port(listener.address)) as client:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.receive, channel)
            client.sendall(line * sent)
            await wait_all_tasks_blocked(0.01)
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                read = 0
                async for packet in queue:
                    read += packet.data.count(b"\n")
                    await trio.sleep(0.5)
    assert counters.refused["stop"] > 0
    assert read + counters.refused["stop"] == sent
    assert counters.bytes + counters.dropped_bytes == sent * len(line)


async def test_what_nobody_takes_any_more_is_counted(
    path: str, connect: Connect
) -> None:
    listener = bind(path)
    counters = listener.counters
    channel, queue = open_queue(counters, 3)
    sent = fill(connect(), frame(b"x" * 1000))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.receive, channel)
        await settle()
        queue.close()
    assert counters.packets == 3
    assert counters.refused == {"stop": sent - 3}


async def test_after_a_frame_too_long_the_rest_is_bytes(
    path: str, connect: Connect
) -> None:
    listener = bind(path)
    connect().send(frame(b"a:1|c") + struct.pack("<I", 9000) + bytes(40_000))
    assert await stop(listener) == [b"a:1|c"]
    assert listener.counters.refused == {"frame_too_long": 1}
    assert listener.counters.dropped_bytes == 40_004


async def test_more_connections_than_allowed_are_read_at_a_stop(
    path: str, connect: Connect
) -> None:
    listener = bind(path, max_connections=2)
    for _ in range(20):
        connect().send(frame(b"a:1|c"))
    assert await stop(listener) == [b"a:1|c"] * 20
