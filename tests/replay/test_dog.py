import io
import struct

import pytest
from hypothesis import given, strategies as st

from statsd_trio.replay.capture import CapturedPacket, CaptureError
from statsd_trio.replay.dog import read_records

HEADER = b"\xd4\x74\xd0\x60\xf3\xff\0\0"
END = bytes(4)


def varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def record(time: int, payload: bytes, pid: int = 0) -> bytes:
    # Written by the rules of protobuf, fields 1 to 6 of UnixDogstatsdMsg.
    message = (
        b"\x08" + varint(time)
        + b"\x10" + varint(len(payload))
        + b"\x1a" + varint(len(payload)) + payload
        + b"\x20" + varint(pid)
        + b"\x28" + varint(3)
        + b"\x32" + varint(3) + b"abc"
    )  # fmt: skip
    return struct.pack("<I", len(message)) + message


def read(data: bytes) -> list[CapturedPacket]:
    return list(read_records(io.BytesIO(data).read))


def test_records_are_read_to_their_end() -> None:
    file = (
        HEADER
        + record(1_700_000_000_500_000_000, b"a:1|c", pid=812)
        + record(1_700_000_001_000_000_000, b"x" * 300)
        + END
        + b"the state of the tagger and its length"
    )
    assert read(file) == [
        CapturedPacket(1_700_000_000.5, "unixgram pid 812", b"a:1|c"),
        CapturedPacket(1_700_000_001.0, "unixgram", b"x" * 300),
    ]


def test_seconds_are_the_unit_before_version_3() -> None:
    file = b"\xd4\x74\xd0\x60\xf2\xff\0\0" + record(1_700_000_000, b"a:1|c")
    assert read(file)[0].time == 1_700_000_000


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "not a capture of the Agent"),
        (b"\xd4\x74\xd0\x60", "not a capture of the Agent"),
        (b"PK\3\4abcd", "not a capture of the Agent"),
        (b"\xd4\x74\xd0\x60\xf4\xff\0\0", "version 4 is not known"),
        (b"\xd4\x74\xd0\x60\x03\xff\0\0", "is not known"),
        (HEADER + b"\5\0", "record 1 is damaged or cut off"),
        (HEADER + b"\5\0\0\0abc", "record 1 is damaged or cut off"),
        (HEADER + b"\xff\xff\xff\xff", "record 1 is damaged or cut off"),
        (HEADER + record(1, b"") + b"\1\0\0\0\x08", "record 2 is not a message"),
        (HEADER + b"\1\0\0\0\x0d", "record 1 is not a message"),
        (HEADER + b"\2\0\0\0\x1a\x7f", "record 1 is not a message"),
        (HEADER + b"\x0c\0\0\0\x08" + b"\xff" * 11, "record 1 is not a message"),
    ],
)
def test_a_broken_file_is_refused_by_its_record(file: bytes, message: str) -> None:
    with pytest.raises(CaptureError, match=message):
        read(file)


@given(st.binary())
def test_any_bytes_are_packets_or_refused(data: bytes) -> None:
    try:
        read(HEADER + data)
    except CaptureError:
        return
