import hashlib
import json

import pytest
from hypothesis import given, settings, strategies as st

from statsd_trio.sinks.datadog.routes import DatadogRoute
from statsd_trio.sinks.delivery.compression import ENCODINGS
from statsd_trio.sinks.delivery.payload import Payload
from statsd_trio.sinks.delivery.spool_file import (
    SpoolFileError,
    format_spool_file,
    parse_spool_file,
)
from statsd_trio.sinks.delivery.transaction import Transaction

transactions = st.builds(
    Transaction,
    st.builds(
        Payload,
        st.just(DatadogRoute.SERIES),
        st.sampled_from(sorted(ENCODINGS)),
        st.integers(0, 10**6),
        st.binary(max_size=50),
    ),
    st.tuples(st.integers(0, 10**11), st.integers(0, 10**6)),
    is_doubtful=st.booleans(),
)


def parse(data: bytes) -> list[Transaction]:
    return parse_spool_file(data, DatadogRoute.SERIES)


def describe(transaction: Transaction) -> tuple[object, ...]:
    payload = transaction.payload
    return (
        payload.route,
        payload.encoding,
        payload.points,
        payload.body,
        transaction.order[0],
        transaction.is_doubtful,
    )


def make_file(header: object, bodies: bytes = b"") -> bytes:
    """A file whose checksum is right, whatever it holds."""
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    content = len(encoded).to_bytes(4, "little") + encoded + bodies
    return b"statsd-trio spool 1\n" + hashlib.sha256(content).digest() + content


ENTRY = {
    "route": "/api/v2/series",
    "encoding": "zstd",
    "points": 1,
    "size": 3,
    "time": 5,
    "is_doubtful": False,
}


@settings(max_examples=60)
@given(st.lists(transactions, max_size=5))
def test_parsing_what_was_formatted_gives_it_back(written: list[Transaction]) -> None:
    read = parse(format_spool_file(written))
    assert [describe(one) for one in read] == [describe(one) for one in written]


@settings(max_examples=60)
@given(st.lists(transactions, min_size=1, max_size=3), st.data())
def test_torn_file_is_refused(written: list[Transaction], data: st.DataObject) -> None:
    whole = format_spool_file(written)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(SpoolFileError):
        parse(whole[:cut])


@settings(max_examples=60)
@given(st.lists(transactions, min_size=1, max_size=3), st.data())
def test_file_with_a_flipped_bit_is_refused(
    written: list[Transaction], data: st.DataObject
) -> None:
    rotten = bytearray(format_spool_file(written))
    rotten[data.draw(st.integers(0, len(rotten) - 1))] ^= 1
    with pytest.raises(SpoolFileError):
        parse(bytes(rotten))


def test_file_of_another_route_is_refused() -> None:
    data = make_file([ENTRY], b"abc")
    with pytest.raises(SpoolFileError, match="another route"):
        parse_spool_file(data, DatadogRoute.SKETCHES)


def test_whole_file_is_read() -> None:
    (transaction,) = parse(make_file([ENTRY], b"abc"))
    assert transaction.payload.body == b"abc"


@pytest.mark.parametrize(
    "header",
    [
        b"not json",
        b"\xff",
        b"[" * 100_000,
        5,
        {"route": 1},
        [5],
        [{}],
        [ENTRY | {"route": "https://evil.example/"}],
        [ENTRY | {"route": ["/api/v2/series"]}],
        [ENTRY | {"encoding": "br"}],
        [ENTRY | {"encoding": ["zstd"]}],
        [ENTRY | {"points": -1}],
        [ENTRY | {"points": True}],
        [ENTRY | {"points": "1"}],
        [ENTRY | {"size": 4}],
        [ENTRY | {"size": 2}],
        [ENTRY | {"size": -3}],
        [ENTRY | {"time": 1.5}],
        [ENTRY | {"is_doubtful": None}],
        [ENTRY, ENTRY],
    ],
)
def test_header_that_makes_no_sense_is_refused(header: object) -> None:
    with pytest.raises(SpoolFileError):
        parse(make_file(header, b"abc"))


@pytest.mark.parametrize("data", [b"", b"hello", b"statsd-trio spool 2\n" + bytes(99)])
def test_foreign_file_is_refused(data: bytes) -> None:
    with pytest.raises(SpoolFileError):
        parse(data)
