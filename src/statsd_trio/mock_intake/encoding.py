"""Decode the content encoding of a body, within a limit.

Decoding stops at the limit, however small the encoded body is, so that a bomb uses up
neither memory nor time.
"""

import sys
import zlib
from collections.abc import Generator, Iterator
from typing import Final

from statsd_trio.plural import describe_count

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Small enough that a caller who pauses between pieces does not hold up anybody.
_PIECE_BYTES: Final = 64 * 1024

# Source: RFC 9659: a zstd window of a content encoding is at most 8 MB. Without
# this limit a few bytes may ask for a window of 128 MB.
_ZSTD_OPTIONS: Final[dict[int, int]] = {zstd.DecompressionParameter.window_log_max: 23}

# The bytes after a frame are copied for the next one, so the time for many tiny frames
# would grow with the square of their number.
_MAX_FRAMES: Final = 100


class EncodingError(ValueError):
    """The body does not have the encoding in its Content-Encoding header."""


class TooLargeError(ValueError):
    """The decoded body is larger than the limit."""


def decode_body(body: bytes, encoding: str, limit_bytes: int) -> Iterator[bytes]:
    """Yield the decoded body in pieces of at most 64 KiB.

    ``deflate`` is zlib's format, as in HTTP and as the Agent sends it. Several zstd
    frames or gzip members in a row are one body.

    Raises:
        EncodingError: if the body is damaged, incomplete, or followed by other bytes.
        TooLargeError: as soon as more than *limit_bytes* have been decoded.
    """
    decoded_bytes = 0
    try:
        for piece in _DECODERS[encoding](body):
            decoded_bytes += len(piece)
            if decoded_bytes > limit_bytes:
                raise TooLargeError(f"the decoded body is over {limit_bytes} bytes")
            yield piece
    except (zlib.error, zstd.ZstdError) as error:
        raise EncodingError(f"the body is not {encoding}: {error}") from error


def _decode_nothing(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]


def _decode_deflate(body: bytes) -> Iterator[bytes]:
    rest = yield from _inflate(body, zlib.MAX_WBITS)
    if rest:
        raise EncodingError(
            f"{describe_count(len(rest), 'byte')} come after the deflated body"
        )


def _decode_gzip(body: bytes) -> Iterator[bytes]:
    for _ in range(_MAX_FRAMES):
        # Adding 16 makes zlib read gzip's header and trailer.
        body = yield from _inflate(body, 16 + zlib.MAX_WBITS)
        if not body:
            return
    raise EncodingError(f"the body has over {_MAX_FRAMES} gzip members")


def _inflate(body: bytes, window_bits: int) -> Generator[bytes, None, bytes]:
    """Yield what one zlib stream contains; return the bytes after it."""
    decompressor = zlib.decompressobj(window_bits)
    while not decompressor.eof:
        piece = decompressor.decompress(body, _PIECE_BYTES)
        if not piece and not decompressor.eof:
            raise EncodingError("the body is cut short")
        yield piece
        body = decompressor.unconsumed_tail
    return decompressor.unused_data


def _decode_zstd(body: bytes) -> Iterator[bytes]:
    for _ in range(_MAX_FRAMES):
        decompressor = zstd.ZstdDecompressor(options=_ZSTD_OPTIONS)
        while not decompressor.eof:
            piece = decompressor.decompress(body, _PIECE_BYTES)
            if not piece and not decompressor.eof:
                raise EncodingError("the body is cut short")
            yield piece
            # It keeps the input that it has not used.
            body = b""
        body = decompressor.unused_data
        if not body:
            return
    raise EncodingError(f"the body has over {_MAX_FRAMES} zstd frames")


_DECODERS: Final = {
    "": _decode_nothing,
    "identity": _decode_nothing,
    "zstd": _decode_zstd,
    # The name that Datadog's own API clients use (MetricContentEncoding).
    "zstd1": _decode_zstd,
    "deflate": _decode_deflate,
    "gzip": _decode_gzip,
}

ENCODINGS: Final = frozenset(_DECODERS)
