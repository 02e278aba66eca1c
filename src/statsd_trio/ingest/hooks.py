"""Check what a host program's hook returns before it is used."""

from collections.abc import Sequence
from math import inf, isfinite
from types import NoneType
from typing import Any

import attrs

from statsd_trio.errors import ParseError, Reason
from statsd_trio.protocol.messages import ClientOrigin, MetricType, Sample
from statsd_trio.protocol.numbers import blame_bytes, parse_numbers


def check_sample(answer: object) -> Sample | None:
    """Return *answer*, returned by the hook ``on_sample``, if it can be aggregated.

    The values themselves are not checked here; `check_values` does that.

    Raises:
        TypeError: if it is not a `Sample`, or has something of a wrong type.
        ValueError: if it has something that no line could express.
    """
    if answer is None:
        return None
    if not isinstance(answer, Sample):
        raise TypeError(f"on_sample returned {answer!r:.80}, not a Sample or None")
    # Nothing keeps a program from putting objects of any type into a sample.
    sample: Any = answer
    expected: dict[str, Any] = {
        "name": str,
        "type": MetricType,
        "values": (tuple, list),
        "sample_rate": (float, int),
        "tags": (tuple, list),
        "timestamp": (int, NoneType),
        "host": (str, NoneType),
        "origin": (ClientOrigin, NoneType),
        "dropped": (tuple, list),
    }
    for name, types in expected.items():
        value = getattr(sample, name)
        if not isinstance(value, types):
            raise TypeError(
                f"on_sample returned a Sample whose {name} is {value!r:.80}"
            )
    if not all(isinstance(tag, str) for tag in sample.tags):
        raise TypeError(
            f"on_sample returned a Sample whose tags are {sample.tags!r:.80}"
        )
    if not sample.name:
        raise ValueError("on_sample returned a Sample without a name")
    if not 0 < sample.sample_rate <= 1 or 1 / sample.sample_rate == inf:
        raise ValueError(
            f"on_sample returned a Sample whose sample_rate is {sample.sample_rate!r}"
        )
    return answer


def check_values(sample: Sample) -> Sample:
    """Return *sample* with only those of its values that can be added.

    Raises:
        ParseError: if a value is not allowed for the type.
    """
    values, dropped = _read_values(sample)
    return attrs.evolve(sample, values=values, dropped=sample.dropped + dropped)


def _read_values(
    sample: Sample,
) -> tuple[tuple[float, ...] | tuple[str, ...], tuple[Reason, ...]]:
    """Return the values that can be added, and why each of the others cannot."""
    if sample.type == MetricType.SET:
        return tuple([_check_string(str(value)) for value in sample.values]), ()
    if _are_numbers(sample.values):
        return tuple([float(value) for value in sample.values]), ()
    # The parser's errors say what is wrong with them.
    return parse_numbers(b":".join([repr(value).encode() for value in sample.values]))


def _check_string(value: str) -> str:
    raw = value.encode(errors="surrogatepass")
    if not raw:
        raise ParseError(Reason.EMPTY_VALUE, 0, "There is no value; write one.")
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise blame_bytes(raw, error) from None
    return value


def _are_numbers(values: Sequence[object]) -> bool:
    try:
        return bool(values) and all(
            isinstance(value, (int, float)) and isfinite(value) for value in values
        )
    except OverflowError:  # an integer too large for a float
        return False
