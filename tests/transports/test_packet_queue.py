import pytest
import trio
from trio.testing import MockClock, assert_checkpoints, wait_all_tasks_blocked

from statsd_trio.counters import ListenerCounters
from statsd_trio.transports.packet import Origin, Packet
from statsd_trio.transports.packet_queue import PacketQueue, PacketSendChannel


def open_channel(queue: PacketQueue, name: str = "a") -> PacketSendChannel:
    return queue.open_send_channel(ListenerCounters(name))


def make(size: int, count: int = 1, listener: str = "a") -> list[Packet]:
    return [Packet(b"x" * size, Origin("udp", listener))] * count


def take(queue: PacketQueue, count: int) -> list[Packet]:
    return [queue.receive_nowait() for _ in range(count)]


async def test_packets_of_one_channel_keep_their_order() -> None:
    queue = PacketQueue(1000)
    channel = open_channel(queue)
    sent = [Packet(b"%d" % number, Origin("udp", "a")) for number in range(1000)]
    channel.put_nowait(sent[:400])
    channel.put_nowait(sent[400:])
    channel.close()
    assert [packet async for packet in queue] == sent
    assert (channel.counters.packets, channel.taken, queue.taken) == (1000, 1000, 1000)
    assert channel.counters.bytes == sum(len(packet.data) for packet in sent)


def test_all_packets_find_room_or_none() -> None:
    queue = PacketQueue(2)
    channel = open_channel(queue)
    with pytest.raises(trio.WouldBlock):
        channel.put_nowait(make(1, 3))
    assert (channel.room, channel.counters.packets) == (2, 0)
    channel.put_nowait(make(1, 2))
    assert (channel.room, queue.used, queue.peak) == (0, 2, 2)


def test_a_channel_that_is_full_leaves_the_others_their_room() -> None:
    queue = PacketQueue(10)
    flooded, other = open_channel(queue), open_channel(queue)
    flooded.put_nowait(make(1, 10))
    assert other.room == 10


def test_channels_get_the_same_share_of_bytes_whatever_their_packets_are() -> None:
    queue = PacketQueue(100_000)
    long, short = open_channel(queue), open_channel(queue)
    long.put_nowait(make(8192, 1000, "long"))
    short.put_nowait(make(100, 100_000, "short"))
    taken = take(queue, 40_000)
    costs = {"long": 0, "short": 0}
    for packet in taken:
        costs[packet.origin.listener] += len(packet.data) + 100
    assert costs["long"] == pytest.approx(costs["short"], rel=0.01)


def test_a_packet_longer_than_a_turn_is_paid_for_in_later_turns() -> None:
    queue = PacketQueue(100_000)
    long, short = open_channel(queue), open_channel(queue)
    long.put_nowait(make(65_000, 100, "long"))
    short.put_nowait(make(100, 100_000, "short"))
    taken = take(queue, 20_000)
    long_bytes = sum(
        len(packet.data) for packet in taken if packet.origin.listener == "long"
    )
    assert long_bytes == pytest.approx(20_000 * 200, rel=0.05)


def test_what_was_owed_is_owed_after_the_channel_was_empty() -> None:
    queue = PacketQueue(100_000)
    long, short = open_channel(queue), open_channel(queue)
    short.put_nowait(make(100, 100_000, "short"))
    long_bytes = 0
    # One at a time, so that the channel is empty after each.
    for _ in range(20_000):
        if not long.packets:
            long.put_nowait(make(65_000, 1, "long"))
        packet = queue.receive_nowait()
        if packet.origin.listener == "long":
            long_bytes += len(packet.data)
    assert long_bytes == pytest.approx(20_000 * 200, rel=0.05)


def test_turns_are_not_saved_up() -> None:
    queue = PacketQueue(100_000)
    quiet, busy = open_channel(queue), open_channel(queue)
    busy.put_nowait(make(100, 10_000, "busy"))
    for _ in range(50):
        quiet.put_nowait(make(1, 1, "quiet"))
        take(queue, 100)
    quiet.put_nowait(make(8192, 100, "quiet"))
    taken = [packet.origin.listener for packet in take(queue, 100)]
    assert taken.count("quiet") <= 4


def test_a_channel_that_holds_nothing_costs_nothing() -> None:
    queue = PacketQueue(1000)
    open_channel(queue)
    busy = open_channel(queue)
    busy.put_nowait(make(8192, 1000, "busy"))
    assert len(take(queue, 1000)) == 1000
    with pytest.raises(trio.WouldBlock):
        queue.receive_nowait()


async def test_receiving_is_a_checkpoint() -> None:
    queue = PacketQueue(10)
    open_channel(queue).put_nowait(make(1))
    with assert_checkpoints():
        await queue.receive()


async def test_a_cancelled_receive_takes_nothing() -> None:
    queue = PacketQueue(10)
    channel = open_channel(queue)
    channel.put_nowait(make(1))
    with trio.CancelScope() as scope:
        scope.cancel()
        await queue.receive()
    assert (queue.used, channel.taken) == (1, 0)


async def test_a_receiver_waits_for_a_packet(nursery: trio.Nursery) -> None:
    queue = PacketQueue(10)
    channel = open_channel(queue)
    got: list[Packet] = []

    async def receive() -> None:
        got.append(await queue.receive())

    nursery.start_soon(receive)
    await wait_all_tasks_blocked()
    assert not got
    channel.put_nowait(make(1))
    await wait_all_tasks_blocked()
    assert got == make(1)


async def test_the_queue_ends_when_every_channel_is_closed() -> None:
    queue = PacketQueue(10)
    first, second = open_channel(queue), open_channel(queue)
    first.put_nowait(make(1))
    first.close()
    first.close()
    assert queue.receive_nowait() == make(1)[0]
    with pytest.raises(trio.WouldBlock):
        queue.receive_nowait()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(expect_the_end, queue)
        await wait_all_tasks_blocked()
        second.close()
    with pytest.raises(trio.ClosedResourceError):
        first.put_nowait(make(1))


async def expect_the_end(queue: PacketQueue) -> None:
    with pytest.raises(trio.EndOfChannel):
        await queue.receive()


async def test_a_wait_for_room_is_counted_and_measured(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    queue = PacketQueue(1)
    channel = open_channel(queue)
    await channel.wait_for_room()
    assert channel.counters.waits == 0
    channel.put_nowait(make(1))

    async def take_later() -> None:
        await trio.sleep(3)
        queue.receive_nowait()

    nursery.start_soon(take_later)
    await channel.wait_for_room()
    assert channel.room == 1
    assert channel.counters.waits == 1
    assert channel.counters.longest_wait_seconds == pytest.approx(3)


async def test_a_wait_for_room_can_be_cancelled() -> None:
    queue = PacketQueue(1)
    channel = open_channel(queue)
    channel.put_nowait(make(1))
    with trio.CancelScope() as scope:
        scope.cancel()
        await channel.wait_for_room()
    assert scope.cancelled_caught


async def test_a_closed_queue_tells_whoever_uses_it(nursery: trio.Nursery) -> None:
    queue = PacketQueue(1)
    channel = open_channel(queue)
    channel.put_nowait(make(1))

    async def wait_for_room() -> None:
        with pytest.raises(trio.BrokenResourceError):
            await channel.wait_for_room()

    nursery.start_soon(wait_for_room)
    await wait_all_tasks_blocked()
    await queue.aclose()
    with pytest.raises(trio.BrokenResourceError):
        channel.put_nowait(make(1))
    with pytest.raises(trio.BrokenResourceError):
        await channel.wait_for_room()
    with pytest.raises(trio.ClosedResourceError):
        queue.receive_nowait()
    with pytest.raises(trio.ClosedResourceError):
        await queue.wait_taken()


async def test_waiting_until_all_is_taken_regards_each_channel(
    nursery: trio.Nursery,
) -> None:
    queue = PacketQueue(1000)
    first, second = open_channel(queue, "first"), open_channel(queue, "second")
    await queue.wait_taken()
    first.put_nowait(make(8192, 10))
    second.put_nowait(make(1, 1, "second"))
    is_over = False

    async def wait() -> None:
        nonlocal is_over
        await queue.wait_taken()
        is_over = True

    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    # As many as there were, but not the same.
    first.put_nowait(make(8192, 100))
    while second.packets:
        assert not is_over
        queue.receive_nowait()
        await wait_all_tasks_blocked()
    while first.taken < 10:
        assert not is_over
        queue.receive_nowait()
        await wait_all_tasks_blocked()
    assert is_over
