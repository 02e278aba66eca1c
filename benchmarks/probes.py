"""Measure one figure in a fresh process: the memory of contexts, or of a full queue.

`python -m benchmarks.probes NAME NUMBER ENGINE` prints it as JSON. Memory is what the
system counts (RSS), since that is what an operator pays for.
"""

import gc
import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Final

import trio
import trio.testing

from benchmarks.servers.serving import read_rss_bytes
from benchmarks.stages import Stages
from benchmarks.workload import UDP_PACKET_BYTES, Workload
from statsd_trio import Config
from statsd_trio.transports.packet import Origin, Packet
from statsd_trio.transports.packet_queue import PacketQueue
from statsd_trio.transports.udp import UdpListener

# A line's head is kept from its second sight on, and used from the third.
_SIGHTS: Final = 3


def measure_contexts(contexts: int, engine: str) -> dict[str, float]:
    """Return the bytes of a counter context with three tags of 12 bytes."""
    workload = Workload("counters", contexts, UDP_PACKET_BYTES, contexts=contexts)
    packets = [Packet(p, Origin("inproc", "probe")) for p in workload.build()]
    stages = Stages(max_contexts=contexts, engine=engine)
    before = _measure_rss()
    for _ in range(_SIGHTS):
        trio.run(_process, stages, packets)
    in_use = _measure_rss()
    stages.forget_values()
    at_rest = _measure_rss()
    return {
        "contexts": stages.contexts.current,
        "bytes, the open bucket included": (in_use - before) / contexts,
        "bytes, after a flush": (at_rest - before) / contexts,
    }


async def _process(stages: Stages, packets: list[Packet]) -> None:
    send, receive = trio.open_memory_channel[Packet](0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stages.ingest.run, receive)
        async with send:
            for packet in packets:
                await send.send(packet)


def measure_queue(datagram_bytes: int, _: str) -> dict[str, float]:
    """Return the bytes that a full queue takes, if nobody takes its packets."""
    return trio.run(_fill_queue, datagram_bytes)


async def _fill_queue(datagram_bytes: int) -> dict[str, float]:
    config = Config()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    listener = UdpListener(
        sock, buffer_size=config.buffer_size, receive_buffer_bytes=config.so_rcvbuf
    )
    queue = PacketQueue(config.queue_size)
    channel = queue.open_send_channel(listener.counters)
    before = _measure_rss()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(listener.address)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.receive, channel)
            for _ in range(3 * config.queue_size):
                sender.send(b"x" * datagram_bytes)
                await trio.lowlevel.checkpoint()
            await trio.testing.wait_all_tasks_blocked()
            used = queue.used
            held = _measure_rss() - before
            # What is cancelled still queues what the kernel holds.
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                async for _ in queue:
                    pass
    return {
        "packets in the queue": used,
        "bytes": held,
        "bound": config.queue_size * config.buffer_size,
    }


def _measure_rss() -> int:
    gc.collect()
    return read_rss_bytes(os.getpid())


PROBES: Final[dict[str, Callable[[int, str], dict[str, float]]]] = {
    "contexts": measure_contexts,
    "queue": measure_queue,
}


if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]](int(sys.argv[2]), sys.argv[3])))
