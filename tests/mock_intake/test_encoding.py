import gzip
import sys
import zlib
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given, strategies as st

from statsd_trio.mock_intake.encoding import (
    ENCODINGS,
    EncodingError,
    TooLargeError,
    decode_body,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMPRESSORS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "zstd": zstd.compress,
    "zstd1": zstd.compress,
    "deflate": zlib.compress,
    "gzip": gzip.compress,
}
MEGABYTE: Final = 1_000_000


def decode(body: bytes, encoding: str, limit_bytes: int = MEGABYTE) -> bytes:
    return b"".join(decode_body(body, encoding, limit_bytes))


def test_all_encodings_are_tested() -> None:
    assert {*COMPRESSORS, "", "identity"} == ENCODINGS


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_a_body_of_just_the_limit_is_decoded(encoding: str) -> None:
    raw = bytes(MEGABYTE)
    assert decode(COMPRESSORS.get(encoding, bytes)(raw), encoding) == raw


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_a_byte_over_the_limit_is_refused(encoding: str) -> None:
    body = COMPRESSORS.get(encoding, bytes)(bytes(MEGABYTE + 1))
    with pytest.raises(TooLargeError, match="over 1000000 bytes"):
        decode(body, encoding)


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_pieces_are_small(encoding: str) -> None:
    body = COMPRESSORS.get(encoding, bytes)(bytes(MEGABYTE))
    assert max(map(len, decode_body(body, encoding, MEGABYTE))) <= 64 * 1024


@pytest.mark.parametrize("encoding", COMPRESSORS)
def test_a_bomb_is_not_decoded_past_the_limit(encoding: str) -> None:
    # Of 20 MB only the limit and one piece more may have been decoded.
    pieces: list[bytes] = []
    with pytest.raises(TooLargeError):
        pieces.extend(
            decode_body(COMPRESSORS[encoding](bytes(20 * MEGABYTE)), encoding, MEGABYTE)
        )
    assert sum(map(len, pieces)) <= MEGABYTE


@pytest.mark.parametrize("encoding", COMPRESSORS)
def test_a_body_cut_short_is_refused(encoding: str) -> None:
    body = COMPRESSORS[encoding](b"page.views" * 1000)
    with pytest.raises(EncodingError, match="cut short"):
        decode(body[:-3], encoding)


@pytest.mark.parametrize("encoding", COMPRESSORS)
def test_a_body_without_a_byte_is_refused(encoding: str) -> None:
    with pytest.raises(EncodingError, match="cut short"):
        decode(b"", encoding)


@pytest.mark.parametrize("encoding", COMPRESSORS)
def test_a_body_that_is_something_else_is_refused(encoding: str) -> None:
    with pytest.raises(EncodingError, match=f"the body is not {encoding}"):
        decode(b"not compressed at all", encoding)


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_several_frames_are_one_body(encoding: str) -> None:
    compress = COMPRESSORS[encoding]
    assert decode(compress(b"one") + compress(b"two"), encoding) == b"onetwo"


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
def test_very_many_frames_are_refused(encoding: str) -> None:
    frame = COMPRESSORS[encoding](b"")
    with pytest.raises(EncodingError, match="has over 100"):
        decode(frame * 101, encoding)


def test_what_follows_a_deflated_body_is_refused() -> None:
    with pytest.raises(EncodingError, match="4 bytes come after"):
        decode(zlib.compress(b"a") + b"more", "deflate")


def test_a_window_over_8_megabytes_is_refused() -> None:
    # Source: RFC 9659.
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 24}
    compressor = zstd.ZstdCompressor(options=options)
    body = compressor.compress(b"a" * 100) + compressor.flush()
    with pytest.raises(EncodingError, match="the body is not zstd"):
        decode(body, "zstd")


@given(st.binary(max_size=100), st.sampled_from(sorted(COMPRESSORS)))
def test_any_bytes_are_decoded_or_refused(body: bytes, encoding: str) -> None:
    try:
        decode(body, encoding)
    except (EncodingError, TooLargeError):
        return
