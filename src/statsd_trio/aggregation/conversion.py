"""Values as text in, numbers out: in bulk where nothing is in doubt.

What converts many at a time answers None where anything might not be what the protocol
takes; then the caller reads them one by one, exactly. So Python's own idea of a number
(spaces, "nan") never counts, and a bad value costs its own line only.
"""

from collections.abc import Sequence
from itertools import chain, repeat
from math import hypot
from typing import Final, TypeVar

from statsd_trio.aggregation.context import SET
from statsd_trio.errors import ParseError, Reason
from statsd_trio.protocol.numbers import blame_bytes, parse_numbers

# No sum of finite numbers becomes infinite by adding one as small as this, however
# often: half the distance between the two largest doubles is 1e292. What is larger is
# added with a look at each sum.
SMALL: Final = 1e270

_DIGITS: Final = b"0123456789:"
_OTHERS: Final = b".eE+-_"

_T = TypeVar("_T")


def read_values(
    kind: int, raw: bytes
) -> tuple[tuple[float, ...] | tuple[str, ...], tuple[Reason, ...]]:
    """Read the value of a line, exactly.

    Returns:
        The values, and the reason of each one that was dropped from among them.

    Raises:
        ParseError: with a column that counts from the start of *raw*.
    """
    if kind != SET:
        return parse_numbers(raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise blame_bytes(raw, error) from None
    if not text:
        raise ParseError(Reason.EMPTY_VALUE, 0, "There is no value; write one.")
    return (text,), ()


def is_any_large(values: Sequence[float] | Sequence[str]) -> bool:
    """Tell whether any of *values*, which are numbers, is not small."""
    # One value is what nearly all lines have.
    if len(values) == 1:
        return not -SMALL < float(values[0]) < SMALL
    return any(not -SMALL < float(value) < SMALL for value in values)


def convert_all(raws: list[bytes], joined: bytes) -> list[float] | None:
    """Convert one small number each; None where anything is in doubt.

    Args:
        joined: *raws*, with a colon between two.
    """
    # float() and int() take more than the protocol does, but of these characters
    # they take just the same.
    others = joined.translate(None, _DIGITS)
    try:
        if not others:
            # 0.1 us each, where float() takes 0.16: it sets the processor's rounding.
            values = list(map(float, map(int, raws)))
        elif others.translate(None, _OTHERS):
            return None
        else:
            values = list(map(float, raws))
    except (ValueError, OverflowError):
        return None
    return values if hypot(*values) < SMALL else None


def convert_packed(
    owners: list[_T], raws: list[bytes], joined: bytes
) -> tuple[list[_T], list[float]] | None:
    """Convert one or more small numbers each; None where anything is in doubt.

    Returns:
        An owner for each number, and the numbers.
    """
    parts = [raw.split(b":") for raw in raws]
    texts = list(chain.from_iterable(parts))
    values = convert_all(texts, joined)
    if values is None:
        return None
    counts = map(len, parts)
    return list(chain.from_iterable(map(repeat, owners, counts))), values


def are_texts(raws: list[bytes], joined: bytes) -> bool:
    """Tell whether all are UTF-8 and none is empty; False where it is in doubt."""
    if not joined.isascii():
        try:
            joined.decode()
        except UnicodeDecodeError:
            return False
    return b"" not in raws
