"""Split a byte stream into packets, however the stream was cut on its way.

A framer keeps incomplete data until more bytes arrive. One call looks at a bounded
number of frames, including empty ones, so that the caller can let other tasks run;
`has_more` says whether to call again.
"""

import struct
from collections.abc import Iterable
from typing import Final, Protocol

from statsd_trio.plural import describe_count

# Source: datadog-agent, comp/dogstatsd/listeners/uds_stream.go.
_LENGTH: Final = struct.Struct("<I")

# Splitting and queueing this many takes less than a millisecond.
MAX_FRAMES_A_CALL: Final = 256

# How much of an incomplete line is shown in a message.
_SHOWN_BYTES: Final = 60


class FramingError(Exception):
    """A peer sent a frame or a line that is longer than allowed."""


class Framer(Protocol):
    """Splits one byte stream into packets.

    Attributes:
        has_more: whether the last call of `take_packets` stopped at its limit, so that
            there may be more to take.
        empty: how many frames were empty and therefore left out.
        too_long: how many lines were longer than allowed and therefore left out.
        skipped_bytes: the bytes of the frames and lines that were left out.
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
        """Whether a frame or a line has begun and is not complete."""
        ...

    def add(self, data: bytes | memoryview) -> None:
        """Add *data* to the end of the stream."""
        ...

    def take_packets(self, max_packets: int = MAX_FRAMES_A_CALL) -> list[bytes]:
        """Take at most *max_packets* complete packets off the front.

        Raises:
            FramingError: if the stream cannot be read beyond this point. Earlier calls
                have returned everything before it.
        """
        ...

    def count(self, packets: Iterable[bytes]) -> int:
        """Return how many frames or lines are in *packets*."""
        ...

    def drop_rest(self) -> int:
        """Drop everything that is kept, and return how many bytes it was."""
        ...

    def describe_rest(self) -> str:
        """Describe what is missing of the frame or line that has begun."""
        ...


class FrameFramer:
    """Splits a stream in which each packet follows its length, a little-endian uint32.

    A frame of length 0 has no lines; it is left out and counted. A length above
    *max_packet_bytes* is a `FramingError`, because the start of the next frame cannot
    be trusted after it.
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
        """Whether a frame has begun and is not complete."""
        return bool(self._buffer)

    def add(self, data: bytes | memoryview) -> None:
        """Add *data* to the end of the stream."""
        self._buffer += data

    def take_packets(self, max_packets: int = MAX_FRAMES_A_CALL) -> list[bytes]:
        """Take at most *max_packets* complete frames off the front."""
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
                        f"a frame of {length} bytes is longer than buffer_size, which "
                        f"is {self._max_packet_bytes}"
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
        """Return how many frames are in *packets*."""
        return sum(1 for _ in packets)

    def drop_rest(self) -> int:
        """Drop everything that is kept, and return how many bytes it was."""
        size = len(self._buffer)
        self._buffer.clear()
        return size

    def describe_rest(self) -> str:
        """Describe how much of the frame that has begun has arrived."""
        there = len(self._buffer)
        if there < _LENGTH.size:
            return f"{there} of the 4 bytes of a frame's length had arrived"
        (length,) = _LENGTH.unpack_from(self._buffer)
        size = describe_count(length, "byte")
        return f"{there - _LENGTH.size} of the {size} of a frame had arrived"


class LineFramer:
    """Splits a stream of lines into packets, each with as many whole lines as fit.

    The newline belongs to the line and counts towards its length. A line longer than
    *max_packet_bytes* is a `FramingError`, unless *skips_long_lines* is set: then it is
    left out and counted. A pipe, for example, cannot be closed because of one bad line.
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
        """Whether a line has begun and is not complete."""
        return bool(self._buffer) or self._is_skipping

    def add(self, data: bytes | memoryview) -> None:
        """Add *data* to the end of the stream."""
        self._buffer += data

    def take_packets(self, max_packets: int = MAX_FRAMES_A_CALL) -> list[bytes]:
        """Take at most *max_packets* packets of whole lines off the front."""
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
                        "a line is longer than buffer_size, which is "
                        f"{self._max_packet_bytes}"
                    )
            else:
                self.has_more = True
        finally:
            del buffer[:position]
        return packets

    def count(self, packets: Iterable[bytes]) -> int:
        """Return how many lines are in *packets*."""
        return sum(packet.count(b"\n") for packet in packets)

    def drop_rest(self) -> int:
        """Drop everything that is kept, and return how many bytes it was."""
        size = len(self._buffer)
        self._buffer.clear()
        self._is_skipping = False
        return size

    def describe_rest(self) -> str:
        """Describe the line that has begun."""
        if self._is_skipping:
            return "the last line has no newline, and is longer than buffer_size"
        shown = repr(bytes(self._buffer[:_SHOWN_BYTES]))[1:]
        more = "..." if len(self._buffer) > _SHOWN_BYTES else ""
        return f"the last line has no newline: {shown}{more}"

    def _skip(self, position: int) -> int:
        """Return the end of a line that is too long, or of the part that is there."""
        end = self._buffer.find(b"\n", position) + 1
        self._is_skipping = not end
        end = end or len(self._buffer)
        self.skipped_bytes += end - position
        return end


def _explain_text(start: bytearray) -> str:
    """Return a hint if the *start* of a frame is text instead of a length."""
    if start.isascii() and (text := start.decode()).isprintable():
        return f"; it begins with {text!r}, as a line without a length before it would"
    return ""
