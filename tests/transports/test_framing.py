import struct
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from statsd_trio.transports.framing import (
    FramingError,
    LineFramer,
    split_frames,
    split_lines,
)

LIMIT = 20

cuts = st.lists(st.integers(1, 30), min_size=1, max_size=30)


def frame(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def cut(stream: bytes, sizes: list[int]) -> list[bytes]:
    """Cut *stream* into pieces of *sizes*, again and again to its end."""
    pieces: list[bytes] = []
    while stream:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(stream[:size])
        stream = stream[size:]
    return pieces


def take_all(
    split: Callable[[bytearray, int], list[bytes]], buffer: bytearray
) -> list[bytes]:
    packets: list[bytes] = []
    while found := split(buffer, LIMIT):
        packets += found
    return packets


@given(st.lists(st.binary(min_size=1, max_size=LIMIT)), cuts)
def test_frames_are_the_same_wherever_the_stream_is_cut(
    packets: list[bytes], sizes: list[int]
) -> None:
    buffer = bytearray()
    taken: list[bytes] = []
    for piece in cut(b"".join(map(frame, packets)), sizes):
        buffer += piece
        taken += take_all(split_frames, buffer)
    assert taken == packets
    assert not buffer


def test_an_incomplete_frame_stays_in_the_buffer() -> None:
    buffer = bytearray(frame(b"a:1|c") + frame(b"b:1|c")[:-1])
    assert split_frames(buffer, LIMIT) == [b"a:1|c"]
    assert buffer == frame(b"b:1|c")[:-1]


def test_an_incomplete_length_stays_in_the_buffer() -> None:
    buffer = bytearray(b"\1\0\0")
    assert split_frames(buffer, LIMIT) == []
    assert buffer == b"\1\0\0"


def test_an_empty_frame_is_skipped() -> None:
    assert split_frames(bytearray(frame(b"") + frame(b"a:1|c")), LIMIT) == [b"a:1|c"]


def test_empty_frames_without_end_are_bounded_by_the_buffer() -> None:
    buffer = bytearray(bytes(4000))
    assert split_frames(buffer, LIMIT) == []
    assert not buffer


def test_a_frame_of_the_limit_is_taken() -> None:
    assert split_frames(bytearray(frame(b"x" * LIMIT)), LIMIT) == [b"x" * LIMIT]


@pytest.mark.parametrize("length", [LIMIT + 1, 2**31, 2**32 - 1])
def test_a_frame_over_the_limit_is_refused_by_its_length_alone(length: int) -> None:
    with pytest.raises(FramingError, match=f"frame of {length} bytes, 20 allowed"):
        split_frames(bytearray(struct.pack("<I", length)), LIMIT)


def test_frames_before_a_bad_one_are_taken_first() -> None:
    buffer = bytearray(frame(b"a:1|c") + frame(b"x" * 21))
    assert split_frames(buffer, LIMIT) == [b"a:1|c"]
    with pytest.raises(FramingError):
        split_frames(buffer, LIMIT)


@pytest.mark.parametrize(
    ("split", "stream"),
    [(split_frames, frame(b"a\n") * 9), (split_lines, b"0123456789abcdefghi\n" * 9)],
)
def test_a_call_takes_no_more_packets_than_asked(
    split: Callable[..., list[bytes]], stream: bytes
) -> None:
    buffer = bytearray(stream)
    assert len(split(buffer, LIMIT, max_packets=4)) == 4
    assert len(buffer) == len(stream) // 9 * 5


lines = st.binary(max_size=LIMIT - 1).map(lambda line: line.replace(b"\n", b"|"))


@given(st.lists(lines), cuts)
def test_lines_are_the_same_wherever_the_stream_is_cut(
    texts: list[bytes], sizes: list[int]
) -> None:
    stream = b"".join(text + b"\n" for text in texts)
    buffer = bytearray()
    taken: list[bytes] = []
    for piece in cut(stream, sizes):
        buffer += piece
        taken += take_all(split_lines, buffer)
    assert b"".join(taken) == stream
    assert all(len(packet) <= LIMIT and packet.endswith(b"\n") for packet in taken)
    assert not buffer


def test_as_many_lines_as_fit_share_a_packet() -> None:
    buffer = bytearray(b"a:1|c\nb:1|c\nc:1|c\nd:1|c\ne:")
    assert split_lines(buffer, LIMIT) == [b"a:1|c\nb:1|c\nc:1|c\n", b"d:1|c\n"]
    assert buffer == b"e:"


def test_a_line_of_the_limit_is_taken() -> None:
    line = b"x" * (LIMIT - 1) + b"\n"
    assert split_lines(bytearray(line), LIMIT) == [line]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_over_the_limit_is_refused(end: bytes) -> None:
    with pytest.raises(FramingError, match="line of more than 20 bytes"):
        split_lines(bytearray(b"x" * LIMIT + end), LIMIT)


def test_lines_before_a_bad_one_are_taken_first() -> None:
    buffer = bytearray(b"a:1|c\n" + b"x" * LIMIT)
    assert split_lines(buffer, LIMIT) == [b"a:1|c\n"]
    with pytest.raises(FramingError):
        split_lines(buffer, LIMIT)


@given(
    st.lists(st.binary(max_size=50).map(lambda line: line.replace(b"\n", b"|"))), cuts
)
def test_only_the_lines_that_are_too_long_are_left_out(
    texts: list[bytes], sizes: list[int]
) -> None:
    framer = LineFramer(LIMIT)
    taken: list[bytes] = []
    for piece in cut(b"".join(text + b"\n" for text in texts), sizes):
        framer.add(piece)
        while found := framer.take_packets():
            taken += found
    kept = [text for text in texts if len(text) < LIMIT]
    assert b"".join(taken) == b"".join(text + b"\n" for text in kept)
    assert framer.dropped == len(texts) - len(kept)
    assert not framer.has_rest


def test_a_line_without_end_never_grows_the_buffer() -> None:
    framer = LineFramer(LIMIT)
    for _ in range(100):
        framer.add(b"x" * 10)
        assert framer.take_packets() == []
        assert len(framer._buffer) < LIMIT
    assert framer.dropped == 1
    assert framer.has_rest


@pytest.mark.parametrize("rest", [b"a:1", b"x" * 30])
def test_the_rest_of_a_writer_that_is_gone_is_forgotten(rest: bytes) -> None:
    framer = LineFramer(LIMIT)
    framer.add(rest)
    framer.take_packets()
    framer.drop_rest()
    assert not framer.has_rest
    framer.add(b"b:1|c\n")
    assert framer.take_packets() == [b"b:1|c\n"]
