import struct
import sys
from pathlib import Path

import pytest

from statsd_trio.replay.capture import CapturedPacket, CaptureError, format_packet
from statsd_trio.replay.files import read_capture

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKETS = [
    CapturedPacket(float(number), "udp", b"a:%d|c" % number) for number in range(3)
]
LINES = "\n".join(map(format_packet, PACKETS)).encode()
DOG = b"\xd4\x74\xd0\x60\xf3\xff\0\0" + b"".join(
    struct.pack("<I", 8) + b"\x08\0\x1a\x04a:%d|" % number for number in range(3)
)


@pytest.mark.parametrize("content", [LINES, LINES.replace(b"\n", b"\n\n") + b"\n"])
@pytest.mark.parametrize("pack", [bytes, zstd.compress])
def test_a_capture_is_read(tmp_path: Path, content: bytes, pack: type[bytes]) -> None:
    (tmp_path / "x").write_bytes(pack(content))
    assert list(read_capture(tmp_path / "x")) == PACKETS


@pytest.mark.parametrize("pack", [bytes, zstd.compress])
def test_a_capture_of_the_agent_is_read(tmp_path: Path, pack: type[bytes]) -> None:
    (tmp_path / "x").write_bytes(pack(DOG))
    assert [packet.data for packet in read_capture(tmp_path / "x")] == [
        b"a:0|",
        b"a:1|",
        b"a:2|",
    ]


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(LINES + b"\nbroken")
    with pytest.raises(CaptureError, match="line 4: not a captured packet"):
        list(read_capture(tmp_path / "x"))


def test_a_line_without_end_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x" * 10_000_000)
    with pytest.raises(CaptureError, match="line 1: "):
        list(read_capture(tmp_path / "x"))


def test_broken_compression_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(zstd.compress(LINES)[:-5])
    with pytest.raises(CaptureError, match="not valid zstd"):
        list(read_capture(tmp_path / "x"))


def test_an_empty_file_holds_no_packets(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert list(read_capture(tmp_path / "x")) == []
