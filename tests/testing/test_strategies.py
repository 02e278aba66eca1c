"""What the strategies build is what their names say."""

from hypothesis import given, strategies as st

from statsd_trio.protocol import parse_message
from statsd_trio.testing.strategies import packets, streams, valid_lines
from statsd_trio.transports.framing import FrameFramer


@given(valid_lines())
def test_valid_line_is_accepted(line: bytes) -> None:
    parse_message(line)


@given(packets(max_bytes=100))
def test_packet_keeps_its_limit(packet: bytes) -> None:
    assert len(packet) <= 100


@given(streams(), st.data())
def test_stream_is_its_packets_wherever_it_is_cut(
    stream: tuple[list[bytes], bytes], data: st.DataObject
) -> None:
    sent, raw = stream
    cut = data.draw(st.integers(0, len(raw)))
    framer = FrameFramer(8192)
    received: list[bytes] = []
    for piece in (raw[:cut], raw[cut:]):
        framer.add(piece)
        received += framer.take_packets()
    # A frame of no bytes holds no line.
    assert received == [packet for packet in sent if packet]
    assert not framer.is_in_packet
