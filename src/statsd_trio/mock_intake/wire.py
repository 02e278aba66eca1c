"""Read the fields of a protobuf message from its bytes.

This is written by hand from the specification, so that what the intake reads does not
depend on the code that encoded it. Every field is limited by its buffer, every length
is checked before use, and groups, which no message of the intake has, are refused, so
there is no recursion.

Source: protobuf.dev, "Encoding".
"""

import struct
from collections.abc import Iterator
from typing import Final

from statsd_trio.plural import describe_count

_VARINT: Final = 0
_FIXED64: Final = 1
_LENGTH_DELIMITED: Final = 2
_FIXED32: Final = 5

# A varint of 64 bits has 10 groups of 7; the tenth has one bit.
_MAX_VARINT_BYTES: Final = 10
_UINT64: Final = 1 << 64
# A tag is a uint32 whose low three bits are the wire type.
_MAX_TAG: Final = (1 << 32) - 1

_unpack_double = struct.Struct("<d").unpack_from

# A varint, a fixed64 read as a double, a length-delimited field; None stands for a
# fixed32, which no message of the intake has.
FieldValue = int | float | bytes | None


class WireError(ValueError):
    """The bytes are not a protobuf message, or not one of the expected form."""


def read_fields(  # noqa: C901, PLR0912 -- flat, since it runs for every field
    data: bytes,
) -> Iterator[tuple[int, FieldValue]]:
    """Yield (field number, value) in the order of the bytes.

    The type of the value shows the wire type: int for a varint (unsigned), float for a
    fixed64, bytes for a length-delimited field, None for a fixed32.

    Raises:
        WireError: at the first byte that is not well formed.
    """
    position = 0
    end = len(data)
    while position < end:
        tag = data[position]
        if tag < 0x80:
            position += 1
        else:
            tag, position = _read_varint(data, position)
            if tag > _MAX_TAG:
                raise WireError(f"tag {tag} is out of range")
        number = tag >> 3
        if number == 0:
            raise WireError(f"field number 0 before byte {position}")
        wire_type = tag & 7
        if wire_type == _LENGTH_DELIMITED:
            length, position = _read_varint(data, position)
            if length > end - position:
                raise WireError(
                    f"field {number} is {describe_count(length, 'byte')} long but"
                    f" {end - position} are left"
                )
            yield number, data[position : position + length]
            position += length
        elif wire_type == _VARINT:
            value, position = _read_varint(data, position)
            yield number, value
        elif wire_type == _FIXED64:
            if end - position < 8:
                raise WireError(f"field {number} is cut short")
            yield number, _unpack_double(data, position)[0]
            position += 8
        elif wire_type == _FIXED32:
            if end - position < 4:
                raise WireError(f"field {number} is cut short")
            yield number, None
            position += 4
        else:
            raise WireError(f"field {number} has wire type {wire_type}")


def read_varints(data: bytes) -> Iterator[int]:
    """Yield the unsigned varints of a packed field.

    Raises:
        WireError: if the last one is incomplete, or one has more than 64 bits.
    """
    position = 0
    end = len(data)
    while position < end:
        value, position = _read_varint(data, position)
        yield value


def as_text(value: FieldValue, name: str) -> str:
    """Read a string.

    Raises:
        WireError: if *value* is not length-delimited, or not UTF-8.
    """
    try:
        return as_bytes(value, name).decode()
    except UnicodeDecodeError as error:
        raise WireError(f"{name} is not UTF-8: {error.reason}") from error


def as_bytes(value: FieldValue, name: str) -> bytes:
    """Read the bytes of a string or a message.

    Raises:
        WireError: if *value* is not length-delimited.
    """
    if not isinstance(value, bytes):
        raise WireError(f"{name} is not length-delimited")
    return value


def as_double(value: FieldValue, name: str) -> float:
    """Read a double.

    Raises:
        WireError: if *value* is not a fixed64.
    """
    if not isinstance(value, float):
        raise WireError(f"{name} is not a double")
    return value


def as_unsigned(value: FieldValue, name: str) -> int:
    """Read a uint32 or an enum.

    Raises:
        WireError: if *value* is not a varint of at most 32 bits.
    """
    if not isinstance(value, int):
        raise WireError(f"{name} is not a varint")
    if value >= 1 << 32:
        raise WireError(f"{name} is over 32 bits")
    return value


def as_signed(value: FieldValue, name: str) -> int:
    """Read an int64.

    Raises:
        WireError: if *value* is not a varint.
    """
    if not isinstance(value, int):
        raise WireError(f"{name} is not a varint")
    return value if value < _UINT64 >> 1 else value - _UINT64


def unzigzag(value: int, name: str) -> int:
    """Decode a sint32 from its unsigned varint.

    Raises:
        WireError: if it has more than 32 bits.
    """
    if value >= 1 << 32:
        raise WireError(f"{name} is over 32 bits")
    return (value >> 1) ^ -(value & 1)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Read one varint; return its value, and where the next field begins."""
    value = 0
    shift = 0
    for byte in data[position : position + _MAX_VARINT_BYTES]:
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= _UINT64:
                raise WireError(f"the varint that ends at byte {position} overflows")
            return value, position
        shift += 7
    raise WireError(f"the varint before byte {position} does not end")
