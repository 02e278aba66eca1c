import errno
import socket
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
import trio
from queues import open_queue
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.counters import ListenerCounters
from statsd_trio.transports.datagram import DatagramReader, DrainLimit
from statsd_trio.transports.losses import Losses
from statsd_trio.transports.pacing import ReadingPace
from statsd_trio.transports.packet import Origin
from statsd_trio.transports.packet_queue import PacketQueue, PacketSendChannel
from statsd_trio.transports.receiving import ManyAtOnce, OneByOne

pytestmark = pytest.mark.usefixtures("no_leaks")

Read = Callable[[int], tuple[bytes, int]]

NOTHING = DrainLimit(packets=0, leaves_rest=True)


@pytest.fixture
def readable() -> Iterator[socket.socket]:
    """A socket that is readable for ever; the reader is given fake reads."""
    ours, theirs = socket.socketpair()
    theirs.send(b"x")
    with ours, theirs:
        yield ours


def read_for_ever(size: int) -> tuple[bytes, int]:
    return b"a:1|c", 1


class MakeReader(Protocol):
    def __call__(
        self,
        sock: socket.socket,
        read: Read,
        limit: DrainLimit = NOTHING,
        *,
        capacity: int = 1024,
    ) -> tuple[DatagramReader[int], PacketSendChannel, PacketQueue]: ...


@pytest.fixture(params=["one by one", "many at once"])
def make_reader(request: pytest.FixtureRequest) -> MakeReader:
    """Make a reader of fake reads, and what it feeds."""

    def make(
        sock: socket.socket,
        read: Read,
        limit: DrainLimit = NOTHING,
        *,
        capacity: int = 1024,
    ) -> tuple[DatagramReader[int], PacketSendChannel, PacketQueue]:
        counters = ListenerCounters("fake")
        one_by_one = OneByOne(read, 101)
        # What it gives of the senders is not looked at here.
        receive: Any = lambda *asked: one_by_one(asked[2])  # noqa: E731 - has no type
        many_at_once: Any = ManyAtOnce(sock, receive, 101)
        reader = DatagramReader[int](
            sock,
            buffer_size=100,
            losses=Losses(counters),
            receive_many=one_by_one if request.param == "one by one" else many_at_once,
            identify=lambda _: Origin("udp", "fake"),
            begin_stop=lambda: limit,
            pace=ReadingPace(
                capacity=0, packet_cost=1, byte_cost=0, max_rest_seconds=0
            ),
        )
        return reader, *open_queue(counters, capacity)

    return make


def read_each(*results: object) -> Read:
    """Give or raise *results* in turn, then wait."""
    left = list(results)

    def read(size: int) -> tuple[bytes, int]:
        if not left:
            raise BlockingIOError
        result = left.pop(0)
        if isinstance(result, Exception):
            raise result
        assert isinstance(result, tuple)
        return result

    return read


async def receive_cancelled(
    reader: DatagramReader[int], channel: PacketSendChannel
) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await reader.receive(channel)


async def test_a_flood_lets_others_run(
    readable: socket.socket, make_reader: MakeReader
) -> None:
    reader, channel, queue = make_reader(readable, read_for_ever, capacity=1_000_000)
    with queue:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader.receive, channel)
            for _ in range(10):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
    assert 0 < channel.counters.packets <= 10 * 256


async def test_a_stop_under_flood_takes_no_more_packets_than_waited(
    readable: socket.socket,
    make_reader: MakeReader,
) -> None:
    limit = DrainLimit(packets=300, leaves_rest=True)
    reader, channel, _ = make_reader(readable, read_for_ever, limit, capacity=10_000)
    await receive_cancelled(reader, channel)
    assert channel.counters.packets == 300
    assert not channel.counters.refused


async def test_a_stop_under_flood_takes_no_more_bytes_than_waited(
    readable: socket.socket,
    make_reader: MakeReader,
) -> None:
    # 5 bytes and 95 of overhead each; looked at after each stretch of 256 packets.
    limit = DrainLimit(bytes=50_000, overhead_bytes=95, leaves_rest=True)
    reader, channel, _ = make_reader(readable, read_for_ever, limit, capacity=10_000)
    await receive_cancelled(reader, channel)
    assert channel.counters.packets == 512


async def test_what_comes_after_the_limit_is_counted_up_to_a_bound(
    readable: socket.socket,
    make_reader: MakeReader,
) -> None:
    limit = DrainLimit(packets=300)
    reader, channel, _ = make_reader(readable, read_for_ever, limit, capacity=10_000)
    await receive_cancelled(reader, channel)
    assert channel.counters.packets == 300
    assert channel.counters.refused == {"stop": 16_384}


async def test_a_stop_under_flood_ends_after_two_seconds(
    readable: socket.socket, make_reader: MakeReader, autojump_clock: MockClock
) -> None:
    limit = DrainLimit(leaves_rest=True)
    reader, channel, queue = make_reader(readable, read_for_ever, limit, capacity=1)
    got = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_cancelled, reader, channel)
        started = trio.current_time()
        async for _ in queue:
            await trio.sleep(0.01)
            got += 1
        assert 2 <= trio.current_time() - started < 2.1
    assert got == channel.counters.packets


@pytest.mark.parametrize(
    "number", [errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, 10054]
)
async def test_an_icmp_answer_is_counted_and_survived(
    readable: socket.socket, make_reader: MakeReader, number: int
) -> None:
    read = read_each(OSError(number, "icmp"), (b"a:1|c", 1))
    reader, channel, queue = make_reader(readable, read)
    async with queue, trio.open_nursery() as nursery:
        nursery.start_soon(reader.receive, channel)
        assert (await queue.receive()).data == b"a:1|c"
        nursery.cancel_scope.cancel()
    assert channel.counters.refused == {"network_error": 1}


async def test_an_error_amid_packets_loses_none_of_them(
    readable: socket.socket,
    make_reader: MakeReader,
) -> None:
    icmp = OSError(errno.ECONNREFUSED, "icmp")
    read = read_each((b"first", 1), icmp, (b"second", 1), icmp, (b"third", 1))
    reader, channel, queue = make_reader(readable, read, DrainLimit())
    await receive_cancelled(reader, channel)
    assert [packet.data async for packet in queue] == [b"first", b"second", b"third"]
    assert channel.counters.refused == {"network_error": 2}


@pytest.mark.parametrize("before", [63, 64, 65, 255, 256, 257])
async def test_an_error_is_kept_wherever_it_stands(
    before: int, readable: socket.socket, make_reader: MakeReader
) -> None:
    packets = [(b"%d" % number, 1) for number in range(before)]
    icmp = OSError(errno.ECONNREFUSED, "icmp")
    read = read_each(*packets, icmp, (b"last", 1))
    reader, channel, queue = make_reader(readable, read, DrainLimit())
    await receive_cancelled(reader, channel)
    assert [packet.data async for packet in queue] == [
        *(data for data, _ in packets),
        b"last",
    ]
    assert channel.counters.refused == {"network_error": 1}


async def test_a_shortage_of_memory_is_waited_out(
    readable: socket.socket, make_reader: MakeReader, autojump_clock: MockClock
) -> None:
    read = read_each(OSError(errno.ENOBUFS, "full"), (b"a:1|c", 1))
    reader, channel, queue = make_reader(readable, read)
    started = trio.current_time()
    async with queue, trio.open_nursery() as nursery:
        nursery.start_soon(reader.receive, channel)
        await queue.receive()
        nursery.cancel_scope.cancel()
    assert trio.current_time() > started
    assert channel.counters.refused == {"out_of_memory": 1}


async def test_an_error_of_the_socket_is_counted_and_tried_again(
    readable: socket.socket,
    make_reader: MakeReader,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = OSError(errno.EIO, "broken")
    read = read_each((b"first", 1), broken, broken, (b"second", 1))
    reader, channel, queue = make_reader(readable, read)
    counters = channel.counters
    async with queue, trio.open_nursery() as nursery:
        nursery.start_soon(reader.receive, channel)
        assert (await queue.receive()).data == b"first"
        await trio.sleep(0.1)
        assert counters.failure == "broken"
        assert (await queue.receive()).data == b"second"
        assert trio.current_time() == pytest.approx(0.5 + 1, abs=0.1)
        nursery.cancel_scope.cancel()
    assert (counters.failures, counters.failure) == (2, "")
    assert "fake: receiving failed: broken. Trying again in 0.5 seconds" in caplog.text


async def test_an_error_of_the_socket_at_a_stop_ends_it(
    readable: socket.socket,
    make_reader: MakeReader,
) -> None:
    read = read_each((b"first", 1), OSError(errno.EIO, "broken"), (b"second", 1))
    reader, channel, queue = make_reader(readable, read, DrainLimit())
    await receive_cancelled(reader, channel)
    assert [packet.data async for packet in queue] == [b"first"]
    assert channel.counters.failures == 1
    assert channel.counters.refused == {"stop": 1}


async def test_forged_senders_do_not_grow_the_memory_of_senders(
    readable: socket.socket,
    make_reader: MakeReader,
) -> None:
    read = read_each(*((b"a:1|c", number) for number in range(5000)))
    reader, channel, queue = make_reader(readable, read, capacity=5000)
    with queue:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader.receive, channel)
            await wait_until_packets(channel.counters, 5000)
            nursery.cancel_scope.cancel()
    assert len(reader._origins) <= 1024


async def wait_until_packets(counters: ListenerCounters, packets: int) -> None:
    for _ in range(10_000):
        if counters.packets == packets:
            return
        await trio.lowlevel.checkpoint()
    pytest.fail(f"{counters.packets} packets of {packets}")


async def test_a_stop_is_noticed_while_it_waits_for_room(
    readable: socket.socket,
    make_reader: MakeReader,
) -> None:
    reader, channel, queue = make_reader(readable, read_for_ever, capacity=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.receive, channel)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert len([packet.data async for packet in queue]) == 2


async def test_nothing_is_read_that_finds_no_room(
    readable: socket.socket, make_reader: MakeReader
) -> None:
    read = read_each((b"first", 1), (b"second", 1))
    reader, channel, queue = make_reader(readable, read, capacity=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.receive, channel)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await wait_all_tasks_blocked()
    assert [packet.data async for packet in queue] == [b"first"]
    assert channel.counters.waits == 1
    assert read(101) == (b"second", 1)


async def test_what_a_stop_has_no_time_for_is_counted(
    readable: socket.socket, make_reader: MakeReader, autojump_clock: MockClock
) -> None:
    read = read_each(*[(b"a:1|c", 1)] * 1000)
    reader, channel, queue = make_reader(readable, read, DrainLimit(), capacity=1)
    counters = channel.counters
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_cancelled, reader, channel)
        async for _ in queue:
            await trio.sleep(0.01)
    assert 200 <= counters.packets < 210
    assert counters.packets + counters.refused["stop"] == 1000


async def test_what_nobody_takes_any_more_is_counted(
    readable: socket.socket, make_reader: MakeReader
) -> None:
    read = read_each(*[(b"a:1|c", 1)] * 1000)
    reader, channel, queue = make_reader(readable, read, DrainLimit(), capacity=10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.receive, channel)
        await wait_all_tasks_blocked()
        queue.close()
    assert channel.counters.packets == 10
    assert channel.counters.refused == {"stop": 990}
