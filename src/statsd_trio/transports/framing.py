"""A byte stream in, packets out, whatever way the stream was cut; pure.

A framer keeps what is incomplete for the next bytes. One call looks at a bounded
number of frames, the empty ones included, so that the caller can let others run:
`has_more` says whether to call again.
"""

import struct
from collections.abc import Iterable
from typing import Final, Protocol

# Source: datadog-agent, comp/dogstatsd/listeners/uds_stream.go.
_LENGTH: Final = struct.Struct("<I")

# Splitting and queueing so many takes under a millisecond.
MAX_FRAMES_A_CALL: Final = 256

# Of a line that is incomplete, so much is shown to a person.
_SHOWN_BYTES: Final = 60


class FramingError(Exception):
    """A peer sent a frame or a line longer than allowed."""


class Framer(Protocol):
    """Cuts one byte stream into packets.

    Attributes:
        has_more: whether the last call of `take_packets` stopped at its limit, so
            that there may be more to take.
        empty: how many frames were empty, and left out.
        too_long: how many lines were longer than allowed, and left out.
        skipped_bytes: the bytes of those frames and lines.
    """

    has_more: bool
    empty: int
    too_long: int
    skipped_bytes: int

    @property
    def rest_bytes(self) -> int:
        """How many bytes are kept."""
        ...

    @property
    def is_in_packet(self) -> bool:
        """Whether a frame or a line has begun and not ended."""
        ...

    def add(self, data: bytes | memoryview) -> None:
        """Add *data* to the end of the stream."""
        ...

    def take_packets(self, max_packets: int = MAX_FRAMES_A_CALL) -> list[bytes]:
        """Take complete packets off the front, at most *max_packets*.

        Raises:
            FramingError: if the stream cannot be read beyond this point; earlier
                calls gave what came before it.
        """
        ...

    def count(self, packets: Iterable[bytes]) -> int:
        """Return how many frames, or lines, *packets* hold."""
        ...

    def drop_rest(self) -> int:
        """Forget all that is kept, and return how many bytes it was."""
        ...

    def describe_rest(self) -> str:
        """Say what is missing of the frame or the line that has begun."""
        ...


class FrameFramer:
    """Cuts a stream of packets that each follow their length, a little-endian uint32.

    A frame of length 0 holds no line: it is left out and counted. After a length
    above *max_packet_bytes* it cannot be trusted where the next frame starts, so
    that is a `FramingError`.
    """

    def __init__(self, max_packet_bytes: int) -> None:
        self.has_more = False
        self.empty = 0
        self.too_long = 0
        self.skipped_bytes = 0
        self._max_packet_bytes = max_packet_bytes
        self._buffer = bytearray()

    @property
    def rest_bytes(self) -> int:
        """How many bytes are kept."""
        return len(self._buffer)

    @property
    def is_in_packet(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._buffer)

    def add(self, data: bytes | memoryview) -> None:
        """Add *data* to the end of the stream."""
        self._buffer += data

    def take_packets(self, max_packets: int = MAX_FRAMES_A_CALL) -> list[bytes]:
        """Take complete frames off the front, at most *max_packets*."""
        buffer = self._buffer
        waiting = len(buffer)
        packets: list[bytes] = []
        position = 0
        self.has_more = False
        try:
            for _ in range(max_packets):
                start = position + _LENGTH.size
                if start > waiting:
                    break
                (length,) = _LENGTH.unpack_from(buffer, position)
                if length > self._max_packet_bytes:
                    self.has_more = True
                    if packets:
                        break
                    raise FramingError(
                        f"a frame of {length} bytes, and buffer_size is "
                        f"{self._max_packet_bytes}"
                        f"{_explain_text(buffer[position:start])}"
                    )
                end = start + length
                if end > waiting:
                    break
                if length:
                    packets.append(bytes(buffer[start:end]))
                else:
                    self.empty += 1
                    self.skipped_bytes += _LENGTH.size
                position = end
            else:
                self.has_more = True
        finally:
            del buffer[:position]
        return packets

    def count(self, packets: Iterable[bytes]) -> int:
        """Return how many frames *packets* are."""
        return sum(1 for _ in packets)

    def drop_rest(self) -> int:
        """Forget all that is kept, and return how many bytes it was."""
        size = len(self._buffer)
        self._buffer.clear()
        return size

    def describe_rest(self) -> str:
        """Say how much of the frame that has begun is there."""
        there = len(self._buffer)
        if there < _LENGTH.size:
            return f"{there} of the 4 bytes of a frame's length had arrived"
        (length,) = _LENGTH.unpack_from(self._buffer)
        return f"{there - _LENGTH.size} of the {length} bytes of a frame had arrived"


class LineFramer:
    """Cuts a stream of lines into packets of whole lines, as many in each as fit.

    Each line keeps its newline, which counts. A line longer than *max_packet_bytes*
    is a `FramingError`, or is left out where *skips_long_lines*: a pipe, for
    instance, cannot be closed for one bad line.
    """

    def __init__(
        self, max_packet_bytes: int, *, skips_long_lines: bool = False
    ) -> None:
        self.has_more = False
        self.empty = 0
        self.too_long = 0
        self.skipped_bytes = 0
        self._max_packet_bytes = max_packet_bytes
        self._skips_long_lines = skips_long_lines
        self._buffer = bytearray()
        self._is_skipping = False

    @property
    def rest_bytes(self) -> int:
        """How many bytes are kept."""
        return len(self._buffer)

    @property
    def is_in_packet(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._buffer) or self._is_skipping

    def add(self, data: bytes | memoryview) -> None:
        """Add *data* to the end of the stream."""
        self._buffer += data

    def take_packets(self, max_packets: int = MAX_FRAMES_A_CALL) -> list[bytes]:
        """Take whole lines off the front, at most *max_packets* packets of them."""
        buffer = self._buffer
        packets: list[bytes] = []
        position = 0
        self.has_more = False
        try:
            for _ in range(max_packets):
                if self._is_skipping:
                    position = self._skip(position)
                limit = position + self._max_packet_bytes
                end = buffer.rfind(b"\n", position, limit) + 1
                if end:
                    packets.append(bytes(buffer[position:end]))
                    position = end
                elif len(buffer) < limit:
                    break
                elif self._skips_long_lines:
                    self.too_long += 1
                    self._is_skipping = True
                elif packets:
                    self.has_more = True
                    break
                else:
                    raise FramingError(
                        f"a line of more than {self._max_packet_bytes} bytes, which "
                        "is buffer_size"
                    )
            else:
                self.has_more = True
        finally:
            del buffer[:position]
        return packets

    def count(self, packets: Iterable[bytes]) -> int:
        """Return how many lines *packets* hold."""
        return sum(packet.count(b"\n") for packet in packets)

    def drop_rest(self) -> int:
        """Forget all that is kept, and return how many bytes it was."""
        size = len(self._buffer)
        self._buffer.clear()
        self._is_skipping = False
        return size

    def describe_rest(self) -> str:
        """Show the line that has begun."""
        if self._is_skipping:
            return "the last line has no newline, and is longer than buffer_size"
        shown = repr(bytes(self._buffer[:_SHOWN_BYTES]))[1:]
        more = "..." if len(self._buffer) > _SHOWN_BYTES else ""
        return f"the last line has no newline: {shown}{more}"

    def _skip(self, position: int) -> int:
        """Go to the end of a line that is too long, or of what is there of it."""
        end = self._buffer.find(b"\n", position) + 1
        self._is_skipping = not end
        end = end or len(self._buffer)
        self.skipped_bytes += end - position
        return end


def _explain_text(start: bytearray) -> str:
    """Say that the *start* of a frame is no length, if a client wrote a line there."""
    if start.isascii() and (text := start.decode()).isprintable():
        return f"; it begins with {text!r}, as a line without a length before it would"
    return ""
