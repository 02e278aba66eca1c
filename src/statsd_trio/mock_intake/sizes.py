"""Estimate how much memory received items take, to within some tens of percent."""

from sys import getsizeof
from typing import Final, cast

import attrs

from statsd_trio.mock_intake.received import ReceivedItem, ReceivedPoint

# Measured with tracemalloc on CPython 3.11: a point with its two numbers, a number that
# is not a small integer, and an object of slots with its tuples. The place of each in
# its tuple is included.
_POINT_BYTES: Final = 136
_NUMBER_BYTES: Final = 40
_OBJECT_BYTES: Final = 192


def measure_item(item: ReceivedItem) -> int:
    """Return the bytes that *item* takes."""
    return _measure(item)


def measure_text(*texts: str) -> int:
    """Return the bytes that *texts* take, each with its place in a tuple."""
    return sum([getsizeof(text) + 8 for text in texts if text])


def _measure(value: object) -> int:
    if isinstance(value, str):
        return measure_text(value)
    if isinstance(value, tuple):
        return _measure_tuple(cast("tuple[object, ...]", value))
    if attrs.has(type(value)):
        return _OBJECT_BYTES + sum(
            [
                _measure(getattr(value, field.name))
                for field in attrs.fields(
                    cast("type[attrs.AttrsInstance]", type(value))
                )
            ]
        )
    return 0


def _measure_tuple(values: tuple[object, ...]) -> int:
    # Points and numbers all have the same size, and there may be many.
    if values and isinstance(values[0], ReceivedPoint):
        return len(values) * _POINT_BYTES
    if values and isinstance(values[0], int):
        return len(values) * _NUMBER_BYTES
    return sum(map(_measure, values))
