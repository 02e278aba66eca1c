import errno
import socket
from collections.abc import Callable, Iterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.ledger import ListenerCounters
from statsd_trio.transports.datagram import Backlog, DatagramReader
from statsd_trio.transports.packet import Origin, Packet

pytestmark = pytest.mark.usefixtures("no_leaks")

Read = Callable[[int], tuple[bytes, int]]


@pytest.fixture
def readable() -> Iterator[socket.socket]:
    """A socket that is readable for ever; the reader is given fake reads."""
    ours, theirs = socket.socketpair()
    theirs.send(b"x")
    with ours, theirs:
        yield ours


def read_for_ever(size: int) -> tuple[bytes, int]:
    return b"a:1|c", 1


def make_reader(
    sock: socket.socket,
    read: Read,
    backlog: Backlog = Backlog(0, 0, 0),  # noqa: B008 - immutable
    identify: Callable[[int], Origin] = lambda _: Origin("udp", "fake"),
) -> tuple[DatagramReader[int], ListenerCounters]:
    counters = ListenerCounters("fake")
    reader = DatagramReader[int](
        sock,
        buffer_size=100,
        counters=counters,
        read=read,
        identify=identify,
        begin_stop=lambda: backlog,
    )
    return reader, counters


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


async def receive_cancelled(reader: DatagramReader[int], room: int) -> int:
    """Receive in a scope already cancelled; tell how many packets were queued."""
    send, receive = trio.open_memory_channel[Packet](room)
    with trio.CancelScope() as scope:
        scope.cancel()
        await reader.receive(send)
    return len([packet async for packet in receive])


async def test_a_flood_lets_others_run(readable: socket.socket) -> None:
    reader, counters = make_reader(readable, read_for_ever)
    send, receive = trio.open_memory_channel[Packet](1_000_000)
    with receive:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader.receive, send)
            for _ in range(10):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
    assert 0 < counters.packets <= 10 * 256


async def test_a_stop_under_flood_takes_no_more_packets_than_waited(
    readable: socket.socket,
) -> None:
    reader, _ = make_reader(readable, read_for_ever, Backlog(300, 10**9, 0))
    assert await receive_cancelled(reader, 100_000) == 300


async def test_a_stop_under_flood_takes_no_more_bytes_than_waited(
    readable: socket.socket,
) -> None:
    # 5 bytes and 95 of overhead each; looked at after each stretch of 256 packets.
    reader, _ = make_reader(readable, read_for_ever, Backlog(10**9, 50_000, 95))
    assert await receive_cancelled(reader, 100_000) == 512


async def test_a_stop_under_flood_ends_after_two_seconds(
    readable: socket.socket, autojump_clock: MockClock
) -> None:
    reader, counters = make_reader(readable, read_for_ever, Backlog(10**9, 10**9, 0))
    send, receive = trio.open_memory_channel[Packet](1)
    got = 0
    async with trio.open_nursery() as nursery:

        async def receive_cancelled() -> None:
            with trio.CancelScope() as scope:
                scope.cancel()
                await reader.receive(send)

        nursery.start_soon(receive_cancelled)
        started = trio.current_time()
        async for _ in receive:
            await trio.sleep(0.01)
            got += 1
        assert 2 <= trio.current_time() - started < 2.1
    assert got == counters.packets


@pytest.mark.parametrize(
    "number", [errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, 10054]
)
async def test_an_icmp_answer_is_counted_and_survived(
    readable: socket.socket, number: int
) -> None:
    reader, counters = make_reader(
        readable, read_each(OSError(number, "icmp"), (b"a:1|c", 1))
    )
    send, receive = trio.open_memory_channel[Packet](10)
    async with receive, trio.open_nursery() as nursery:
        nursery.start_soon(reader.receive, send)
        assert (await receive.receive()).data == b"a:1|c"
        nursery.cancel_scope.cancel()
    assert counters.refused == {"network_error": 1}


async def test_a_shortage_of_memory_is_waited_out(
    readable: socket.socket, autojump_clock: MockClock
) -> None:
    reader, counters = make_reader(
        readable, read_each(OSError(errno.ENOBUFS, "full"), (b"a:1|c", 1))
    )
    send, receive = trio.open_memory_channel[Packet](10)
    started = trio.current_time()
    async with receive, trio.open_nursery() as nursery:
        nursery.start_soon(reader.receive, send)
        await receive.receive()
        nursery.cancel_scope.cancel()
    assert trio.current_time() > started
    assert counters.refused == {"out_of_memory": 1}


async def test_an_error_of_the_socket_itself_is_raised(readable: socket.socket) -> None:
    reader, counters = make_reader(
        readable, read_each((b"a:1|c", 1), OSError(errno.ENOTSOCK, "gone"))
    )
    send, receive = trio.open_memory_channel[Packet](10)
    with pytest.raises(OSError, match="gone"):
        await reader.receive(send)
    assert counters.packets == 1
    assert receive.receive_nowait().data == b"a:1|c"
    with pytest.raises(trio.EndOfChannel):
        receive.receive_nowait()


async def test_forged_senders_do_not_grow_the_memory_of_senders(
    readable: socket.socket,
) -> None:
    reader, counters = make_reader(
        readable, read_each(*((b"a:1|c", number) for number in range(5000)))
    )
    send, receive = trio.open_memory_channel[Packet](5000)
    with receive:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader.receive, send)
            await wait_until_packets(counters, 5000)
            nursery.cancel_scope.cancel()
    assert len(reader._origins) <= 1024


async def wait_until_packets(counters: ListenerCounters, packets: int) -> None:
    for _ in range(10_000):
        if counters.packets == packets:
            return
        await trio.lowlevel.checkpoint()
    pytest.fail(f"{counters.packets} packets of {packets}")


async def test_a_stop_is_noticed_after_a_wait_for_room(
    readable: socket.socket,
) -> None:
    reader, _ = make_reader(readable, read_for_ever)
    send, receive = trio.open_memory_channel[Packet](2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.receive, send)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            got = [packet.data async for packet in receive]
    assert len(got) == 3


async def test_a_packet_in_hand_outlives_a_cancel(readable: socket.socket) -> None:
    reader, counters = make_reader(readable, read_each((b"first", 1), (b"second", 1)))
    send, receive = trio.open_memory_channel[Packet](1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.receive, send)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await wait_all_tasks_blocked()
            got = [packet.data async for packet in receive]
    assert got == [b"first", b"second"]
    assert counters.waits == 1


async def test_what_a_stop_has_no_time_for_is_counted(
    readable: socket.socket, autojump_clock: MockClock
) -> None:
    read = read_each(*[(b"a:1|c", 1)] * 1000)
    reader, counters = make_reader(readable, read, Backlog(10**9, 10**9, 0))
    send, receive = trio.open_memory_channel[Packet](1)
    async with trio.open_nursery() as nursery:

        async def receive_cancelled() -> None:
            with trio.CancelScope() as scope:
                scope.cancel()
                await reader.receive(send)

        nursery.start_soon(receive_cancelled)
        async for _ in receive:
            await trio.sleep(0.01)
    assert 200 <= counters.packets < 210
    assert counters.packets + counters.refused["stop"] == 1000
