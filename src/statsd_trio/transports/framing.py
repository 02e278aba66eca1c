"""A byte stream in, packets out, whatever way the stream was cut; pure.

Each function takes complete packets off the front of a buffer and leaves what is
incomplete for the next call. A call takes at most *max_packets*, so that the caller
can let others run: call again until it takes none. A stream that breaks a limit
raises once everything before the break was taken.
"""

import struct
from typing import Final

# Source: datadog-agent, comp/dogstatsd/listeners/uds_stream.go.
_LENGTH: Final = struct.Struct("<I")

# Splitting and queueing so many takes under a millisecond.
MAX_PACKETS_A_CALL: Final = 256


class FramingError(Exception):
    """A peer sent a frame or a line longer than allowed."""


def split_frames(
    buffer: bytearray, max_packet_bytes: int, max_packets: int = MAX_PACKETS_A_CALL
) -> list[bytes]:
    """Take packets that each follow their length, a little-endian uint32.

    A length of 0 is skipped: it holds no line.

    Raises:
        FramingError: if a length exceeds *max_packet_bytes*; where the next frame
            starts cannot be trusted after that.
    """
    packets: list[bytes] = []
    position = 0
    waiting = len(buffer)
    try:
        while waiting - position >= _LENGTH.size and len(packets) < max_packets:
            (length,) = _LENGTH.unpack_from(buffer, position)
            if length > max_packet_bytes:
                if packets:
                    break
                raise FramingError(
                    f"frame of {length} bytes, {max_packet_bytes} allowed"
                )
            start = position + _LENGTH.size
            end = start + length
            if end > waiting:
                break
            if length:
                packets.append(bytes(buffer[start:end]))
            position = end
    finally:
        del buffer[:position]
    return packets


def split_lines(
    buffer: bytearray, max_packet_bytes: int, max_packets: int = MAX_PACKETS_A_CALL
) -> list[bytes]:
    r"""Take whole lines, as many in a packet as fit; each keeps its newline.

    Raises:
        FramingError: if a line exceeds *max_packet_bytes*, its newline included.
    """
    packets: list[bytes] = []
    position = 0
    try:
        while len(packets) < max_packets:
            limit = position + max_packet_bytes
            end = buffer.rfind(b"\n", position, limit) + 1
            if not end:
                if len(buffer) < limit or packets:
                    break
                raise FramingError(f"line of more than {max_packet_bytes} bytes")
            packets.append(bytes(buffer[position:end]))
            position = end
    finally:
        del buffer[:position]
    return packets


class LineFramer:
    """Splits a stream that cannot be closed for one bad line into whole lines.

    Attributes:
        dropped: how many lines were longer than allowed, and left out.
    """

    def __init__(self, max_packet_bytes: int) -> None:
        self.dropped = 0
        self._max_packet_bytes = max_packet_bytes
        self._buffer = bytearray()
        self._is_skipping = False

    @property
    def has_rest(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._buffer) or self._is_skipping

    def add(self, data: bytes | memoryview) -> None:
        """Take *data* in; `take_packets` gives what it completed."""
        self._buffer += data

    def take_packets(self) -> list[bytes]:
        """Take complete packets, a bounded number; call until there are none."""
        while not self._is_skipping or self._skip_line():
            try:
                return split_lines(self._buffer, self._max_packet_bytes)
            except FramingError:
                self.dropped += 1
                self._is_skipping = True
        return []

    def drop_rest(self) -> None:
        """Forget the line that has begun: its writer is gone."""
        self._buffer.clear()
        self._is_skipping = False

    def _skip_line(self) -> bool:
        """Drop bytes to the end of a line; False if it has not ended."""
        end = self._buffer.find(b"\n") + 1
        if end:
            del self._buffer[:end]
            self._is_skipping = False
        else:
            self._buffer.clear()
        return bool(end)
