"""Puts encoded items together to payloads, each within the intake's limits.

Protobuf lets messages be concatenated: a payload of two series is the bytes of two
payloads of one. So items are appended to a compressed stream, and when the next one
could take the payload over a limit, the payload is closed and another one begins.
Nothing is ever encoded twice.
"""

from collections.abc import Iterator
from typing import Final

import attrs

from statsd_trio.sinks.delivery.compression import DEFAULT_ZSTD_LEVEL, open_compressor
from statsd_trio.sinks.delivery.payload import Dropped, Fault, Payload, Route, Step
from statsd_trio.sinks.delivery.protobuf import encode_field

# Given to the compressor at once; about 0.1 ms of zstd and 0.5 ms of deflate.
_PIECE_BYTES: Final = 16 * 1024


@attrs.frozen
class Limits:
    """The most that the intake takes in one payload."""

    compressed_bytes: int
    raw_bytes: int
    points: int | None = None


class PayloadBuilder:
    """Appends encoded items to payloads of one route, closing each when it is full."""

    def __init__(
        self,
        route: Route,
        encoding: str,
        limits: Limits,
        *,
        zstd_level: int = DEFAULT_ZSTD_LEVEL,
        start: bytes = b"",
        separator: bytes = b"",
        end: bytes = b"",
    ) -> None:
        """Begin a payload.

        Args:
            route: where it goes.
            encoding: one of `compression.ENCODINGS`.
            limits: the most that the intake takes.
            zstd_level: where the encoding is ``zstd``.
            start: what stands before the first item.
            separator: between two items.
            end: after the last one.
        """
        self._route = route
        self._encoding = encoding
        self._zstd_level = zstd_level
        self._limits = limits
        self._start = start
        self._separator = separator
        self._end = end
        self._begin()

    def add_item(
        self, name: str, points: int, parts: Iterator[bytes], *, is_field: bool = False
    ) -> Iterator[Step]:
        """Encode an item part by part, and append it; what was full before comes out.

        Args:
            name: of the item, for what is dropped.
            points: how many the item counts for; one of none is left out.
            parts: of the encoded item.
            is_field: the item is the first field of a protobuf message.
        """
        encoded = bytearray()
        try:
            for part in parts:
                encoded += part
                yield None
        # What a client cannot send but a host program can: a lone surrogate, a number
        # beyond 64 bits. One such item must not take the others with it.
        except (ValueError, TypeError, OverflowError):
            yield Dropped(self._route, name, points, Fault.UNENCODABLE)
            return
        if points:
            item = encode_field(1, encoded) if is_field else bytes(encoded)
            yield from self._add(name, points, item)

    def _add(self, name: str, points: int, item: bytes) -> Iterator[Step]:
        """Append *item*; what was full before it comes out."""
        limits = self._limits
        if limits.points is not None and points > limits.points:
            yield Dropped(self._route, name, points, Fault.OVERSIZE)
            return
        if self._points and not self._has_room(points, len(item)):
            yield from self.close()
        if self._points == 0 and not self._has_room(points, len(item)):
            # Alone in a payload, and the bound says no: what counts is how far it
            # really compresses.
            if len(self._start) + len(item) + len(self._end) > limits.raw_bytes:
                yield Dropped(self._route, name, points, Fault.OVERSIZE)
                return
            yield from self._append(points, item)
            self._flush()
            end_bound = self._compressor.bound(len(self._end))
            if self._compressed + end_bound > limits.compressed_bytes:
                self._begin()
                yield Dropped(self._route, name, points, Fault.OVERSIZE)
            return
        yield from self._append(points, item)

    def close(self) -> Iterator[Step]:
        """Give the payload that was begun, if anything is in it."""
        if self._points == 0:
            return
        self._buffer += self._end
        self._write_buffer()
        self._keep(self._compressor.close())
        yield Payload(self._route, self._encoding, self._points, b"".join(self._output))
        self._begin()

    def _begin(self) -> None:
        self._compressor = open_compressor(self._encoding, self._zstd_level)
        self._output: list[bytes] = []
        self._compressed = 0
        self._raw = len(self._start)
        self._points = 0
        self._buffer = bytearray(self._start)
        # Given to the compressor, or about to be, since it was last flushed.
        self._unflushed = len(self._start)

    def _has_room(self, points: int, size: int) -> bool:
        limits = self._limits
        size += len(self._separator) + len(self._end)
        if self._raw + size > limits.raw_bytes:
            return False
        if limits.points is not None and self._points + points > limits.points:
            return False
        return self._bound(size) <= limits.compressed_bytes or (
            self._flush() and self._bound(size) <= limits.compressed_bytes
        )

    def _bound(self, size: int) -> int:
        return self._compressed + self._compressor.bound(self._unflushed + size)

    def _append(self, points: int, item: bytes) -> Iterator[None]:
        if self._points:
            self._buffer += self._separator
        added = len(item) + (len(self._separator) if self._points else 0)
        self._raw += added
        self._unflushed += added
        self._points += points
        for start in range(0, len(item), _PIECE_BYTES):
            self._buffer += item[start : start + _PIECE_BYTES]
            if len(self._buffer) >= _PIECE_BYTES:
                self._write_buffer()
                yield None

    def _flush(self) -> bool:
        self._write_buffer()
        self._keep(self._compressor.flush())
        self._unflushed = 0
        return True

    def _write_buffer(self) -> None:
        self._keep(self._compressor.write(self._buffer))
        self._buffer = bytearray()

    def _keep(self, data: bytes) -> None:
        if data:
            self._output.append(data)
            self._compressed += len(data)
