import array
import contextlib
import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import trio
from queues import open_queue
from trio.testing import MockClock

from statsd_trio.transports import unix
from statsd_trio.transports.packet_queue import PacketQueue
from statsd_trio.transports.unix import UnixDatagramListener, bind_unix_datagram

Receiving = Callable[..., AbstractAsyncContextManager[PacketQueue]]

pytestmark = [
    pytest.mark.usefixtures("no_leaks", "read_each_way"),
    pytest.mark.skipif("sys.platform == 'win32'", reason="no Unix sockets in Python"),
]
on_linux = pytest.mark.skipif("sys.platform != 'linux'", reason="needs SO_PASSCRED")


def count_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def is_there(path: str) -> bool:
    return Path(path).exists()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "dsd.socket")


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        yield sock


async def test_a_datagram_becomes_a_packet(
    path: str, client: socket.socket, receiving: Receiving
) -> None:
    listener = bind_unix_datagram(path, buffer_size=8192)
    client.connect(path)
    async with receiving(listener) as packets:
        client.send(b"page.views:1|c")
        packet = await packets.receive()
    assert packet.data == b"page.views:1|c"
    assert packet.origin.transport == "unixgram"
    assert packet.origin.listener == listener.counters.name == f"unixgram://{path}"
    assert (listener.counters.packets, listener.counters.bytes) == (1, 14)


@on_linux
async def test_the_sender_is_the_process_that_the_kernel_names(
    path: str, client: socket.socket, receiving: Receiving
) -> None:
    listener = bind_unix_datagram(path, buffer_size=8192)
    client.connect(path)
    async with receiving(listener) as packets:
        client.send(b"a:1|c")
        origin = (await packets.receive()).origin
    assert (origin.pid, origin.uid, origin.gid) == (
        os.getpid(),
        os.getuid(),
        os.getgid(),
    )
    assert origin.sender == f"pid {os.getpid()}"
    assert origin.container_id is None


@on_linux
async def test_descriptors_that_a_client_passes_are_not_kept(
    path: str, client: socket.socket, receiving: Receiving
) -> None:
    listener = bind_unix_datagram(path, buffer_size=8192)
    client.connect(path)
    rights = array.array("i", [0, 1, 2])
    before = count_descriptors()
    async with receiving(listener) as packets:
        for _ in range(5):
            client.sendmsg([b"a:1|c"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            assert (await packets.receive()).data == b"a:1|c"
        assert count_descriptors() == before


@on_linux
async def test_a_container_is_looked_up_once_a_minute(
    path: str,
    client: socket.socket,
    receiving: Receiving,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
) -> None:
    looked_up: list[int] = []

    def look_up(pid: int) -> str:
        looked_up.append(pid)
        return f"container {len(looked_up)}"

    monkeypatch.setattr(unix, "read_container_id", look_up)
    listener = bind_unix_datagram(path, buffer_size=8192, detects_containers=True)
    client.connect(path)
    found: list[str | None] = []
    async with receiving(listener) as packets:
        for seconds in (0, 59, 2):
            await trio.sleep(seconds)
            client.send(b"a:1|c")
            found.append((await packets.receive()).origin.container_id)
    assert found == ["container 1", "container 1", "container 2"]
    assert looked_up == [os.getpid()] * 2


async def test_a_datagram_longer_than_allowed_is_cut(
    path: str, client: socket.socket, receiving: Receiving
) -> None:
    listener = bind_unix_datagram(path, buffer_size=10)
    client.connect(path)
    async with receiving(listener) as packets:
        client.send(b"x" * 11)
        packet = await packets.receive()
    assert (packet.data, packet.is_truncated) == (b"x" * 10, True)


async def test_a_stop_takes_what_was_sent_and_tells_later_senders(
    path: str, client: socket.socket
) -> None:
    listener = bind_unix_datagram(path, buffer_size=8192)
    client.connect(path)
    client.setblocking(False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            client.send(b"%d" % sent)
            sent += 1
    send, receive = open_queue(listener.counters, 1000)
    with trio.CancelScope() as scope:
        scope.cancel()
        await listener.receive(send)
    assert [packet.data async for packet in receive] == [
        b"%d" % number for number in range(sent)
    ]
    with pytest.raises(OSError, match=r"refused|Broken pipe|reset"):
        client.send(b"late")
    assert not is_there(path)


async def test_a_socket_handed_in_stays_open_for_others_after_a_stop(
    path: str, client: socket.socket
) -> None:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    with sock.dup() as successor:
        client.connect(path)
        for _ in range(5):
            client.send(b"a:1|c")
        listener = UnixDatagramListener(sock, buffer_size=8192)
        send, receive = open_queue(listener.counters, 1000)
        with trio.CancelScope() as scope:
            scope.cancel()
            await listener.receive(send)
        assert len([packet async for packet in receive]) == 5
        client.send(b"after")
        assert successor.recv(100) == b"after"
    assert is_there(path)


def test_anyone_may_write_and_only_the_owner_read(path: str) -> None:
    listener = bind_unix_datagram(path, buffer_size=8192)
    mode = stat.S_IMODE(Path(path).stat().st_mode)
    listener.close()
    assert mode == 0o722
