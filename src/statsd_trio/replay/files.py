"""Read the packets of a capture file, whatever its format and compression."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

from statsd_trio.replay.capture import (
    MAX_LINE_BYTES,
    CapturedPacket,
    CaptureError,
    parse_packet,
)
from statsd_trio.replay.dog import HEADER_BYTES, is_dog, read_records

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"


def read_capture(path: Path) -> Iterator[CapturedPacket]:
    """Yield the packets of our captures or the Agent's, compressed or not.

    Raises:
        CaptureError: if the file is not a capture or is damaged; the message names the
            line or record.
        OSError: if the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES)
        file.seek(0)
        if not start.startswith(_ZSTD_MAGIC):
            yield from _read_plain(file, start)
            return
        try:
            with zstd.open(file) as plain:
                start = plain.read(HEADER_BYTES)
            file.seek(0)
            with zstd.open(file) as plain:
                yield from _read_plain(cast("BinaryIO", plain), start)
        except (zstd.ZstdError, EOFError) as error:
            raise CaptureError(f"not valid zstd: {error}") from error


def _read_plain(file: BinaryIO, start: bytes) -> Iterator[CapturedPacket]:
    if is_dog(start):
        yield from read_records(file.read)
        return
    number = 0
    while line := file.readline(MAX_LINE_BYTES):
        number += 1
        if not line.strip():
            continue
        try:
            yield parse_packet(line)
        except CaptureError as error:
            raise CaptureError(f"line {number}: {error}") from error
