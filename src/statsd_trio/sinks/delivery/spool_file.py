"""Convert payloads to the bytes of a spool file, and back.

A file consists of a line that says what it is, the SHA-256 of everything after it, the
length of a JSON header, the header, and the bodies one after another. The checksum
reveals files that are incomplete or damaged. A complete file is still not trusted:
every field of the header is checked. It contains no API key and no URL.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from statsd_trio.sinks.delivery.compression import ENCODINGS
from statsd_trio.sinks.delivery.payload import Payload, Route
from statsd_trio.sinks.delivery.transaction import Transaction

_MAGIC: Final = b"statsd-trio spool 1\n"
_DIGEST_BYTES: Final = hashlib.sha256().digest_size
_LENGTH_BYTES: Final = 4


class SpoolFileError(Exception):
    """The file is incomplete, damaged, or somebody else's."""


def split_into_files(
    transactions: Iterable[Transaction], max_bytes: int
) -> Iterator[list[Transaction]]:
    """Divide into one list for each file, of one route, the oldest first."""
    batches: dict[Route, list[Transaction]] = {}
    sizes: dict[Route, int] = {}
    for one in sorted(transactions, key=lambda one: one.order):
        route = one.payload.route
        batch = batches.get(route)
        if batch is not None and sizes[route] + one.size <= max_bytes:
            batch.append(one)
            sizes[route] += one.size
            continue
        if batch is not None:
            yield batch
        batches[route], sizes[route] = [one], one.size
    yield from batches.values()


def format_spool_file(transactions: Collection[Transaction]) -> bytes:
    """Return the bytes of a file with *transactions*."""
    header = json.dumps(
        [
            {
                "route": one.payload.route.value,
                "encoding": one.payload.encoding,
                "points": one.payload.points,
                "size": one.size,
                "time": one.order[0],
                "is_doubtful": one.is_doubtful,
            }
            for one in transactions
        ]
    ).encode()
    content = b"".join(
        (
            len(header).to_bytes(_LENGTH_BYTES, "little"),
            header,
            *(one.payload.body for one in transactions),
        )
    )
    return _MAGIC + hashlib.sha256(content).digest() + content


def parse_spool_file(data: bytes, route: Route) -> list[Transaction]:
    """Parse a file that `format_spool_file` wrote, with payloads of *route*.

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
        transactions: list[Transaction] = []
        position = header_end
        for number, entry in enumerate(header):
            size = _check_natural(entry["size"])
            body = content[position : position + size]
            position += size
            transactions.append(_parse_transaction(number, entry, body, route))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SpoolFileError("the header cannot be read") from error
    if position != len(content):
        raise SpoolFileError("the bodies do not fit the header")
    return transactions


def _parse_transaction(
    number: int, entry: Any, body: bytes, route: Route
) -> Transaction:
    if entry["route"] != route.value:
        raise SpoolFileError("it has payloads of another route")
    if entry["encoding"] not in ENCODINGS or not isinstance(entry["is_doubtful"], bool):
        raise ValueError
    payload = Payload(route, entry["encoding"], _check_natural(entry["points"]), body)
    order = (_check_natural(entry["time"]), number)
    return Transaction(payload, order, is_doubtful=entry["is_doubtful"])


def _check_natural(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError
    return value
