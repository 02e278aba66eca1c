"""Payloads to the bytes of a spool file and back; pure.

A file is a line that says what it is, the SHA-256 of all that follows, the length of
a JSON header, the header, and the bodies one after another. The checksum finds what
is torn or rotten; what is whole is still not trusted: every field of the header is
checked. There is no API key in it, and no URL.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Final

import attrs

from statsd_trio.sinks.datadog.compression import ENCODINGS
from statsd_trio.sinks.datadog.payloads import Payload, Route

_MAGIC: Final = b"statsd-trio spool 1\n"
_DIGEST_BYTES: Final = hashlib.sha256().digest_size
_LENGTH_BYTES: Final = 4


class SpoolFileError(Exception):
    """The file is torn, rotten, or somebody else's."""


@attrs.frozen
class Record:
    """One payload in a file.

    Attributes:
        time: of its snapshot, in unix seconds.
        is_doubtful: it may have arrived already.
    """

    payload: Payload
    time: int
    is_doubtful: bool = False


def format_spool_file(records: Iterable[Record]) -> bytes:
    """Give the bytes of a file that holds *records*."""
    records = tuple(records)
    header = json.dumps(
        [
            {
                "route": record.payload.route.value,
                "encoding": record.payload.encoding,
                "points": record.payload.points,
                "size": len(record.payload.body),
                "time": record.time,
                "is_doubtful": record.is_doubtful,
            }
            for record in records
        ]
    ).encode()
    content = b"".join(
        (
            len(header).to_bytes(_LENGTH_BYTES, "little"),
            header,
            *(record.payload.body for record in records),
        )
    )
    return _MAGIC + hashlib.sha256(content).digest() + content


def parse_spool_file(data: bytes) -> tuple[Record, ...]:
    """Read what `format_spool_file` wrote.

    Raises:
        SpoolFileError: if it is anything else.
    """
    if not data.startswith(_MAGIC):
        raise SpoolFileError("not a spool file of this version")
    digest = data[len(_MAGIC) : len(_MAGIC) + _DIGEST_BYTES]
    content = data[len(_MAGIC) + _DIGEST_BYTES :]
    if hashlib.sha256(content).digest() != digest:
        raise SpoolFileError("the checksum is wrong")
    header_end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    try:
        header: Any = json.loads(content[_LENGTH_BYTES:header_end])
        records: list[Record] = []
        position = header_end
        for entry in header:
            size = _check_natural(entry["size"])
            body = content[position : position + size]
            position += size
            records.append(_parse_record(entry, body))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SpoolFileError("the header cannot be read") from error
    if position != len(content):
        raise SpoolFileError("the bodies are not those of the header")
    return tuple(records)


def _parse_record(entry: Any, body: bytes) -> Record:
    if entry["encoding"] not in ENCODINGS or not isinstance(entry["is_doubtful"], bool):
        raise ValueError
    payload = Payload(
        Route(entry["route"]), entry["encoding"], _check_natural(entry["points"]), body
    )
    return Record(payload, _check_natural(entry["time"]), entry["is_doubtful"])


def _check_natural(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError
    return value
