"""What was captured and is sent again gives the same snapshot."""

import socket
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio

from statsd_trio import Config, Server, serve
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.replay.capture import CapturedPacket, format_packet
from statsd_trio.replay.files import read_capture
from statsd_trio.replay.recording import bind_addresses, record
from statsd_trio.replay.sending import open_sender, replay
from statsd_trio.sinks.memory import MemorySink
from statsd_trio.transports.addresses import parse_address

PACKETS = [
    b"page.views:1|c|#env:prod\npage.views:2|c|@0.5\nbad",
    b"load:1.5|g\nload:2.5|g",
    b"page.ms:12:13.5:200|ms",
    b"users:alice|s\nusers:bob|s",
    b"size:512|d\nsize:1024|d|@0.25",
    b"_e{5,4}:title|text|d:21\n_sc|up|0|d:21",
]


async def send_packets(url: str, packets: list[bytes]) -> None:
    async with open_sender(parse_address(url)) as send:
        for packet in packets:
            await send(packet)


async def take_snapshot(url: str, feed: Callable[[], Awaitable[None]]) -> Snapshot:
    """Run a server at *url*'s port, *feed* it, and give what it aggregated."""
    memory = MemorySink()
    config = Config(
        host="127.0.0.1",
        port=parse_address(url).port,
        hostname="here",
        self_metrics=False,
    )
    start = partial(serve, config, sinks=[memory], wall_clock=lambda: 1_700_000_005.0)
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(start)
        await feed()
        while server.ledger().listeners[0].packets < len(PACKETS):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    return memory.snapshots[-1]


async def test_replay_of_a_capture_gives_the_same_snapshot(tmp_path: Path) -> None:
    capture = tmp_path / "capture.jsonl"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    [listener] = await bind_addresses([parse_address(f"udp://127.0.0.1:{port}")])
    url = listener.counters.name
    with capture.open("w") as file:

        def write(packet: CapturedPacket) -> None:
            file.write(format_packet(packet) + "\n")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(record, [listener], write)
            await send_packets(url, PACKETS)
            nursery.cancel_scope.cancel()

    direct = await take_snapshot(url, partial(send_packets, url, PACKETS))

    async def send_again() -> None:
        async with open_sender(parse_address(url)) as send:
            packets = read_capture(capture)
            await replay(packets, send, lambda _: None, speed=float("inf"))

    replayed = await take_snapshot(url, send_again)
    assert len(direct.series) > 5
    assert replayed == direct
