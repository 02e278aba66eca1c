import pytest
from hypothesis import given, strategies as st

from statsd_trio.replay.capture import (
    CapturedPacket,
    CaptureError,
    format_packet,
    parse_packet,
)


@given(st.floats(0, 1e10), st.text(), st.binary())
def test_a_packet_is_read_as_it_was_written(
    time: float, source: str, data: bytes
) -> None:
    packet = CapturedPacket(time, source, data)
    assert parse_packet(format_packet(packet)) == packet


def test_a_packet_is_one_line_of_json() -> None:
    packet = CapturedPacket(1.5, "udp 127.0.0.1:9", b"a:1|c\n")
    assert format_packet(packet) == (
        '{"time":1.5,"source":"udp 127.0.0.1:9","data":"YToxfGMK"}'
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x",
        "[]",
        "3",
        "{}",
        '{"time":1,"source":"udp"}',
        '{"time":"soon","source":"udp","data":""}',
        '{"time":null,"source":"udp","data":""}',
        '{"time":NaN,"source":"udp","data":""}',
        '{"time":-1,"source":"udp","data":""}',
        '{"time":1e300,"source":"udp","data":""}',
        '{"time":1,"source":"udp","data":"not base64"}',
        '{"time":1,"source":"udp","data":"\xe9"}',
        '{"time":1,"source":"udp","data":7}',
        "[" * 100_000,
        '{"time":' + "9" * 5000 + ',"source":"udp","data":""}',
        b"\xff\xfe",
    ],
)
def test_any_other_line_is_refused(line: str | bytes) -> None:
    with pytest.raises(CaptureError, match="not a"):
        parse_packet(line)


@given(st.text() | st.binary())
def test_any_line_is_a_packet_or_refused(line: str | bytes) -> None:
    try:
        parse_packet(line)
    except CaptureError:
        return
