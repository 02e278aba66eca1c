from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st

from statsd_trio.mock_intake.wire import (
    WireError,
    as_double,
    as_signed,
    as_text,
    as_unsigned,
    read_fields,
    read_varints,
    unzigzag,
)


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"\x08\x96\x01", [(1, 150)], id="varint"),
        pytest.param(b"\x08" + b"\xff" * 9 + b"\x01", [(1, 2**64 - 1)], id="widest"),
        pytest.param(b"\x12\x07testing", [(2, b"testing")], id="length-delimited"),
        pytest.param(b"\x12\x00", [(2, b"")], id="empty"),
        pytest.param(b"\x09" + bytes(6) + b"\xf0\x3f", [(1, 1.0)], id="fixed64"),
        pytest.param(b"\x0d\x01\x02\x03\x04", [(1, None)], id="fixed32"),
        pytest.param(b"\x80\x01\x05", [(16, 5)], id="two-byte tag"),
        pytest.param(b"\x08\x01\x08\x02", [(1, 1), (1, 2)], id="repeated"),
    ],
)
def test_fields_are_read_in_order(data: bytes, fields: list[Any]) -> None:
    assert list(read_fields(data)) == fields


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"\x08", "does not end", id="varint missing"),
        pytest.param(b"\x08\x80", "does not end", id="varint cut"),
        pytest.param(b"\x08" + b"\xff" * 10 + b"\x01", "does not end", id="11 bytes"),
        pytest.param(b"\x08" + b"\xff" * 9 + b"\x02", "overflows", id="65 bits"),
        pytest.param(b"\x12\x05test", "5 bytes long but 4", id="block cut"),
        pytest.param(b"\x12", "does not end", id="length missing"),
        pytest.param(b"\x09" + bytes(7), "cut short", id="fixed64 cut"),
        pytest.param(b"\x0d" + bytes(3), "cut short", id="fixed32 cut"),
        pytest.param(b"\x00\x01", "field number 0", id="field 0"),
        pytest.param(b"\x0b\x0c", "wire type 3", id="group"),
        pytest.param(b"\x0e", "wire type 6", id="wire type 6"),
        pytest.param(b"\x80\x80\x80\x80\x10\x01", "out of range", id="33-bit tag"),
    ],
)
def test_what_is_not_well_formed_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(WireError, match=message):
        list(read_fields(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_fields_or_a_wire_error(data: bytes) -> None:
    with suppress(WireError):
        for _, value in read_fields(data):
            assert value is None or isinstance(value, int | float | bytes)


def test_packed_varints_are_read_to_the_end() -> None:
    assert list(read_varints(b"\x03\x8e\x02\x9e\xa7\x05")) == [3, 270, 86942]


def test_a_packed_varint_cut_short_is_refused() -> None:
    with pytest.raises(WireError, match="does not end"):
        list(read_varints(b"\x03\x8e"))


@pytest.mark.parametrize(
    ("unsigned", "signed"),
    [(0, 0), (1, -1), (2, 1), (2**32 - 1, -(2**31)), (2**32 - 2, 2**31 - 1)],
)
def test_zigzag_is_undone(unsigned: int, signed: int) -> None:
    assert unzigzag(unsigned, "k") == signed


def test_a_zigzag_over_32_bits_is_refused() -> None:
    with pytest.raises(WireError, match="k is over 32 bits"):
        unzigzag(2**32, "k")


@pytest.mark.parametrize(
    ("unsigned", "signed"), [(2**63 - 1, 2**63 - 1), (2**63, -(2**63)), (2**64 - 1, -1)]
)
def test_an_int64_has_a_sign(unsigned: int, signed: int) -> None:
    assert as_signed(unsigned, "ts") == signed


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        pytest.param(as_text, 1, "is not length-delimited", id="text"),
        pytest.param(as_text, b"\xff", "is not UTF-8", id="UTF-8"),
        pytest.param(as_double, 1, "is not a double", id="double"),
        pytest.param(as_signed, b"", "is not a varint", id="signed"),
        pytest.param(as_unsigned, 1.0, "is not a varint", id="unsigned"),
        pytest.param(as_unsigned, 2**32, "is over 32 bits", id="uint32"),
    ],
)
def test_a_wrong_wire_type_is_refused_by_name(
    read: Any, value: Any, message: str
) -> None:
    with pytest.raises(WireError, match=f"^metric {message}"):
        read(value, "metric")
