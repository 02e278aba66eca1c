"""What Unix streams and TCP share, tried on Unix streams."""

import array
import contextlib
import errno
import itertools
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack
from pathlib import Path

import pytest
import trio
from queues import open_queue
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.transports.connection import Connection
from statsd_trio.transports.packet_queue import PacketQueue
from statsd_trio.transports.stream import StreamListener
from statsd_trio.transports.unix import bind_unix_stream

if sys.platform != "win32":
    import resource

Receiving = Callable[..., AbstractAsyncContextManager[PacketQueue]]
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


def is_closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


async def stop(listener: StreamListener) -> list[bytes]:
    """Receive in a scope already cancelled; gives what was taken."""
    send, receive = open_queue(listener.counters, 10_000)
    with trio.CancelScope() as scope:
        scope.cancel()
        await listener.receive(send)
    assert scope.cancelled_caught
    return [packet.data async for packet in receive]


async def test_a_frame_becomes_a_packet(
    path: str, connect: Connect, receiving: Receiving
) -> None:
    listener = bind(path)
    client = connect()
    async with receiving(listener) as packets:
        client.send(frame(b"page.views:1|c\nb:2|g"))
        packet = await packets.receive()
    assert packet.data == b"page.views:1|c\nb:2|g"
    assert packet.origin.transport == "unixstream"
    assert packet.origin.listener == listener.counters.name == f"unixstream://{path}"
    assert (listener.counters.packets, listener.counters.bytes) == (1, 20)


@pytest.mark.skipif("sys.platform != 'linux'", reason="needs SO_PEERCRED")
async def test_the_peer_is_the_process_that_the_kernel_names(
    path: str, connect: Connect, receiving: Receiving
) -> None:
    listener = bind(path)
    client = connect()
    async with receiving(listener) as packets:
        client.send(frame(b"a:1|c"))
        origin = (await packets.receive()).origin
    assert (origin.sender, origin.pid) == (f"pid {os.getpid()}", os.getpid())
    assert (origin.uid, origin.gid) == (os.getuid(), os.getgid())


async def test_frames_of_several_connections_arrive_in_their_order(
    path: str, connect: Connect, receiving: Receiving
) -> None:
    listener = bind(path)
    clients = [connect() for _ in range(3)]
    got: dict[bytes, list[int]] = {}
    async with receiving(listener) as packets:
        for number in range(200):
            for index, client in enumerate(clients):
                client.send(frame(b"%d:%d" % (index, number)))
        for _ in range(600):
            sender, _, place = (await packets.receive()).data.partition(b":")
            got.setdefault(sender, []).append(int(place))
    assert list(got.values()) == [list(range(200))] * 3


async def test_a_full_queue_stops_the_sender_and_drops_nothing(
    path: str, connect: Connect, receiving: Receiving
) -> None:
    listener = bind(path)
    client = connect()
    client.setblocking(False)
    sent = b"".join(frame(b"%d" % number) for number in range(40_000))
    offset = 0
    got: list[bytes] = []
    async with receiving(listener, queue_size=2) as packets:
        for _ in range(3):
            with contextlib.suppress(BlockingIOError):
                while True:
                    offset += client.send(sent[offset : offset + 65536])
            await settle()
        assert offset < len(sent)
        assert packets.used == 2
        while len(got) < 40_000:
            with contextlib.suppress(BlockingIOError):
                offset += client.send(sent[offset : offset + 65536])
            got.append((await packets.receive()).data)
            with contextlib.suppress(trio.WouldBlock):
                while True:
                    got.append(packets.receive_nowait().data)
    assert got == [b"%d" % number for number in range(40_000)]
    assert listener.counters.waits
    assert not listener.counters.refused


async def test_a_connection_that_idles_between_frames_stays(
    path: str, connect: Connect, receiving: Receiving, autojump_clock: MockClock
) -> None:
    listener = bind(path)
    client = connect()
    async with receiving(listener) as packets:
        for _ in range(2):
            client.send(frame(b"a:1|c"))
            await packets.receive()
            await trio.sleep(10_000)
        assert not is_closed(client)


async def test_half_a_frame_closes_its_connection_after_the_limit(
    path: str, connect: Connect, receiving: Receiving, autojump_clock: MockClock
) -> None:
    listener = bind(path)
    slow, other = connect(), connect()
    async with receiving(listener) as packets:
        slow.send(frame(b"a:1|c")[:6])
        await trio.sleep(9.9)
        assert not is_closed(slow)
        await trio.sleep(0.2)
        assert is_closed(slow)
        other.send(frame(b"b:1|c"))
        assert (await packets.receive()).data == b"b:1|c"
    assert listener.counters.refused == {"frame_timeout": 1}


async def test_one_byte_a_second_does_not_extend_the_limit(
    path: str, connect: Connect, receiving: Receiving, autojump_clock: MockClock
) -> None:
    listener = bind(path)
    client = connect()
    sent = 0
    async with receiving(listener):
        for byte in frame(b"x" * 100):
            if is_closed(client):
                break
            client.send(bytes([byte]))
            sent += 1
            await trio.sleep(1)
    assert 10 <= sent <= 11
    assert listener.counters.refused == {"frame_timeout": 1}


async def test_each_frame_has_its_own_limit(
    path: str, connect: Connect, receiving: Receiving, autojump_clock: MockClock
) -> None:
    listener = bind(path)
    client = connect()
    stream = frame(b"a:1|c")
    client.send(stream[:4])
    async with receiving(listener) as packets:
        for _ in range(5):
            await trio.sleep(9)
            client.send(stream[4:] + stream[:4])
            assert (await packets.receive()).data == b"a:1|c"
    assert listener.counters.refused == {"half_frame": 1}


async def test_time_in_a_full_queue_is_not_the_senders(
    path: str, connect: Connect, receiving: Receiving, autojump_clock: MockClock
) -> None:
    listener = bind(path)
    client = connect()
    async with receiving(listener, queue_size=1) as packets:
        client.send(frame(b"a:1|c") * 3 + frame(b"b:1|c")[:6])
        await trio.sleep(100)
        client.send(frame(b"b:1|c")[6:])
        got = [(await packets.receive()).data for _ in range(4)]
    assert got == [b"a:1|c"] * 3 + [b"b:1|c"]


@pytest.mark.parametrize("length", [8193, 2**32 - 1])
async def test_a_frame_too_long_closes_its_connection_only(
    path: str, connect: Connect, receiving: Receiving, length: int
) -> None:
    listener = bind(path)
    bad, good = connect(), connect()
    async with receiving(listener) as packets:
        bad.send(frame(b"a:1|c") + struct.pack("<I", length) + b"x" * 100)
        assert (await packets.receive()).data == b"a:1|c"
        await settle()
        assert is_closed(bad)
        good.send(frame(b"b:1|c"))
        assert (await packets.receive()).data == b"b:1|c"
    assert listener.counters.refused == {"frame_too_long": 1}


@pytest.mark.parametrize("rest", [b"\5", b"\5\0\0\0", b"\5\0\0\0a:1|"])
async def test_a_client_killed_in_a_frame_is_counted(
    path: str, connect: Connect, receiving: Receiving, rest: bytes
) -> None:
    listener = bind(path)
    client = connect()
    async with receiving(listener) as packets:
        client.send(frame(b"a:1|c") + rest)
        client.close()
        assert (await packets.receive()).data == b"a:1|c"
        await settle()
    assert listener.counters.refused == {"half_frame": 1}


async def test_a_client_that_closes_between_frames_is_not(
    path: str, connect: Connect, receiving: Receiving
) -> None:
    listener = bind(path)
    client = connect()
    async with receiving(listener) as packets:
        client.send(frame(b"a:1|c"))
        client.close()
        await packets.receive()
        await settle()
    assert not listener.counters.refused


async def test_the_longest_idle_yields_to_the_new(
    path: str, connect: Connect, receiving: Receiving, autojump_clock: MockClock
) -> None:
    listener = bind(path, max_connections=3)
    async with receiving(listener) as packets:
        clients = []
        for _ in range(3):
            clients.append(connect())
            await trio.sleep(1)
        clients[0].send(frame(b"a:1|c"))
        await packets.receive()
        await trio.sleep(1)
        newcomer = connect()
        newcomer.send(frame(b"n:1|c"))
        assert (await packets.receive()).data == b"n:1|c"
        assert [is_closed(client) for client in clients] == [False, True, False]
    assert listener.counters.refused == {"evicted_idle": 1}


async def test_one_in_the_middle_of_a_frame_yields_last(
    path: str, connect: Connect, receiving: Receiving, autojump_clock: MockClock
) -> None:
    listener = bind(path, max_connections=2)
    async with receiving(listener) as packets:
        busy = connect()
        busy.send(b"\5\0")
        await trio.sleep(1)
        quiet = connect()
        await trio.sleep(1)
        newcomer = connect()
        newcomer.send(frame(b"n:1|c"))
        await packets.receive()
        assert is_closed(quiet)
        assert not is_closed(busy)
        busy.send(frame(b"a:1|c")[2:])
        assert (await packets.receive()).data == b"a:1|c"


async def test_one_that_waits_for_the_queue_is_not_evicted(
    path: str, connect: Connect, receiving: Receiving
) -> None:
    listener = bind(path, max_connections=1)
    client = connect()
    async with receiving(listener, queue_size=1) as packets:
        client.send(frame(b"a:1|c") * 4)
        await settle()
        newcomer = connect()
        newcomer.send(frame(b"n:1|c"))
        await settle()
        assert not listener.counters.refused
        got = [(await packets.receive()).data for _ in range(5)]
    assert got == [b"a:1|c"] * 4 + [b"n:1|c"]
    assert listener.counters.refused == {"evicted_idle": 1}


async def test_what_an_evicted_connection_sent_is_taken(
    path: str, connect: Connect, receiving: Receiving
) -> None:
    listener = bind(path, max_connections=1)
    first = connect()
    async with receiving(listener) as packets:
        await settle()
        # Both become readable at once; whichever is seen first, none is lost.
        second = connect()
        first.send(frame(b"a:1|c") * 50)
        second.send(frame(b"b:1|c"))
        got = sorted([(await packets.receive()).data for _ in range(51)])
    assert got == [b"a:1|c"] * 50 + [b"b:1|c"]


async def test_what_came_since_it_was_chosen_for_eviction_is_taken(
    path: str, connect: Connect, receiving: Receiving
) -> None:
    listener = bind(path)
    client = connect()
    async with receiving(listener) as packets:
        await settle()
        # No checkpoint between the two, so the connection is idle when it is chosen.
        client.send(frame(b"a:1|c") * 50)
        await listener._evict_idle()
        assert is_closed(client)
        assert packets.used == 50
    assert listener.counters.refused == {"evicted_idle": 1}


async def test_a_thousand_and_more_silent_connections_harm_no_one(
    path: str, connect: Connect, receiving: Receiving
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    try:
        listener = bind(path, max_connections=1024)
        async with receiving(listener) as packets:
            for number in range(1100):
                connect()
                if number % 100 == 0:
                    await settle()
            client = connect()
            client.send(frame(b"a:1|c"))
            assert (await packets.receive()).data == b"a:1|c"
            assert len(listener._connections) == 1024
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert listener.counters.refused == {"evicted_idle": 1101 - 1024}


async def test_lacking_descriptors_are_counted_and_the_idle_make_room(
    path: str,
    connect: Connect,
    receiving: Receiving,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listener = bind(path)
    real_accept = listener._accept
    is_short = False

    def accept() -> Connection | None:
        nonlocal is_short
        if is_short:
            is_short = False
            raise OSError(errno.EMFILE, "too many open files")
        return real_accept()

    monkeypatch.setattr(listener, "_accept", accept)
    async with receiving(listener) as packets:
        first = connect()
        await settle()
        is_short = True
        second = connect()
        second.send(frame(b"b:1|c"))
        await packets.receive()
        assert is_closed(first)
    assert listener.counters.refused == {"out_of_descriptors": 1, "evicted_idle": 1}


async def test_lacking_descriptors_with_no_one_idle_are_waited_out(
    path: str,
    connect: Connect,
    receiving: Receiving,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
) -> None:
    listener = bind(path)
    real_accept = listener._accept
    started = trio.current_time()

    def accept() -> Connection | None:
        if trio.current_time() < started + 1:
            raise OSError(errno.ENFILE, "table overflow")
        return real_accept()

    monkeypatch.setattr(listener, "_accept", accept)
    client = connect()
    async with receiving(listener) as packets:
        client.send(frame(b"a:1|c"))
        await packets.receive()
    assert 10 < listener.counters.refused["out_of_descriptors"] < 100


async def test_descriptors_that_a_client_passes_are_not_kept(
    path: str, connect: Connect, receiving: Receiving
) -> None:
    listener = bind(path)
    client = connect()
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]
    async with receiving(listener) as packets:
        client.send(frame(b"a:1|c"))
        await packets.receive()
        before = count_descriptors()
        for _ in range(5):
            client.sendmsg([frame(b"a:1|c")], rights)
            await packets.receive()
        assert count_descriptors() == before


def count_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_a_flood_on_one_connection_lets_others_run(
    path: str, connect: Connect
) -> None:
    listener = bind(path)
    client = connect()
    client.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            client.send(frame(b"x") * 500)
    send, receive = open_queue(listener.counters, 1_000_000)
    counts = [0]
    async with receive, trio.open_nursery() as nursery:
        nursery.start_soon(listener.receive, send)
        while len(counts) < 30:
            await trio.lowlevel.checkpoint()
            counts.append(listener.counters.packets)
        nursery.cancel_scope.cancel()
    steps = [after - before for before, after in itertools.pairwise(counts)]
    assert 0 < max(steps) <= 512


async def test_frames_of_length_zero_let_others_run(
    path: str, connect: Connect
) -> None:
    listener = bind(path)
    client = connect()
    client.setblocking(False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += client.send(bytes(40_000))
    channel, queue = open_queue(listener.counters, 10)
    counts = [0]
    async with queue, trio.open_nursery() as nursery:
        nursery.start_soon(listener.receive, channel)
        while counts[-1] < sent // 4:
            await trio.lowlevel.checkpoint()
            counts.append(listener.counters.refused["empty_frame"])
        nursery.cancel_scope.cancel()
    steps = [after - before for before, after in itertools.pairwise(counts)]
    # One stretch may go unobserved.
    assert 0 < max(steps) <= 2 * 256
    assert listener.counters.refused == {"empty_frame": sent // 4}
    assert listener.counters.dropped_bytes == sent
    assert listener.counters.packets == 0


async def test_many_connections_have_one_turn_between_them(
    path: str, connect: Connect
) -> None:
    listener = bind(path)
    clients = [connect() for _ in range(50)]
    for client in clients:
        client.send(bytes(32_000))
    channel, queue = open_queue(listener.counters, 10)
    counts = [0]
    async with queue, trio.open_nursery() as nursery:
        nursery.start_soon(listener.receive, channel)
        while counts[-1] < 50 * 8000:
            await trio.lowlevel.checkpoint()
            counts.append(listener.counters.refused["empty_frame"])
        nursery.cancel_scope.cancel()
    steps = [after - before for before, after in itertools.pairwise(counts)]
    assert max(steps) <= 2 * 256


async def test_a_busy_connection_leaves_the_others_their_turn(
    path: str, connect: Connect, receiving: Receiving
) -> None:
    listener = bind(path)
    busy, other = connect(), connect()
    busy.setblocking(False)
    async with receiving(listener, queue_size=4) as packets:
        with contextlib.suppress(BlockingIOError):
            while True:
                busy.send(frame(b"x" * 8188))
        await settle()
        other.send(frame(b"a:1|c"))
        before = 0
        while (await packets.receive()).data != b"a:1|c":
            before += 1
    # What the queue held, and what the one whose turn it was had read.
    assert before <= 4 + 4 + 4


async def test_a_pause_of_the_program_is_not_the_senders_fault(
    path: str,
    connect: Connect,
    receiving: Receiving,
    mock_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real_read = Connection.read

    def read_and_pause(self: Connection, max_bytes: int) -> bytes:
        # As a SIGSTOP in the middle of a frame that is all there.
        mock_clock.jump(15)
        return real_read(self, max_bytes)

    monkeypatch.setattr(Connection, "read", read_and_pause)
    listener = bind_unix_stream(
        path, buffer_size=100_000, max_connections=10, frame_timeout_seconds=10
    )
    client = connect()
    client.send(frame(b"x" * 100_000))
    async with receiving(listener) as packets:
        assert (await packets.receive()).data == b"x" * 100_000
    assert not listener.counters.refused


async def test_after_such_a_pause_one_that_is_late_is_closed(
    path: str, connect: Connect, receiving: Receiving, mock_clock: MockClock
) -> None:
    listener = bind(path)
    client = connect()
    async with receiving(listener):
        client.send(frame(b"a:1|c")[:6])
        await settle()
        client.send(frame(b"a:1|c")[6:8])
        mock_clock.jump(15)
        await settle()
        assert is_closed(client)
    assert listener.counters.refused == {"frame_timeout": 1}
    assert listener.counters.dropped_bytes == 8


async def test_the_path_is_gone_after_a_stop(path: str) -> None:
    listener = bind(path)
    await stop(listener)
    with pytest.raises(FileNotFoundError):
        os.lstat(path)


async def test_an_error_of_the_listening_socket_is_counted_and_tried_again(
    path: str,
    connect: Connect,
    receiving: Receiving,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
) -> None:
    listener = bind(path)
    real_accept = listener._accept
    is_broken = False

    def accept() -> Connection | None:
        if is_broken:
            raise OSError(errno.EINVAL, "broken")
        return real_accept()

    monkeypatch.setattr(listener, "_accept", accept)
    async with receiving(listener) as packets:
        first = connect()
        await settle()
        is_broken = True
        second = connect()
        second.send(frame(b"b:1|c"))
        await trio.sleep(0.1)
        assert listener.counters.failure == "broken"
        # The connections that there are go on.
        first.send(frame(b"a:1|c"))
        assert (await packets.receive()).data == b"a:1|c"
        is_broken = False
        assert (await packets.receive()).data == b"b:1|c"
        assert not listener.counters.failure
    assert listener.counters.failures


async def test_an_aborted_connection_is_counted(
    path: str, connect: Connect, receiving: Receiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = bind(path)
    real_accept = listener._accept
    calls = 0

    def accept() -> Connection | None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError(errno.ECONNABORTED, "aborted")
        return real_accept()

    monkeypatch.setattr(listener, "_accept", accept)
    client = connect()
    async with receiving(listener) as packets:
        client.send(frame(b"a:1|c"))
        await packets.receive()
    assert listener.counters.refused == {"network_error": 1}
