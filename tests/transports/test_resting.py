"""A busy reader rests between two readings, on the virtual clock."""

import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.transports import unix
from statsd_trio.transports.packet_queue import PacketQueue
from statsd_trio.transports.udp import UdpListener, bind_udp
from statsd_trio.transports.unix import bind_unix_datagram

Receiving = Callable[..., AbstractAsyncContextManager[PacketQueue]]

pytestmark = pytest.mark.usefixtures("no_leaks", "read_each_way")


class Traffic:
    """Sends to one listener, and knows when it read what."""

    def __init__(self, client: socket.socket, queue: PacketQueue) -> None:
        self.client = client
        self.queue = queue
        self.sent: list[float] = []
        self.read: list[float] = []

    async def send(self, packets: int, gap: float) -> None:
        for _ in range(packets):
            await trio.sleep(gap)
            self.client.send(b"a:1|c")
            self.sent.append(trio.current_time())

    async def take(self) -> None:
        async for _ in self.queue:
            self.read.append(trio.current_time())

    @property
    def readings(self) -> int:
        return len(set(self.read))

    @property
    def delays(self) -> list[float]:
        pairs = zip(self.sent, self.read, strict=True)
        return [read - sent for sent, read in pairs]


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        yield sock


@asynccontextmanager
async def run_traffic(
    listener: UdpListener, client: socket.socket, receiving: Receiving
) -> AsyncIterator[Traffic]:
    client.connect(listener.address)
    async with receiving(listener) as queue, trio.open_nursery() as nursery:
        traffic = Traffic(client, queue)
        nursery.start_soon(traffic.take)
        yield traffic
        await trio.sleep(0.1)
        nursery.cancel_scope.cancel()


async def bind(max_rest_seconds: float = 0.01) -> UdpListener:
    [listener] = await bind_udp(
        "127.0.0.1",
        0,
        buffer_size=8192,
        receive_buffer_bytes=8 << 20,
        max_rest_seconds=max_rest_seconds,
    )
    return listener


async def test_packets_that_come_fast_are_read_many_at_once(
    udp: socket.socket, receiving: Receiving, autojump_clock: MockClock
) -> None:
    async with run_traffic(await bind(), udp, receiving) as traffic:
        await traffic.send(1000, 0.001)
    assert traffic.readings <= 110
    assert max(traffic.delays) <= 0.0101


async def test_without_a_rest_each_is_read_at_once(
    udp: socket.socket, receiving: Receiving, autojump_clock: MockClock
) -> None:
    async with run_traffic(await bind(0), udp, receiving) as traffic:
        await traffic.send(100, 0.001)
    assert traffic.readings == 100
    assert max(traffic.delays) == 0


async def test_packets_that_come_seldom_are_read_at_once(
    udp: socket.socket, receiving: Receiving, autojump_clock: MockClock
) -> None:
    async with run_traffic(await bind(), udp, receiving) as traffic:
        await traffic.send(100, 0.021)
    assert max(traffic.delays) == 0


async def test_the_first_after_a_quiet_time_is_read_at_once(
    udp: socket.socket, receiving: Receiving, autojump_clock: MockClock
) -> None:
    async with run_traffic(await bind(), udp, receiving) as traffic:
        await traffic.send(100, 0.001)
        await trio.sleep(1)
        traffic.sent.clear()
        traffic.read.clear()
        await traffic.send(1, 0)
        await wait_all_tasks_blocked()
        assert traffic.delays == [0]


async def test_a_stop_does_not_wait_for_the_end_of_a_rest(
    udp: socket.socket, receiving: Receiving, autojump_clock: MockClock
) -> None:
    listener = await bind()
    udp.connect(listener.address)
    async with receiving(listener) as queue:
        for _ in range(10):
            udp.send(b"a:1|c")
            await trio.sleep(0.0015)
        assert listener.counters.packets < 10
        stopped = trio.current_time()
    assert trio.current_time() == stopped
    assert queue.used == listener.counters.packets == 10


async def test_a_rest_can_be_ended(
    udp: socket.socket, receiving: Receiving, autojump_clock: MockClock
) -> None:
    listener = await bind()
    udp.connect(listener.address)
    async with receiving(listener):
        for _ in range(10):
            udp.send(b"a:1|c")
            await trio.sleep(0.0015)
        assert listener.counters.packets < 10
        began = trio.current_time()
        await listener.end_rest()
        assert listener.counters.packets == 10
        assert trio.current_time() == began
        # Without one it is none of its business.
        await trio.sleep(1)
        await listener.end_rest()


@pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux tells the limit")
@pytest.mark.parametrize("length", [10, 512])
async def test_a_unix_socket_rests_where_it_holds_enough(
    length: int,
    tmp_path: Path,
    receiving: Receiving,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit = tmp_path / "max_dgram_qlen"
    limit.write_text(f"{length}\n")
    monkeypatch.setattr(unix, "_QUEUE_LENGTH_FILE", limit)
    path = str(tmp_path / "x")
    listener = bind_unix_datagram(path, buffer_size=8192, max_rest_seconds=0.01)
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as client:
        client.connect(path)
        async with receiving(listener):
            read: list[int] = []
            for _ in range(100):
                client.send(b"a:1|c")
                await trio.sleep(0.0005)
                read.append(listener.counters.packets)
    assert len(set(read)) == 100 if length == 10 else len(set(read)) < 50
