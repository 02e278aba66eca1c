"""Reads the packets in the Agent's capture files, ``.dog``.

Eight bytes of header, the fifth of which holds the version, then records: a
little-endian uint32 length and a protobuf message. A length of zero ends them; what
follows is the Agent's own state and of no use to anyone else.

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
    """Read packets until the end of the records; *read* gives fewer bytes at an end.

    Raises:
        CaptureError: if the version is newer than is known, or a record is broken.
    """
    header = read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or not is_dog(header):
        raise CaptureError("not a capture of the Agent")
    version = header[4] & ~_VERSION_MARK
    if header[4] & _VERSION_MARK != _VERSION_MARK or version > _NEWEST_VERSION:
        raise CaptureError(f"a capture of version {version} is not known")
    # Nanoseconds from version 3 on.
    unit = 1e-9 if version >= 3 else 1.0
    number = 0
    while prefix := read(_LENGTH.size):
        number += 1
        length = _LENGTH.unpack(prefix)[0] if len(prefix) == _LENGTH.size else -1
        if length == 0:
            return
        record = read(length) if 0 < length <= _MAX_RECORD_BYTES else b""
        if len(record) != length:
            raise CaptureError(f"record {number} is broken or cut")
        try:
            yield _parse_record(record, unit)
        except DecodeError as error:
            raise CaptureError(f"record {number} is not a message: {error}") from error


def _parse_record(record: bytes, unit: float) -> CapturedPacket:
    message = DogRecord.FromString(record)
    source = f"unixgram pid {message.pid}" if message.pid else "unixgram"
    return CapturedPacket(message.timestamp * unit, source, message.payload)
