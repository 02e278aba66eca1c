"""The baseline: receive until nothing waits, count newlines, and do nothing else."""

import socket

import attrs
import trio

from benchmarks.servers.plain import bind, describe
from benchmarks.servers.serving import Report, Serving, Started, main

# As our own reader, so that the host program's other tasks run.
_MAX_PACKETS_A_STRETCH = 256


@attrs.define
class _Counts:
    packets: int = 0
    lines: int = 0


def _take_ready(sock: socket.socket, counts: _Counts) -> bool:
    """Receive what waits, up to a limit; return True when nothing is left."""
    packets = lines = 0
    try:
        for _ in range(_MAX_PACKETS_A_STRETCH):
            lines += sock.recv(8193).count(b"\n")
            packets += 1
    except BlockingIOError:
        return True
    finally:
        counts.packets += packets
        counts.lines += lines
    return False


async def _receive(sock: socket.socket, counts: _Counts) -> None:
    while True:
        await trio.lowlevel.wait_readable(sock)
        _take_ready(sock, counts)


async def _serve(serving: Serving, started: Started) -> Report:
    with bind(serving) as sock:
        counts = _Counts()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_receive, sock, counts)
            await started.wait_for_stop({serving.transports[0]: sock.getsockname()})
            nursery.cancel_scope.cancel()
        while not _take_ready(sock, counts):
            pass
        return attrs.evolve(describe(sock), packets=counts.packets, lines=counts.lines)


if __name__ == "__main__":
    main(_serve)
