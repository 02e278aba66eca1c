"""Nothing is lost at a stop. Each test fails when the line that it names is removed."""

import contextlib
import socket
import struct
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import attrs
import pytest
import trio
from bound import host_and_port
from trio.testing import MockClock

from statsd_trio import Config, Server, serve
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.flusher import Flusher
from statsd_trio.sinks.memory import MemorySink

AddUp = Callable[[list[Snapshot], str], float]
Send = Callable[..., None]
WallClock = Callable[[], float]

QUIET = Config(host="127.0.0.1", port=0, self_metrics=False)


async def test_what_the_kernel_holds_is_taken(
    memory: MemorySink, send: Send, add_up: AddUp
) -> None:
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(partial(serve, QUIET, sinks=[memory]))
        # No checkpoint between sending and stopping, so the reader sees none of it.
        send(server.addresses[0], *[b"page.views:1|c"] * 200)
        nursery.cancel_scope.cancel()
    assert add_up(memory.snapshots, "page.views") == 200


async def test_channel_is_drained_to_its_end(memory: MemorySink, add_up: AddUp) -> None:
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(partial(serve, QUIET, sinks=[memory]))
        for _ in range(1000):
            assert server.submit(b"page.views:1|c")
        nursery.cancel_scope.cancel()
    assert add_up(memory.snapshots, "page.views") == 1000


async def test_open_bucket_is_sent(
    memory: MemorySink, wall_clock: WallClock, add_up: AddUp
) -> None:
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(
            partial(serve, QUIET, sinks=[memory], wall_clock=wall_clock)
        )
        server.submit(b"page.views:1|c")
        await server.flush()
        # This one's bucket was sent early, so it waits for the next.
        server.submit(b"page.views:2|c")
        nursery.cancel_scope.cancel()
    assert add_up(memory.snapshots, "page.views") == 3


async def test_last_delivery_is_shielded(autojump_clock: MockClock) -> None:
    delivered: list[Snapshot] = []

    async def deliver_slowly(snapshot: Snapshot) -> None:
        await trio.sleep(2)
        delivered.append(snapshot)

    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(
            partial(serve, QUIET, sinks=[deliver_slowly])
        )
        server.submit(b"page.views:1|c")
        nursery.cancel_scope.cancel()
    assert [len(snapshot.series) for snapshot in delivered] == [1]


async def test_last_delivery_is_bounded_and_its_loss_counted(
    autojump_clock: MockClock,
) -> None:
    async def hang(snapshot: Snapshot) -> None:
        await trio.sleep_forever()

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(partial(serve, QUIET, sinks=[hang]))
        server.submit(b"page.views:1|c")
        nursery.cancel_scope.cancel()
    assert trio.current_time() - began == pytest.approx(QUIET.shutdown_seconds)
    (sink,) = server.ledger().sinks
    assert (sink.snapshotted, sink.abandoned, sink.pending) == (1, 1, 0)


async def test_building_the_last_snapshot_is_a_part_of_the_time_for_delivery(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(snapshot: Snapshot) -> None:
        await trio.sleep_forever()

    flush = Flusher.flush

    async def flush_slowly(
        self: Flusher, *, include_open: bool = False, final: bool = False
    ) -> None:
        await trio.sleep(QUIET.shutdown_seconds * 0.75)
        await flush(self, include_open=include_open, final=final)

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(partial(serve, QUIET, sinks=[hang]))
        server.submit(b"page.views:1|c")
        monkeypatch.setattr(Flusher, "flush", flush_slowly)
        nursery.cancel_scope.cancel()
    assert trio.current_time() - began == pytest.approx(QUIET.shutdown_seconds)
    (sink,) = server.ledger().sinks
    assert (sink.snapshotted, sink.abandoned, sink.pending) == (1, 1, 0)


async def test_quiet_server_stops_at_once(mock_clock: MockClock) -> None:
    # The virtual clock stands still: waiting for any time at all would hang.
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve, QUIET, sinks=[MemorySink()]))
        nursery.cancel_scope.cancel()


async def test_flood_does_not_hold_the_stop_up(memory: MemorySink) -> None:
    is_over = threading.Event()
    is_exhausted = threading.Event()

    def flood(address: tuple[str, int]) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for _ in range(10**7):  # a minute of them
                client.sendto(b"page.views:1|c", address)
                if is_over.is_set():
                    return
        is_exhausted.set()

    async with trio.open_nursery() as outer:
        async with trio.open_nursery() as nursery:
            server: Server = await nursery.start(partial(serve, QUIET, sinks=[memory]))
            address = host_and_port(server.addresses[0])
            outer.start_soon(partial(trio.to_thread.run_sync, flood, address))
            while not server.ledger().lines.read:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        assert not is_exhausted.is_set()
        is_over.set()
    ledger = server.ledger()
    assert ledger.lines.read == ledger.listeners[0].packets


async def test_what_stopped_the_server_is_raised_unchanged(
    memory: MemorySink, add_up: AddUp
) -> None:
    error = ZeroDivisionError("the host program failed")
    with pytest.RaisesGroup(pytest.RaisesExc(check=lambda raised: raised is error)):
        async with trio.open_nursery() as nursery:
            server: Server = await nursery.start(partial(serve, QUIET, sinks=[memory]))
            server.submit(b"page.views:1|c")
            raise error
    assert add_up(memory.snapshots, "page.views") == 1


# Connected, so that it hears of a closed socket: the send after the first that nobody
# took fails.
FLOOD = """
import socket, sys
sent = 0
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    client.connect(("127.0.0.1", int(sys.argv[1])))
    try:
        while True:
            client.send(b"page.views:1|c")
            sent += 1
    except ConnectionRefusedError:
        print(sent - 1)
"""


async def test_every_packet_of_a_flood_is_accounted_for_at_a_stop(
    memory: MemorySink,
) -> None:
    sent = 0

    async def flood(port: int) -> None:
        nonlocal sent
        # A process of its own, so that it sends while the server closes.
        command = [sys.executable, "-c", FLOOD, str(port)]
        sent = int((await trio.run_process(command, capture_stdout=True)).stdout)

    async with trio.open_nursery() as outer, trio.open_nursery() as nursery:
        server: Server = await nursery.start(partial(serve, QUIET, sinks=[memory]))
        outer.start_soon(flood, host_and_port(server.addresses[0])[1])
        while server.ledger().lines.read < 10_000:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    ledger = server.ledger()
    listener = ledger.listeners[0]
    if listener.kernel_dropped is None:
        pytest.skip("this system does not tell what it dropped")
    refused = listener.refused.get("stop", 0)
    assert sent == listener.packets + listener.kernel_dropped + refused
    assert ledger.lines.read == listener.packets


@pytest.mark.skipif("sys.platform == 'win32'", reason="no Unix sockets in Python")
async def test_every_frame_of_many_connections_is_accounted_for_at_a_stop(
    memory: MemorySink, tmp_path: Path
) -> None:
    path = str(tmp_path / "x")
    config = attrs.evolve(QUIET, port=None, stream_socket_path=path)
    line = b"page.views:1|c"
    frame = struct.pack("<I", len(line)) + line
    sent = 0
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            for _ in range(200)
        ]
        async with trio.open_nursery() as nursery:
            server: Server = await nursery.start(partial(serve, config, sinks=[memory]))
            for client in clients:
                client.connect(path)
                await trio.lowlevel.checkpoint()
            for client in clients:
                client.setblocking(False)
                sent += client.send(frame * 2000) // len(frame)
            nursery.cancel_scope.cancel()
    ledger = server.ledger()
    listener = ledger.listeners[0]
    # In bytes, since a busy machine has no time to count all that is left in frames.
    assert sent * len(frame) == (
        listener.bytes + 4 * listener.packets + listener.dropped_bytes
    )
    assert ledger.lines.read == listener.packets
