import contextlib
import errno
import socket
import struct
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
import trio
from bound import host_and_port
from queues import open_queue
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.transports.packet_queue import PacketQueue
from statsd_trio.transports.stream import StreamListener
from statsd_trio.transports.tcp import bind_tcp

Receiving = Callable[..., AbstractAsyncContextManager[PacketQueue]]

pytestmark = pytest.mark.usefixtures("no_leaks")


async def bind(host: str = "127.0.0.1", port: int = 0) -> list[StreamListener]:
    return await bind_tcp(
        host, port, buffer_size=8192, max_connections=10, frame_timeout_seconds=10
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_lines_become_packets_that_name_their_sender(
    host: str, receiving: Receiving
) -> None:
    [listener] = await bind(host)
    async with (
        receiving(listener) as packets,
        await trio.open_tcp_stream(*listener.address) as client,
    ):
        await client.send_all(b"a:1|c\nb:1|c\nc:1")
        packet = await packets.receive()
        port = client.socket.getsockname()[1]
    assert packet.data == b"a:1|c\nb:1|c\n"
    assert packet.origin.transport == "tcp"
    bracketed = f"[{host}]" if ":" in host else host
    assert packet.origin.sender == f"{bracketed}:{port}"
    assert packet.origin.listener == listener.counters.name
    assert listener.counters.name == f"tcp://{bracketed}:{listener.address[1]}"


async def test_a_line_without_its_newline_is_refused_at_the_end(
    receiving: Receiving,
) -> None:
    # A client killed in the middle of `a:10|c` may have sent `a:1|c`.
    [listener] = await bind()
    async with receiving(listener) as packets:
        client = await trio.open_tcp_stream(*listener.address)
        await client.send_all(b"a:1|c\na:1|c")
        await client.aclose()
        assert (await packets.receive()).data == b"a:1|c\n"
        while listener._connections:
            await listener._changed.park()
    assert listener.counters.refused == {"half_frame": 1}


async def test_a_reset_is_a_close(receiving: Receiving) -> None:
    [listener] = await bind()
    async with receiving(listener) as packets:
        with socket.create_connection(host_and_port(listener.address)) as client:
            client.send(b"a:1|c\n")
            await packets.receive()
            client.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        while listener._connections:
            await listener._changed.park()
    assert not listener.counters.refused


async def test_a_line_without_end_closes_its_connection(receiving: Receiving) -> None:
    [listener] = await bind()
    async with (
        receiving(listener),
        await trio.open_tcp_stream(*listener.address) as client,
    ):
        with contextlib.suppress(trio.BrokenResourceError):
            while True:
                await client.send_all(b"x" * 1000)
    assert listener.counters.refused == {"frame_too_long": 1}


async def test_a_stop_does_not_wait_for_a_sender_that_goes_on(
    autojump_clock: MockClock,
) -> None:
    [listener] = await bind()
    send, receive = open_queue(listener.counters, 1)
    with socket.create_connection(host_and_port(listener.address)) as client:
        client.setblocking(False)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.receive, send)
            for _ in range(5):
                client.send(b"a:1|c\n")
                await wait_all_tasks_blocked(0.01)
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                started = trio.current_time()
                async for _ in receive:
                    with contextlib.suppress(OSError):
                        client.send(b"a:1|c\n" * 10)
                    await trio.sleep(0.1)
    assert trio.current_time() - started < 1


async def test_every_address_of_the_name_listens_on_one_port(
    resolve_to: Callable[..., None],
) -> None:
    resolve_to("127.0.0.1", "::1")
    listeners = await bind("x")
    for listener in listeners:
        listener.close()
    assert len({listener.address[1] for listener in listeners}) == 1
    assert len(listeners) == 2


async def test_a_taken_port_is_named(resolve_to: Callable[..., None]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", 0))
        taken.listen()
        port = taken.getsockname()[1]
        resolve_to("127.0.0.1", "127.0.0.2")
        with pytest.raises(OSError, match=rf"tcp://127\.0\.0\.2:{port}") as caught:
            await bind("x", port)
        assert caught.value.errno == errno.EADDRINUSE


async def test_a_restart_does_not_wait_for_the_last_runs_connections(
    receiving: Receiving,
) -> None:
    [listener] = await bind()
    async with (
        receiving(listener) as packets,
        await trio.open_tcp_stream(*listener.address) as client,
    ):
        await client.send_all(b"a:1|c\n")
        await packets.receive()
    [again] = await bind(port=host_and_port(listener.address)[1])
    again.close()
