"""What was recorded and is sent again arrives as it did."""

import itertools
import socket
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.replay.capture import CapturedPacket
from statsd_trio.replay.recording import bind_addresses, record
from statsd_trio.replay.sending import open_sender, replay
from statsd_trio.transports.addresses import Address, parse_address
from statsd_trio.transports.listener import Listener

PACKETS = [
    CapturedPacket(1000.0, "udp", b"a:1|c\nb:2|g"),
    CapturedPacket(1000.5, "udp", b"c:3|h"),
    CapturedPacket(1010.0, "udp", b"d:4|d"),
]


def to_address(listener: Listener) -> Address:
    return parse_address(listener.counters.name)


@pytest.fixture
def udp() -> Address:
    """A free port; nothing else takes it meanwhile."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    return Address("udp", "127.0.0.1", port)


@pytest.mark.skipif("sys.platform == 'win32'", reason="needs Unix sockets")
@pytest.mark.parametrize("transport", ["udp", "unixgram", "unixstream", "tcp", "pipe"])
async def test_what_is_sent_again_is_recorded_as_it_was(
    transport: str, tmp_path: Path
) -> None:
    path = str(tmp_path / "x")
    with socket.socket(socket.AF_INET) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = (
        parse_address(f"{transport}://127.0.0.1:{port}")
        if transport in {"udp", "tcp"}
        else parse_address(f"{transport}://{path}")
    )
    times = itertools.count(5.0)
    got: list[CapturedPacket] = []
    sent: list[CapturedPacket] = []
    listeners = await bind_addresses([address])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            partial(record, listeners, got.append, wall_clock=lambda: next(times))
        )
        async with open_sender(address) as send:
            await replay(PACKETS, send, sent.append, speed=float("inf"))
        while sum(len(packet.data.split()) for packet in got) < 4:
            await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert b"\n".join(packet.data.strip() for packet in got).split() == [
        b"a:1|c",
        b"b:2|g",
        b"c:3|h",
        b"d:4|d",
    ]
    assert sent == PACKETS
    assert got[0].time == 5.0
    assert got[0].source.split()[0] == transport


@pytest.mark.parametrize(("speed", "expected"), [(1, [0, 0.5, 10]), (10, [0, 0.05, 1])])
async def test_packets_keep_their_timing(
    speed: float, expected: list[float], autojump_clock: MockClock
) -> None:
    times: list[float] = []

    async def send(data: bytes) -> None:
        times.append(trio.current_time())
        await trio.lowlevel.checkpoint()

    started = trio.current_time()
    await replay(PACKETS, send, lambda _: None, speed=speed)
    assert [time - started for time in times] == pytest.approx(expected)


async def test_as_fast_as_it_goes_waits_for_nothing_and_lets_others_run(
    autojump_clock: MockClock,
) -> None:
    async def send(data: bytes) -> None:
        """Never wait: a checkpoint is the replay's own."""

    started = trio.current_time()
    with trio.CancelScope() as scope:
        scope.cancel()
        await replay(
            itertools.repeat(PACKETS[0]), send, lambda _: None, speed=float("inf")
        )
    assert scope.cancelled_caught
    assert trio.current_time() == started


async def test_an_address_where_nobody_listens_is_named(tmp_path: Path) -> None:
    address = Address("unixgram", path=str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="cannot send to unix://"):
        async with open_sender(address):
            pytest.fail("it was connected to")


async def test_nothing_stays_bound_when_one_address_is_taken(
    udp: Address, tmp_path: Path
) -> None:
    lacking = Address("unixgram", path=str(tmp_path / "nowhere" / "x"))
    with pytest.raises(FileNotFoundError, match="cannot listen on"):
        await bind_addresses([udp, lacking])
    for listener in await bind_addresses([udp]):
        listener.close()


async def test_a_write_that_fails_ends_the_recording(udp: Address) -> None:
    listeners = await bind_addresses([udp])

    def write(packet: CapturedPacket) -> None:
        raise OSError("disk full")

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"a:1|c", (udp.host, udp.port))
    with pytest.RaisesGroup(
        pytest.RaisesExc(OSError, match="disk full"), flatten_subgroups=True
    ):
        await record(listeners, write)
