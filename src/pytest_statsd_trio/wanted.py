"""What a test asks of the lines of a metric: their tags, and their total."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, cast
from unittest.mock import ANY

import attrs

from pytest_statsd_trio.lines import format_number
from statsd_trio.plural import describe_count
from statsd_trio.protocol import Sample

Tags = Mapping[str, object] | Iterable[str] | None


@attrs.frozen
class WantedTag:
    """One tag that a message must have; its other tags do not matter.

    Attributes:
        value: None for a tag without a colon, ANY for any value.
    """

    key: str
    value: object = None

    def __str__(self) -> str:
        if self.value is None:
            return self.key
        return f"{self.key}:{'*' if self.value is ANY else self.value}"

    def matches(self, tag: str) -> bool:
        """Return whether *tag*, as sent, is this one."""
        if self.value is ANY:
            return tag.startswith(f"{self.key}:")
        return tag == str(self)


def read_tags(tags: Tags) -> tuple[WantedTag, ...]:
    """Parse what a test wrote: ``{"env": "test"}`` or ``["env:test", "canary"]``.

    Raises:
        TypeError: if *tags* is a string, whose characters would be taken for tags.
    """
    if tags is None:
        return ()
    if isinstance(tags, str):
        raise TypeError(f"tags must be a mapping or a list, not the string {tags!r}")
    if isinstance(tags, Mapping):
        pairs = cast("Mapping[str, object]", tags).items()
        return tuple(WantedTag(key, value) for key, value in pairs)
    wanted: list[WantedTag] = []
    for tag in tags:
        key, colon, value = tag.partition(":")
        wanted.append(WantedTag(key, value if colon else None))
    return tuple(wanted)


def find_missing(
    wanted: tuple[WantedTag, ...], tags: tuple[str, ...]
) -> list[WantedTag]:
    """Return which of *wanted* are missing in *tags*."""
    return [each for each in wanted if not any(map(each.matches, tags))]


class Figure(Protocol):
    """What all lines of a metric together should be."""

    def describe(self) -> str:
        """Describe what is asked for; "" if any figure is right."""
        ...

    def complain(self, lines: Sequence[Sample]) -> str:
        """Describe what is wrong with *lines*; "" if nothing is."""
        ...


@attrs.frozen
class Total:
    """The sum of all values, with their sample rates considered."""

    wanted: object

    def __attrs_post_init__(self) -> None:
        _refuse_text("a counter's total", self.wanted)

    def describe(self) -> str:
        """Describe what is asked for."""
        return "" if self.wanted is ANY else f"total {self.wanted}"

    def complain(self, lines: Sequence[Sample]) -> str:
        """Compare the sum."""
        total = sum(
            float(value) / line.sample_rate for line in lines for value in line.values
        )
        if _equals(total, self.wanted):
            return ""
        count = describe_count(len(lines), "line")
        return f"the total of {count} is {format_number(total)}, not {self.wanted}"


@attrs.frozen
class LastValue:
    """The value that arrived last."""

    wanted: object

    def __attrs_post_init__(self) -> None:
        _refuse_text("a gauge's value", self.wanted)

    def describe(self) -> str:
        """Describe what is asked for."""
        return "" if self.wanted is ANY else f"last value {self.wanted}"

    def complain(self, lines: Sequence[Sample]) -> str:
        """Compare the last value."""
        last = lines[-1].values[-1] if lines else None
        if last is None or _equals(last, self.wanted):
            return ""
        return f"the last value is {format_number(float(last))}, not {self.wanted}"


def _read_members(members: object) -> object:
    """Return a collection of members as a frozen set, and anything else as it is."""
    if isinstance(members, str | bytes):
        # Its characters would be taken for the members.
        raise TypeError(
            f"members must be a collection, or a number of them, not the text "
            f"{members!r}; write {{{members!r}}}"
        )
    if members is ANY or not isinstance(members, Iterable):
        return members
    return {str(member) for member in cast("Iterable[object]", members)}


def _sort_set(members: object) -> object:
    return sorted(cast("set[str]", members)) if isinstance(members, set) else members


@attrs.frozen
class Members:
    """The members of a set: all of them, or how many."""

    wanted: object = attrs.field(converter=_read_members)

    def describe(self) -> str:
        """Describe what is asked for."""
        if self.wanted is ANY:
            return ""
        if isinstance(self.wanted, int):
            return describe_count(self.wanted, "member")
        return f"members {_sort_set(self.wanted)}"

    def complain(self, lines: Sequence[Sample]) -> str:
        """Compare the members."""
        members = {str(value) for line in lines for value in line.values}
        if isinstance(self.wanted, int):
            if len(members) == self.wanted:
                return ""
            count = describe_count(len(members), "member")
            return f"{count}, not {self.wanted}: {sorted(members)}"
        if self.wanted is ANY or members == self.wanted:
            return ""
        return f"the members are {sorted(members)}"


@attrs.frozen
class Values:
    """Single values: how many, within which bounds, or which ones in order."""

    count: object
    between: tuple[float, float] | None
    values: object

    def __attrs_post_init__(self) -> None:
        _refuse_text("count", self.count)
        _refuse_text("values", self.values)
        for bound in self.between or ():
            _refuse_text("a bound", bound)
        for value in _list_values(self.values):
            _refuse_text("a value", value)

    def describe(self) -> str:
        """Describe what is asked for."""
        clauses: list[str] = []
        if self.count is not ANY:
            clauses.append(
                f"{self.count} value" if self.count == 1 else f"{self.count} values"
            )
        if self.between is not None:
            clauses.append("values between {} and {}".format(*self.between))
        if self.values is not ANY:
            clauses.append(f"values {self.values}")
        return " and ".join(clauses)

    def complain(self, lines: Sequence[Sample]) -> str:
        """Compare the values."""
        received = [float(value) for line in lines for value in line.values]
        complaints: list[str] = []
        if not _equals(len(received), self.count):
            complaints.append(
                f"{describe_count(len(received), 'value')}, not {self.count}"
            )
        if self.between is not None:
            low, high = self.between
            outside = [value for value in received if not low <= value <= high]
            if outside:
                complaints.append(
                    f"{format_number(outside[0])} is not between {low} and {high}"
                )
        if self.values is not ANY and received != self.values:
            shown = ", ".join(map(format_number, received[:10]))
            complaints.append(f"the values are [{shown}]")
        return "; ".join(complaints)


def _list_values(values: object) -> Iterable[object]:
    return cast("list[object]", values) if isinstance(values, list) else ()


def _equals(value: object, wanted: object) -> bool:
    """Compare like ``==``, but ignore what sums of floats lose by rounding."""
    if isinstance(value, int | float) and isinstance(wanted, int | float):
        return math.isclose(value, wanted, rel_tol=1e-9)
    return bool(value == wanted)


def _refuse_text(what: str, value: object) -> None:
    """Refuse a number that is written as text, because text never equals a number.

    Raises:
        TypeError: if *value* is text; the message names it.
    """
    if not isinstance(value, str | bytes):
        return
    try:
        instead = f"; write {format_number(float(value))}"
    except ValueError:
        instead = ""
    raise TypeError(f"{what} is a number, but {value!r} is text{instead}")
