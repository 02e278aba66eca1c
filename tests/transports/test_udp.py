import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import trio
from queues import open_queue
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.transports import binding
from statsd_trio.transports.packet import Origin, Packet
from statsd_trio.transports.packet_queue import PacketQueue
from statsd_trio.transports.udp import UdpListener, bind_udp

Receiving = Callable[..., AbstractAsyncContextManager[PacketQueue]]

pytestmark = pytest.mark.usefixtures("no_leaks", "read_each_way")


async def bind_one(
    *, buffer_size: int = 8192, receive_buffer_bytes: int = 1 << 20
) -> UdpListener:
    [listener] = await bind_udp(
        "127.0.0.1",
        0,
        buffer_size=buffer_size,
        receive_buffer_bytes=receive_buffer_bytes,
    )
    return listener


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        yield sock


async def test_a_datagram_becomes_a_packet_that_names_its_sender(
    client: socket.socket, receiving: Receiving
) -> None:
    listener = await bind_one()
    client.connect(listener.address)
    async with receiving(listener) as packets:
        client.send(b"page.views:1|c")
        packet = await packets.receive()
    port = client.getsockname()[1]
    assert packet == Packet(
        b"page.views:1|c",
        Origin("udp", listener.counters.name, f"127.0.0.1:{port}"),
        is_truncated=False,
    )
    assert type(packet) is Packet


async def test_the_packets_of_one_sender_share_their_origin(
    client: socket.socket, receiving: Receiving
) -> None:
    listener = await bind_one()
    client.connect(listener.address)
    async with receiving(listener) as packets:
        client.send(b"a:1|c")
        client.send(b"b:1|c")
        first, second = await packets.receive(), await packets.receive()
    assert first.origin is second.origin


async def test_packets_and_bytes_are_counted(
    client: socket.socket, receiving: Receiving
) -> None:
    listener = await bind_one()
    client.connect(listener.address)
    for _ in range(1000):
        client.send(b"page.views:1|c")
    async with receiving(listener) as packets:
        for _ in range(1000):
            await packets.receive()
    assert (listener.counters.packets, listener.counters.bytes) == (1000, 14_000)


async def test_an_empty_datagram_is_a_packet_without_lines(
    client: socket.socket, receiving: Receiving
) -> None:
    listener = await bind_one()
    client.connect(listener.address)
    async with receiving(listener) as packets:
        client.send(b"")
        packet = await packets.receive()
    assert packet.data == b""
    assert listener.counters.packets == 1


async def test_a_datagram_of_exactly_the_buffer_is_whole(
    client: socket.socket, receiving: Receiving
) -> None:
    listener = await bind_one(buffer_size=20)
    client.connect(listener.address)
    async with receiving(listener) as packets:
        client.send(b"x" * 20)
        packet = await packets.receive()
    assert packet.data == b"x" * 20
    assert not packet.is_truncated


async def test_a_longer_datagram_is_cut_and_says_so(
    client: socket.socket, receiving: Receiving
) -> None:
    listener = await bind_one(buffer_size=20)
    client.connect(listener.address)
    async with receiving(listener) as packets:
        client.send(b"x" * 21)
        packet = await packets.receive()
    assert packet.data == b"x" * 20
    assert packet.is_truncated
    assert listener.counters.truncated == 1
    assert listener.counters.bytes == 20


async def test_a_full_queue_makes_the_reader_wait_and_loses_nothing(
    client: socket.socket, receiving: Receiving
) -> None:
    listener = await bind_one()
    client.connect(listener.address)
    async with receiving(listener, queue_size=2) as packets:
        for number in range(10):
            client.send(b"%d" % number)
        await wait_all_tasks_blocked()
        assert packets.used == 2
        got = [(await packets.receive()).data for _ in range(10)]
    assert got == [b"%d" % number for number in range(10)]
    assert listener.counters.waits >= 1


async def test_a_reader_that_waits_holds_no_packet(
    client: socket.socket, receiving: Receiving
) -> None:
    listener = await bind_one()
    client.connect(listener.address)
    async with receiving(listener, queue_size=2) as packets:
        for _ in range(10):
            client.send(b"a:1|c")
        await wait_all_tasks_blocked()
        assert listener.counters.packets == packets.used == 2
        for _ in range(10):
            await packets.receive()


async def test_the_longest_wait_is_measured(
    client: socket.socket, autojump_clock: MockClock, receiving: Receiving
) -> None:
    listener = await bind_one()
    client.connect(listener.address)
    async with receiving(listener, queue_size=1) as packets:
        client.send(b"a:1|c")
        client.send(b"b:1|c")
        await trio.sleep(3)
        await packets.receive()
        await packets.receive()
    assert listener.counters.longest_wait_seconds == pytest.approx(3, abs=0.01)


async def test_a_cancel_takes_what_waits_for_room_and_in_the_kernel(
    client: socket.socket,
) -> None:
    listener = await bind_one()
    client.connect(listener.address)
    send, receive = open_queue(listener.counters, 2)
    got: list[bytes] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.receive, send)
        for number in range(10):
            client.send(b"%d" % number)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await wait_all_tasks_blocked()
            got.extend([packet.data async for packet in receive])
    assert got == [b"%d" % number for number in range(10)]


async def test_a_stop_empties_a_large_kernel_buffer(client: socket.socket) -> None:
    listener = await bind_one(receive_buffer_bytes=8 << 20)
    client.connect(listener.address)
    send, receive = open_queue(listener.counters, 10_000)
    for _ in range(2000):
        client.send(b"a:1|c")
    with trio.CancelScope() as scope:
        scope.cancel()
        await listener.receive(send)
    listener.refresh_counters()
    assert listener.counters.packets + (listener.counters.kernel_dropped or 0) == 2000
    assert receive.used == listener.counters.packets
    assert listener.counters.packets > 256


async def test_receiving_ends_as_cancelled_with_channel_and_socket_closed() -> None:
    listener = await bind_one()
    send, receive = open_queue(listener.counters, 1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await listener.receive(send)
    assert scope.cancelled_caught
    with pytest.raises(trio.EndOfChannel):
        await receive.receive()
    listener.close()


@pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux tells its drops")
async def test_sent_is_read_plus_dropped_by_the_kernel(
    client: socket.socket, receiving: Receiving
) -> None:
    listener = await bind_one(receive_buffer_bytes=4096)
    client.connect(listener.address)
    for _ in range(500):
        client.send(b"page.views:1|c")
    listener.refresh_counters()
    dropped_before_reading = listener.counters.kernel_dropped
    async with receiving(listener) as packets:
        await packets.receive()
        await wait_all_tasks_blocked()
    counters = listener.counters
    assert dropped_before_reading
    assert counters.kernel_dropped is not None
    assert counters.packets + counters.kernel_dropped == 500


@pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux tells its drops")
async def test_drops_are_known_without_asking_once_closed(
    client: socket.socket,
) -> None:
    listener = await bind_one(receive_buffer_bytes=4096)
    client.connect(listener.address)
    for _ in range(500):
        client.send(b"page.views:1|c")
    listener.close()
    assert listener.counters.kernel_dropped


@pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux tells its drops")
def test_drops_before_a_socket_was_handed_in_are_only_logged(
    client: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.bind(("127.0.0.1", 0))
    client.connect(sock.getsockname())
    for _ in range(100):
        client.send(b"page.views:1|c")
    listener = UdpListener(sock, buffer_size=8192)
    listener.close()
    assert listener.counters.kernel_dropped == 0
    assert "before it was handed in" in caplog.text


async def test_the_buffer_granted_is_in_the_ledger() -> None:
    listener = await bind_one(receive_buffer_bytes=65536)
    listener.close()
    granted = listener.counters.granted_buffer_bytes
    assert granted is not None
    assert granted >= 65536


async def test_a_buffer_smaller_than_asked_is_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener = await bind_one(receive_buffer_bytes=1 << 30)
    listener.close()
    assert "bytes granted, 1073741824 asked" in caplog.text


async def test_every_address_of_the_name_gets_the_same_port(
    resolve_to: Callable[..., None],
) -> None:
    resolve_to("127.0.0.1", "::1", "127.0.0.2")
    listeners = await bind_udp("x", 0, buffer_size=8192, receive_buffer_bytes=0)
    for listener in listeners:
        listener.close()
    assert [listener.address[0] for listener in listeners] == [
        "127.0.0.1",
        "::1",
        "127.0.0.2",
    ]
    assert len({listener.address[1] for listener in listeners}) == 1
    assert listeners[1].counters.name == f"udp://[::1]:{listeners[1].address[1]}"


async def test_an_address_named_twice_is_bound_once(
    resolve_to: Callable[..., None],
) -> None:
    resolve_to("127.0.0.1", "127.0.0.1")
    [listener] = await bind_udp("x", 0, buffer_size=8192, receive_buffer_bytes=0)
    listener.close()


async def test_ipv6_is_received(
    resolve_to: Callable[..., None], receiving: Receiving
) -> None:
    [listener] = await bind_udp("::1", 0, buffer_size=8192, receive_buffer_bytes=0)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.connect(listener.address)
        async with receiving(listener) as packets:
            client.send(b"a:1|c")
            packet = await packets.receive()
        assert packet.origin.sender == f"[::1]:{client.getsockname()[1]}"


async def test_an_address_that_the_machine_lacks_is_skipped(
    resolve_to: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    resolve_to("203.0.113.1", "127.0.0.1")
    [listener] = await bind_udp("x", 0, buffer_size=8192, receive_buffer_bytes=0)
    listener.close()
    assert listener.address[0] == "127.0.0.1"
    assert "not listening on udp://203.0.113.1:0" in caplog.text


async def test_a_name_without_any_address_of_ours_is_refused(
    resolve_to: Callable[..., None],
) -> None:
    resolve_to("203.0.113.1", "203.0.113.2")
    with pytest.raises(OSError, match=r"udp://203\.0\.113\.2:8125") as caught:
        await bind_udp("x", 8125, buffer_size=8192, receive_buffer_bytes=0)
    assert caught.value.errno == errno.EADDRNOTAVAIL


async def test_a_taken_port_is_named_and_nothing_stays_bound(
    resolve_to: Callable[..., None],
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.2", 0))
        port = taken.getsockname()[1]
        resolve_to("127.0.0.1", "127.0.0.2")
        with pytest.raises(OSError, match=rf"udp://127\.0\.0\.2:{port}: Address"):
            await bind_udp("x", port, buffer_size=8192, receive_buffer_bytes=0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(("127.0.0.1", port))


async def test_a_forbidden_port_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*args: object) -> socket.socket:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(binding, "_bind", forbid)
    with pytest.raises(PermissionError, match=r"udp://127\.0\.0\.1:53: Permission"):
        await bind_udp("127.0.0.1", 53, buffer_size=8192, receive_buffer_bytes=0)


async def test_a_name_that_does_not_resolve_is_an_oserror() -> None:
    with pytest.raises(OSError, match="cannot resolve 'no such host'"):
        await bind_udp("no such host", 0, buffer_size=8192, receive_buffer_bytes=0)


async def test_any_port_is_chosen_again_when_the_next_address_has_it_taken(
    resolve_to: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    real_bind = binding._bind

    def bind_once_taken(
        family: socket.AddressFamily, address: tuple[Any, ...], kind: socket.SocketKind
    ) -> socket.socket:
        calls.append(address[1])
        if len(calls) == 2:
            raise OSError(errno.EADDRINUSE, "taken")
        return real_bind(family, address, kind)

    monkeypatch.setattr(binding, "_bind", bind_once_taken)
    resolve_to("127.0.0.1", "127.0.0.2")
    listeners = await bind_udp("x", 0, buffer_size=8192, receive_buffer_bytes=0)
    for listener in listeners:
        listener.close()
    assert len(calls) == 4
    assert calls[0] == calls[2] == 0


async def test_non_local_traffic_binds_every_address_of_the_machine(
    client: socket.socket,
) -> None:
    listeners = await bind_udp(
        "127.0.0.1",
        0,
        buffer_size=8192,
        receive_buffer_bytes=0,
        non_local_traffic=True,
    )
    for listener in listeners:
        listener.close()
    assert "0.0.0.0" in {listener.address[0] for listener in listeners}
