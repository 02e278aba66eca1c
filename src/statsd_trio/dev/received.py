"""Keep the latest lines as they were received."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from statsd_trio.dev.metrics import ReceivedLine
from statsd_trio.transports.packet import Origin

# What a packet takes besides its bytes.
_PACKET_BYTES: Final = 200

# How many packets are searched at a time.
_STEP_PACKETS: Final = 50
_SEARCHED_PACKETS: Final = 20_000


class ReceivedLines(NamedTuple):
    """Some lines from one sender."""

    time: float
    lines: bytes
    origin: Origin

    @property
    def sender(self) -> str:
        """The sender, or the listener if the sender is not known."""
        return self.origin.sender or self.origin.listener


class Received:
    """Keeps the latest lines, up to a number of bytes.

    Attributes:
        forgot: how many pieces are no longer kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: deque[ReceivedLines] = deque()
        self._bytes = 0
        self.forgot = 0

    def clear(self) -> None:
        """Forget all lines."""
        self._kept.clear()
        self._bytes = 0
        self.forgot = 0

    @property
    def used(self) -> int:
        """The approximate bytes in use."""
        return self._bytes

    def add(self, piece: ReceivedLines) -> None:
        """Keep *piece*; the oldest ones make room if necessary."""
        self._kept.append(piece)
        self._bytes += len(piece.lines) + _PACKET_BYTES
        while self._bytes > self._limit:
            self._bytes -= len(self._kept.popleft().lines) + _PACKET_BYTES
            self.forgot += 1

    def list_all(self) -> list[ReceivedLines]:
        """Return everything that is kept, the oldest first."""
        return list(self._kept)

    def find(
        self, raw_names: frozenset[bytes], limit: int, found: list[ReceivedLine]
    ) -> Iterator[None]:
        """Put the newest lines that begin with one of the names into *found*.

        The newest come first. Yields after each step.
        """
        starts = tuple(raw + b":" for raw in raw_names)
        # This is a copy, because more lines arrive while this function waits.
        kept = list(islice(reversed(self._kept), _SEARCHED_PACKETS))
        for index, piece in enumerate(kept):
            if any(start in piece.lines for start in starts):
                found += [
                    ReceivedLine(piece.time, line, piece.sender)
                    for line in reversed(piece.lines.split(b"\n"))
                    if line.startswith(starts)
                ]
                if len(found) >= limit:
                    del found[limit:]
                    return
            if index % _STEP_PACKETS == 0:
                yield
