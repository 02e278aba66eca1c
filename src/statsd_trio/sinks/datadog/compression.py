"""Bytes in, compressed bytes out, piece by piece, with a bound on what is to come.

A piece is small enough that compressing it does not hold the event loop; the bound
is what lets a payload be closed before it grows past the intake's limit.
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
_ZSTD_LEVEL: Final = 1


class Compressor(Protocol):
    """One compressed stream, written once from start to end."""

    def write(self, data: bytes | bytearray, /) -> bytes:
        """Take *data*; give what output is ready."""
        ...

    def flush(self) -> bytes:
        """Give all that was taken so far; the stream goes on."""
        ...

    def close(self) -> bytes:
        """Give the rest and end the stream."""
        ...

    def bound(self, size: int, /) -> int:
        """Bound the output for *size* bytes more, the end included."""
        ...


def _bound_compressed(size: int) -> int:
    # Above what zstd and deflate add to bytes that do not compress: a few bytes a
    # block, a header and a checksum.
    return size + size // 128 + 256


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstd.ZstdCompressor(level=_ZSTD_LEVEL)
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

# By the value of the Content-Encoding header; "" sends none.
_COMPRESSORS: Final[Mapping[str, Callable[[], Compressor]]] = {
    "zstd": _Zstd,
    "deflate": lambda: _Zlib(zlib.MAX_WBITS),
    "gzip": lambda: _Zlib(zlib.MAX_WBITS | 16),
    IDENTITY: _Identity,
}

# The Agent's names, and the plain ones.
# Source: datadog-agent, pkg/util/compression.
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
    """Turn the *name* in a configuration into a Content-Encoding, "" for none.

    Raises:
        ValueError: if there is no such compression.
    """
    encoding = _ENCODINGS.get(name.strip().lower())
    if encoding is None:
        known = ", ".join(_ENCODINGS)
        raise ValueError(f"compression is {name!r}, not one of {known}")
    return encoding


def open_compressor(encoding: str) -> Compressor:
    """Start a stream in *encoding*, one of `ENCODINGS`."""
    return _COMPRESSORS[encoding]()
