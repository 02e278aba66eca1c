import struct
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from statsd_trio.transports.framing import (
    FrameFramer,
    Framer,
    FramingError,
    LineFramer,
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


def take_all(framer: Framer, data: bytes = b"") -> list[bytes]:
    framer.add(data)
    packets = framer.take_packets()
    while framer.has_more:
        packets += framer.take_packets()
    return packets


@given(st.lists(st.binary(max_size=LIMIT)), cuts)
def test_frames_are_the_same_wherever_the_stream_is_cut(
    packets: list[bytes], sizes: list[int]
) -> None:
    framer = FrameFramer(LIMIT)
    taken: list[bytes] = []
    for piece in cut(b"".join(map(frame, packets)), sizes):
        taken += take_all(framer, piece)
    assert taken == [packet for packet in packets if packet]
    assert framer.count(taken) + framer.empty == len(packets)
    assert framer.skipped_bytes == 4 * framer.empty
    assert not framer.is_in_packet
    assert framer.rest_bytes == 0


def test_an_incomplete_frame_is_kept() -> None:
    framer = FrameFramer(LIMIT)
    assert take_all(framer, frame(b"a:1|c") + frame(b"b:1|c")[:-1]) == [b"a:1|c"]
    assert framer.is_in_packet
    assert framer.rest_bytes == 8
    assert framer.describe_rest() == "4 of the 5 bytes of a frame had arrived"
    assert framer.drop_rest() == 8
    assert not framer.is_in_packet


def test_an_incomplete_length_is_kept() -> None:
    framer = FrameFramer(LIMIT)
    assert take_all(framer, b"\1\0\0") == []
    assert framer.describe_rest() == "3 of the 4 bytes of a frame's length had arrived"
    assert take_all(framer, b"\0x") == [b"x"]


def test_a_call_looks_at_a_bounded_number_of_empty_frames() -> None:
    framer = FrameFramer(LIMIT)
    framer.add(bytes(4 * 1000) + frame(b"a:1|c"))
    assert framer.take_packets() == []
    assert framer.has_more
    assert framer.empty == 256
    assert take_all(framer) == [b"a:1|c"]
    assert framer.empty == 1000


def test_a_frame_of_the_limit_is_taken() -> None:
    assert take_all(FrameFramer(LIMIT), frame(b"x" * LIMIT)) == [b"x" * LIMIT]


@pytest.mark.parametrize("length", [LIMIT + 1, 2**31, 2**32 - 1])
def test_a_frame_over_the_limit_is_refused_by_its_length_alone(length: int) -> None:
    framer = FrameFramer(LIMIT)
    framer.add(struct.pack("<I", length))
    with pytest.raises(
        FramingError,
        match=f"a frame of {length} bytes is longer than buffer_size, which is 20",
    ):
        framer.take_packets()


def test_a_line_without_a_length_is_recognised() -> None:
    framer = FrameFramer(LIMIT)
    framer.add(b"page.views:1|c")
    with pytest.raises(FramingError, match="it begins with 'page', as a line without"):
        framer.take_packets()


def test_a_length_is_not_taken_for_a_line() -> None:
    framer = FrameFramer(LIMIT)
    framer.add(struct.pack("<I", 9001))
    with pytest.raises(FramingError, match=r"buffer_size, which is 20$"):
        framer.take_packets()


def test_frames_before_a_bad_one_are_taken_first() -> None:
    framer = FrameFramer(LIMIT)
    framer.add(frame(b"a:1|c") + frame(b"x" * 21))
    assert framer.take_packets() == [b"a:1|c"]
    assert framer.has_more
    with pytest.raises(FramingError):
        framer.take_packets()


@pytest.mark.parametrize(
    ("framer", "stream"),
    [
        (FrameFramer(LIMIT), frame(b"a\n") * 9),
        (LineFramer(LIMIT), b"0123456789abcdefghi\n" * 9),
    ],
)
def test_a_call_takes_no_more_packets_than_asked(framer: Framer, stream: bytes) -> None:
    framer.add(stream)
    assert len(framer.take_packets(4)) == 4
    assert framer.has_more
    assert framer.rest_bytes == len(stream) // 9 * 5


lines = st.binary(max_size=LIMIT - 1).map(lambda line: line.replace(b"\n", b"|"))


@given(st.lists(lines), cuts)
def test_lines_are_the_same_wherever_the_stream_is_cut(
    texts: list[bytes], sizes: list[int]
) -> None:
    stream = b"".join(text + b"\n" for text in texts)
    framer = LineFramer(LIMIT)
    taken: list[bytes] = []
    for piece in cut(stream, sizes):
        taken += take_all(framer, piece)
    assert b"".join(taken) == stream
    assert framer.count(taken) == len(texts)
    assert all(len(packet) <= LIMIT and packet.endswith(b"\n") for packet in taken)
    assert not framer.is_in_packet


def test_as_many_lines_as_fit_share_a_packet() -> None:
    framer = LineFramer(LIMIT)
    packets = take_all(framer, b"a:1|c\nb:1|c\nc:1|c\nd:1|c\ne:")
    assert packets == [b"a:1|c\nb:1|c\nc:1|c\n", b"d:1|c\n"]
    assert framer.describe_rest() == "the last line has no newline: 'e:'"


def test_of_a_long_rest_the_beginning_is_shown() -> None:
    framer = LineFramer(100)
    framer.add(b"\x1b" + b"x" * 80)
    shown = framer.describe_rest()
    assert shown == r"the last line has no newline: '\x1b" + "x" * 59 + "'..."


def test_a_line_of_the_limit_is_taken() -> None:
    line = b"x" * (LIMIT - 1) + b"\n"
    assert take_all(LineFramer(LIMIT), line) == [line]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_over_the_limit_is_refused(end: bytes) -> None:
    framer = LineFramer(LIMIT)
    framer.add(b"x" * LIMIT + end)
    with pytest.raises(FramingError, match="longer than buffer_size, which is 20"):
        framer.take_packets()


def test_lines_before_a_bad_one_are_taken_first() -> None:
    framer = LineFramer(LIMIT)
    framer.add(b"a:1|c\n" + b"x" * LIMIT)
    assert framer.take_packets() == [b"a:1|c\n"]
    assert framer.has_more
    with pytest.raises(FramingError):
        framer.take_packets()


@given(
    st.lists(st.binary(max_size=50).map(lambda line: line.replace(b"\n", b"|"))), cuts
)
def test_only_the_lines_that_are_too_long_are_left_out(
    texts: list[bytes], sizes: list[int]
) -> None:
    framer = LineFramer(LIMIT, skips_long_lines=True)
    taken: list[bytes] = []
    for piece in cut(b"".join(text + b"\n" for text in texts), sizes):
        taken += take_all(framer, piece)
    kept = [text for text in texts if len(text) < LIMIT]
    assert b"".join(taken) == b"".join(text + b"\n" for text in kept)
    assert framer.too_long == len(texts) - len(kept)
    skipped = [text for text in texts if len(text) >= LIMIT]
    assert framer.skipped_bytes == sum(len(text) + 1 for text in skipped)
    assert not framer.is_in_packet


def test_a_line_without_end_never_grows_the_buffer() -> None:
    framer = LineFramer(LIMIT, skips_long_lines=True)
    for _ in range(100):
        assert take_all(framer, b"x" * 10) == []
        assert framer.rest_bytes < LIMIT
    assert framer.too_long == 1
    assert framer.is_in_packet
    assert framer.describe_rest().endswith("and is longer than buffer_size")


@pytest.mark.parametrize("rest", [b"a:1", b"x" * 30])
def test_the_rest_of_a_writer_that_is_gone_is_forgotten(rest: bytes) -> None:
    framer = LineFramer(LIMIT, skips_long_lines=True)
    assert take_all(framer, rest) == []
    assert framer.drop_rest() + framer.skipped_bytes == len(rest)
    assert not framer.is_in_packet
    assert take_all(framer, b"b:1|c\n") == [b"b:1|c\n"]


@pytest.mark.parametrize("make", [FrameFramer, LineFramer], ids=["frames", "lines"])
@given(st.binary(), cuts)
def test_any_bytes_are_packets_left_out_or_kept(
    make: Callable[[int], Framer], stream: bytes, sizes: list[int]
) -> None:
    framer = make(LIMIT)
    header = 4 if make is FrameFramer else 0
    taken: list[bytes] = []
    added = 0
    try:
        for piece in cut(stream, sizes):
            added += len(piece)
            framer.add(piece)
            taken += framer.take_packets()
            while framer.has_more:
                taken += framer.take_packets()
    except FramingError:
        pass
    accounted = sum(header + len(packet) for packet in taken) + framer.skipped_bytes
    assert added == accounted + framer.rest_bytes
