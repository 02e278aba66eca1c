"""Read the packets in the Agent's capture files, ``.dog``.

A file begins with a header of eight bytes, the fifth of which has the version. Then
come records: a little-endian uint32 length and a protobuf message. A length of zero
ends them. What follows is the Agent's own state, which nobody else can use.

Source: datadog-agent, comp/dogstatsd/replay/impl/file_common.go and writer.go.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Final

from google.protobuf.message import DecodeError

from statsd_trio.replay.capture import CapturedPacket, CaptureError
from statsd_trio.replay.dog_record_pb2 import DogRecord

_MAGIC: Final = b"\xd4\x74\xd0\x60"
HEADER_BYTES: Final = 8
_VERSION_MARK: Final = 0xF0
_NEWEST_VERSION: Final = 3
_LENGTH: Final = struct.Struct("<I")

# A packet, its credentials and the rest; the Agent's default buffer is 8 KiB.
_MAX_RECORD_BYTES: Final = 256 * 1024


def is_dog(header: bytes) -> bool:
    """Return whether a file that starts with *header* is one of the Agent's."""
    return header.startswith(_MAGIC)


def read_records(read: Callable[[int], bytes]) -> Iterator[CapturedPacket]:
    """Yield packets until the end of the records.

    *read* returns fewer bytes than asked for at the end of the file.

    Raises:
        CaptureError: if the version is newer than the known ones, or a record is
            damaged.
    """
    header = read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or not is_dog(header):
        raise CaptureError("not a capture of the Agent")
    version = header[4] & ~_VERSION_MARK
    if header[4] & _VERSION_MARK != _VERSION_MARK or version > _NEWEST_VERSION:
        raise CaptureError(f"a capture of version {version} is not known")
    # Times are in nanoseconds from version 3 on.
    unit = 1e-9 if version >= 3 else 1.0
    number = 0
    while prefix := read(_LENGTH.size):
        number += 1
        length = _LENGTH.unpack(prefix)[0] if len(prefix) == _LENGTH.size else -1
        if length == 0:
            return
        record = read(length) if 0 < length <= _MAX_RECORD_BYTES else b""
        if len(record) != length:
            raise CaptureError(f"record {number} is damaged or cut off")
        try:
            yield _parse_record(record, unit)
        except DecodeError as error:
            raise CaptureError(f"record {number} is not a message: {error}") from error


def _parse_record(record: bytes, unit: float) -> CapturedPacket:
    message = DogRecord.FromString(record)
    source = f"unixgram pid {message.pid}" if message.pid else "unixgram"
    return CapturedPacket(message.timestamp * unit, source, message.payload)
