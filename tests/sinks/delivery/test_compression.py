import pytest

from statsd_trio.sinks.delivery.compression import (
    ENCODINGS,
    open_compressor,
    parse_compression,
)


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("zstd", "zstd"),
        ("zlib", "deflate"),
        ("deflate", "deflate"),
        (" GZIP ", "gzip"),
        ("none", ""),
        ("identity", ""),
    ],
)
def test_names_of_the_agent_and_plain_ones_are_known(name: str, encoding: str) -> None:
    assert parse_compression(name) == encoding


def test_unknown_compression_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="'brotli', not one of zstd, zlib"):
        parse_compression("brotli")


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
@pytest.mark.parametrize("size", [0, 1, 1000, 300_000])
def test_output_stays_within_the_bound_even_for_noise(encoding: str, size: int) -> None:
    # A linear congruential generator: noise that is the same every time.
    noise, state = bytearray(), 1
    while len(noise) < size:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        noise += state.to_bytes(8, "little")[4:]
    compressor = open_compressor(encoding)
    bound = compressor.bound(size)
    output = compressor.write(noise[:size])
    output += compressor.flush()
    assert len(output + compressor.close()) <= bound


def test_higher_level_of_zstd_makes_it_shorter() -> None:
    text = b"".join(
        b"page.views.%d|c|#env:prod,user:%d" % (i % 97, i) for i in range(4000)
    )

    sizes = [compress("zstd", text, level) for level in (1, 9, 22)]

    assert sizes[0] > sizes[1]
    # It would take longer than the event loop may be held up.
    assert sizes[1] == sizes[2]


def compress(encoding: str, text: bytes, level: int) -> int:
    compressor = open_compressor(encoding, level)
    return len(compressor.write(text)) + len(compressor.close())
