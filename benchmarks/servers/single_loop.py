"""The loop that this design replaced: wait for a packet, parse it, add it, repeat.

The parser and the aggregator are our own, so what differs is the design: no reader
task, no queue, one `recv` a wake-up, and every line is parsed.
"""

import socket
import time
from collections import Counter

import trio

from benchmarks.servers.plain import bind, describe, receive_packet
from benchmarks.servers.serving import Report, Serving, Started, main
from benchmarks.stages import Stages
from statsd_trio.errors import ParseError
from statsd_trio.protocol.messages import Event, Sample
from statsd_trio.protocol.parser import parse_message

_MAX_PACKET_BYTES = 8193


class SingleLoop:
    """Parses and adds packets, one line after the other."""

    def __init__(self, stages: Stages) -> None:
        self._aggregator = stages.aggregator
        self._interval_seconds = stages.interval_seconds
        self._next_flush = _find_edge(time.time(), stages.interval_seconds)
        self.packets = 0
        self.lines = 0
        self.snapshots = 0
        self.rejected: Counter[str] = Counter()

    def process(self, packet: bytes) -> None:
        """Parse and add the lines of *packet*."""
        self.packets += 1
        now = time.time()
        self._aggregator.advance(now)
        if now >= self._next_flush:
            self._next_flush = _find_edge(now, self._interval_seconds)
            self.flush(now, final=False)
        for line in packet.split(b"\n"):
            if not line:
                continue
            self.lines += 1
            try:
                message = parse_message(line)
            except ParseError as error:
                self.rejected[error.reason] += 1
                continue
            if isinstance(message, Sample):
                self._aggregator.insert(message)
            elif isinstance(message, Event):
                self._aggregator.add_event(message)
            else:
                self._aggregator.add_service_check(message)
        while self._aggregator.tidy():
            pass

    def flush(self, now: float, *, final: bool) -> None:
        """Build a snapshot, and throw it away."""
        source = self._aggregator.take_snapshot(
            now=now, include_open=final, final=final
        )
        for _ in source.build():
            pass
        self.snapshots += 1


def _find_edge(now: float, interval_seconds: int) -> float:
    return (now // interval_seconds + 1) * interval_seconds


async def _receive(sock: socket.socket, loop: SingleLoop) -> None:
    while True:
        loop.process(await receive_packet(sock, _MAX_PACKET_BYTES))


async def _serve(serving: Serving, started: Started) -> Report:
    stages = Stages(
        interval_seconds=serving.interval_seconds,
        max_contexts=serving.max_contexts,
        engine="plain",
    )
    loop = SingleLoop(stages)
    with bind(serving) as sock:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_receive, sock, loop)
            await started.wait_for_stop({serving.transports[0]: sock.getsockname()})
            nursery.cancel_scope.cancel()
        _take_backlog(sock, loop)
        loop.flush(time.time(), final=True)
        report = describe(sock)
    report.packets = loop.packets
    report.lines = loop.lines
    report.rejected = dict(loop.rejected)
    report.snapshots = loop.snapshots
    stages.complete(report)
    return report


def _take_backlog(sock: socket.socket, loop: SingleLoop) -> None:
    try:
        while True:
            loop.process(sock.recv(_MAX_PACKET_BYTES))
    except BlockingIOError:
        pass


if __name__ == "__main__":
    main(_serve)
