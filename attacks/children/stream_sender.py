"""Send over many stream connections at once, in frames or lines; runs as a process.

As `benchmarks.sender` does for datagrams: it prints a JSON line once it is connected,
waits for a line on its standard input, sends, and prints what it did. With *holds* the
connections then stay open until its standard input ends.
"""

import bisect
import fcntl
import itertools
import json
import resource
import selectors
import socket
import struct
import sys
import termios
import time
from typing import Any, Final

import attrs

from benchmarks.workload import Workload, count_lines

# A piece that one connection writes before the next has its turn.
_PIECE_BYTES: Final = 64 * 1024

# For the rest of packets that are under way when time is up, and for what was written
# to be acknowledged.
_PATIENCE_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.01


@attrs.frozen
class StreamSending:
    """What to send over how many connections.

    Attributes:
        workload: sent from the start again when it ends, by each connection.
        is_framed: each packet is preceded by its length, as on a Unix stream.
        max_seconds: after which no packet is begun.
        bytes_each: what each connection sends, at least; 0 sends until time is up.
        holds: leave the connections open.
    """

    workload: Workload
    connections: int = 1
    is_framed: bool = False
    max_seconds: float = 10.0
    bytes_each: int = 0
    holds: bool = False


@attrs.frozen
class StreamSent:
    """How much the kernel accepted.

    Attributes:
        broken: connections that the other end closed.
        unacknowledged: bytes that the kernel has and the other end's has not.
    """

    packets: int
    lines: int
    bytes: int
    seconds: float
    broken: int
    unacknowledged: int


class _Contents:
    """The bytes that every connection sends again and again."""

    def __init__(self, packets: list[bytes], *, is_framed: bool) -> None:
        pieces = [
            struct.pack("<I", len(packet)) + packet if is_framed else packet
            for packet in packets
        ]
        self.data = memoryview(b"".join(pieces))
        self._ends = list(itertools.accumulate(map(len, pieces)))
        self._lines = [0, *itertools.accumulate(map(count_lines, packets))]

    def count(self, size: int) -> tuple[int, int]:
        """Count the packets and lines that are complete within *size* bytes."""
        rounds, rest = divmod(size, len(self.data))
        packets = bisect.bisect_right(self._ends, rest)
        return (
            rounds * len(self._ends) + packets,
            rounds * self._lines[-1] + self._lines[packets],
        )

    def measure_rest(self, size: int) -> int:
        """Return how much of a packet is left after *size* bytes."""
        rest = size % len(self.data)
        done = bisect.bisect_right(self._ends, rest)
        begun = self._ends[done - 1] if done else 0
        return self._ends[done] - rest if rest > begun else 0


class _Stream:
    """One connection, and how much of the contents the kernel took from it."""

    def __init__(self, sock: socket.socket, contents: _Contents) -> None:
        self.sock = sock
        self.sent = 0
        self.is_broken = False
        self._contents = contents

    def send(self, max_bytes: int) -> None:
        """Write a piece, as far as there is room for it."""
        data = self._contents.data
        start = self.sent % len(data)
        try:
            self.sent += self.sock.send(data[start : start + max_bytes])
        except BlockingIOError:
            pass
        except OSError:
            self.is_broken = True

    @property
    def rest(self) -> int:
        """How much of the packet in progress is left."""
        return self._contents.measure_rest(self.sent)

    def measure_unacknowledged(self) -> int:
        """Return how many bytes have not left this end yet."""
        if self.sock.family == socket.AF_UNIX:
            return 0  # what the kernel took is at the other end
        answer = fcntl.ioctl(self.sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        (size,) = struct.unpack("i", answer)
        return int(size)


def _connect(target: str | list[Any]) -> socket.socket:
    family = socket.AF_UNIX if isinstance(target, str) else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(_PATIENCE_SECONDS)
    sock.connect(target if isinstance(target, str) else (target[0], target[1]))
    sock.setblocking(False)
    return sock


def _send(
    streams: list[_Stream], contents: _Contents, sending: StreamSending
) -> StreamSent:
    started = time.monotonic()
    deadline = started + sending.max_seconds
    with selectors.DefaultSelector() as selector:
        stream: _Stream
        for stream in streams:
            selector.register(stream.sock, selectors.EVENT_WRITE, stream)
        while selector.get_map() and (now := time.monotonic()) < (
            deadline + _PATIENCE_SECONDS
        ):
            for key, _ in selector.select(_POLL_SECONDS):
                stream = key.data
                size = _PIECE_BYTES
                if sending.bytes_each:
                    size = min(size, sending.bytes_each - stream.sent)
                if now > deadline or size <= 0:
                    size = stream.rest
                if size:
                    stream.send(size)
                if stream.is_broken or not size:
                    selector.unregister(stream.sock)
    seconds = time.monotonic() - started
    unacknowledged = 0
    while time.monotonic() < deadline + _PATIENCE_SECONDS:
        unacknowledged = sum(stream.measure_unacknowledged() for stream in streams)
        if not unacknowledged:
            break
        time.sleep(_POLL_SECONDS)
    counts = [contents.count(stream.sent) for stream in streams]
    return StreamSent(
        packets=sum(packets for packets, _ in counts),
        lines=sum(lines for _, lines in counts),
        bytes=sum(stream.sent for stream in streams),
        seconds=seconds,
        broken=sum(stream.is_broken for stream in streams),
        unacknowledged=unacknowledged,
    )


def main() -> None:
    """Serve one order, given as JSON."""
    order = json.loads(sys.argv[1])
    target = order.pop("target")
    sending = StreamSending(workload=Workload(**order.pop("workload")), **order)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    contents = _Contents(sending.workload.build(), is_framed=sending.is_framed)
    streams = [_Stream(_connect(target), contents) for _ in range(sending.connections)]
    print(json.dumps({"connections": len(streams)}), flush=True)
    if sys.stdin.readline():
        sent = _send(streams, contents, sending)
        print(json.dumps(attrs.asdict(sent)), flush=True)
        if sending.holds:
            sys.stdin.read()


if __name__ == "__main__":
    main()
