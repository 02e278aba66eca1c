"""The ledger balances: under load, when the kernel drops, and with a slow sink."""

import socket
from collections.abc import Callable
from functools import partial

import trio
from bound import host_and_port
from trio.testing import MockClock

from statsd_trio import Config, Ledger, Server, serve
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.ledger import ListenerLedger
from statsd_trio.sinks.memory import MemorySink
from statsd_trio.sinks.sink import Sink

AddUp = Callable[[list[Snapshot], str], float]
CheckLedger = Callable[[Ledger], None]
WallClock = Callable[[], float]

QUIET = Config(host="127.0.0.1", port=0, self_metrics=False)
MIX = [
    b"page.views:1|c|#env:test",
    b"page.ms:12.5:13|ms|@0.5",
    b"garbage",
    b"load:1,0|g\nload:3|g",
    b"_sc|up|0\n_e{5,4}:title|text",
    b"users:a|s\n\nsize:5|d",
]


def count_lost(listener: ListenerLedger) -> int:
    """Count what never became a packet; a stop in a hurry leaves some unread."""
    assert listener.kernel_dropped is not None
    return listener.kernel_dropped + sum(listener.refused.values())


async def test_every_packet_under_load_is_accounted_for(
    memory: MemorySink, add_up: AddUp, check_ledger: CheckLedger
) -> None:
    rounds = 2000

    def send_all(address: tuple[str, int]) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for _ in range(rounds):
                for packet in MIX:
                    client.sendto(packet, address)

    # A queue far smaller than the load, so that the reader has to wait.
    config = Config(host="127.0.0.1", port=0, self_metrics=False, queue_size=4)
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(partial(serve, config, sinks=[memory]))
        await trio.to_thread.run_sync(send_all, host_and_port(server.addresses[0]))
        nursery.cancel_scope.cancel()
    ledger = server.ledger()
    check_ledger(ledger)
    listener = ledger.listeners[0]
    lost = count_lost(listener)
    assert rounds * len(MIX) == listener.packets + lost
    if not lost:  # else it cannot be known which were lost
        assert add_up(memory.snapshots, "page.views") == rounds
        assert ledger.lines.read == rounds * 9
        assert ledger.lines.rejected == {"no_colon": rounds, "bad_value": rounds}
        assert ledger.samples.aggregated == rounds * 6
    assert ledger.queue.used == 0


async def test_what_the_kernel_drops_is_accounted_for(
    memory: MemorySink, add_up: AddUp
) -> None:
    config = Config(host="127.0.0.1", port=0, self_metrics=False, so_rcvbuf=4096)
    sent = 2000
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(partial(serve, config, sinks=[memory]))
        # The reader gets no turn meanwhile, and the kernel holds a few only.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for _ in range(sent):
                client.sendto(b"page.views:1|c", server.addresses[0])
        nursery.cancel_scope.cancel()
    listener = server.ledger().listeners[0]
    assert listener.kernel_dropped
    assert sent == listener.packets + count_lost(listener)
    assert add_up(memory.snapshots, "page.views") == listener.packets


async def test_slow_sink_delays_no_other(
    autojump_clock: MockClock,
    nursery: trio.Nursery,
    memory: MemorySink,
    wall_clock: WallClock,
    check_ledger: CheckLedger,
) -> None:
    async def take_an_hour(snapshot: Snapshot) -> None:
        await trio.sleep(3600)

    sinks: list[Sink] = [take_an_hour, memory]
    start = partial(serve, QUIET, sinks=sinks, wall_clock=wall_clock)
    began = wall_clock()
    server: Server = await nursery.start(start)
    for _ in range(20):
        server.submit(b"page.views:1|c")
        await trio.sleep(10)
    assert [s.time - began for s in memory.snapshots] == list(range(10, 200, 10))
    ledger = server.ledger()
    check_ledger(ledger)
    slow, fast = ledger.sinks
    assert slow.evicted > 0
    assert fast.delivered == fast.snapshotted
