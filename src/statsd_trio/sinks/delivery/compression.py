"""Compress bytes piece by piece, with an upper bound for the size of the output.

A piece is small enough that compressing it does not hold up the event loop. The bound
makes it possible to close a payload before it exceeds the intake's limit.
"""

import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Final, Protocol

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Source: datadog-agent, pkg/config/setup/common_settings.go,
# serializer_zstd_compressor_level.
DEFAULT_ZSTD_LEVEL: Final = 1

# Measured on 1.6 MB of series in pieces of 16 KiB: the slowest piece takes 2 ms with
# level 9, 22 ms with level 12, and 387 ms and 700 MB with level 22. They save 0.5 % and
# 7 % of 700 KB.
MAX_ZSTD_LEVEL: Final = 9


class Compressor(Protocol):
    """One compressed stream, written once from start to end."""

    def write(self, data: bytes | bytearray, /) -> bytes:
        """Compress *data*; return the output that is ready."""
        ...

    def flush(self) -> bytes:
        """Return the output for everything so far; the stream goes on."""
        ...

    def close(self) -> bytes:
        """Return the remaining output and end the stream."""
        ...

    def bound(self, size: int, /) -> int:
        """Return the greatest size of the output for *size* more bytes and the end."""
        ...


def _bound_compressed(size: int) -> int:
    # More than zstd and deflate add to bytes that cannot be compressed: a few bytes per
    # block, a header and a checksum.
    return size + size // 128 + 256


class _Zstd:
    def __init__(self, level: int) -> None:
        self._stream = zstd.ZstdCompressor(level=min(level, MAX_ZSTD_LEVEL))
        self.write = self._stream.compress
        self.bound = _bound_compressed

    def flush(self) -> bytes:
        return self._stream.flush(zstd.ZstdCompressor.FLUSH_BLOCK)

    def close(self) -> bytes:
        return self._stream.flush(zstd.ZstdCompressor.FLUSH_FRAME)


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._stream = zlib.compressobj(wbits=window_bits)
        self.write = self._stream.compress
        self.bound = _bound_compressed

    def flush(self) -> bytes:
        return self._stream.flush(zlib.Z_SYNC_FLUSH)

    def close(self) -> bytes:
        return self._stream.flush(zlib.Z_FINISH)


class _Identity:
    def write(self, data: bytes | bytearray, /) -> bytes:
        return bytes(data)

    def flush(self) -> bytes:
        return b""

    def close(self) -> bytes:
        return b""

    def bound(self, size: int, /) -> int:
        return size


IDENTITY: Final = ""

# By the value of the Content-Encoding header; "" means that there is no such header.
_COMPRESSORS: Final[Mapping[str, Callable[[int], Compressor]]] = {
    "zstd": _Zstd,
    "deflate": lambda _level: _Zlib(zlib.MAX_WBITS),
    "gzip": lambda _level: _Zlib(zlib.MAX_WBITS | 16),
    IDENTITY: lambda _level: _Identity(),
}

# The Agent's names, and common ones. Source: datadog-agent, pkg/util/compression.
_ENCODINGS: Final[Mapping[str, str]] = {
    "zstd": "zstd",
    "zlib": "deflate",
    "deflate": "deflate",
    "gzip": "gzip",
    "none": IDENTITY,
    "identity": IDENTITY,
}

ENCODINGS: Final = frozenset(_COMPRESSORS)


def parse_compression(name: str) -> str:
    """Return the Content-Encoding for a *name* in a configuration; "" for none.

    Raises:
        ValueError: if there is no such compression.
    """
    encoding = _ENCODINGS.get(name.strip().lower())
    if encoding is None:
        known = ", ".join(_ENCODINGS)
        raise ValueError(f"compression is {name!r}, not one of {known}")
    return encoding


def open_compressor(encoding: str, zstd_level: int = DEFAULT_ZSTD_LEVEL) -> Compressor:
    """Start a stream in *encoding*, one of `ENCODINGS`.

    A *zstd_level* above `MAX_ZSTD_LEVEL` is lowered to it, because higher levels would
    hold up the event loop.
    """
    return _COMPRESSORS[encoding](zstd_level)
