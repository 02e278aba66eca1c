"""What an assertion asks for: `Received` in, met or not and the nearest misses out."""

import math
from collections.abc import Callable, Sequence
from typing import Final, Protocol
from unittest.mock import ANY

import attrs

from pytest_statsd_trio.lines import TYPE_NAMES, Line, format_number, write_sample
from pytest_statsd_trio.received import Received
from pytest_statsd_trio.similarity import measure_distance
from pytest_statsd_trio.tags import WantedTag, find_missing
from statsd_trio.protocol import MetricType, Sample


@attrs.frozen
class Miss:
    """A message that is not what was asked for.

    Attributes:
        distance: from what was asked for; the nearest come first.
        parts: which parts of *line* differ.
        reasons: in what they differ, one clause each.
    """

    distance: float
    line: Line
    parts: tuple[str, ...]
    reasons: tuple[str, ...]


class Expectation(Protocol):
    """What the end of waiting is: an assertion made into a value."""

    def is_met(self, received: Received) -> bool:
        """Tell whether it is there."""
        ...

    def describe(self) -> str:
        """Say what is asked for, in the words of the assertion."""
        ...

    def find_misses(self, received: Received) -> list[Miss]:
        """Find what comes near, in no order."""
        ...


# A check of all lines of a metric together: it says what is wrong, or "".
Check = Callable[[Sequence[Sample]], str]

_ONE_TAG_OFF: Final = 1.0
_TYPE_OFF: Final = 2.5
_NAME_OFF: Final = 10.0


@attrs.frozen
class MetricExpectation:
    """Lines of one metric, with some tags, that together have a value.

    Attributes:
        wanted: the value, in words; "" for any.
    """

    name: str
    type: MetricType
    tags: tuple[WantedTag, ...]
    wanted: str
    check: Check

    def is_met(self, received: Received) -> bool:
        """Tell whether there are such lines and their value is right."""
        lines = self._find_lines(received)
        return bool(lines) and not self.check(lines)

    def describe(self) -> str:
        """Say what is asked for."""
        text = f"{TYPE_NAMES[self.type]} {self.name}"
        if self.wanted:
            text += f" with {self.wanted}"
        if self.tags:
            text += f" {'and' if self.wanted else 'with'} tags "
            text += ",".join(map(str, self.tags))
        return text

    def find_misses(self, received: Received) -> list[Miss]:
        """Find lines of this name, and of names that are nearly this one."""
        complaint = self.check(self._find_lines(received))
        misses: list[Miss] = []
        distances = {
            name: measure_distance(self.name, name)
            for name in dict.fromkeys(sample.name for sample in received.metrics)
        }
        for sample in received.metrics:
            distance = distances[sample.name]
            if distance is not None:
                misses.append(self._compare(sample, distance, complaint))
        return misses

    def _find_lines(self, received: Received) -> list[Sample]:
        return [
            sample
            for sample in received.metrics
            if sample.name == self.name
            and sample.type is self.type
            and not find_missing(self.tags, sample.tags)
        ]

    def _compare(self, sample: Sample, name_distance: float, complaint: str) -> Miss:
        distance = 0.0
        parts: list[str] = []
        reasons: list[str] = []
        if sample.name != self.name:
            distance += _NAME_OFF * (1 + name_distance)
            parts.append("name")
            reasons.append(f"another name than {self.name}")
        if sample.type is not self.type:
            distance += _TYPE_OFF
            parts.append("type")
            reasons.append(
                f"a {TYPE_NAMES[sample.type]}, not a {TYPE_NAMES[self.type]}"
            )
        for missing in find_missing(self.tags, sample.tags):
            distance += _ONE_TAG_OFF
            others = [tag for tag in sample.tags if tag.startswith(f"{missing.key}:")]
            parts += [f"tag {tag}" for tag in others] or ["tag that is missing"]
            reasons.append(
                f"{others[0]}, not {missing}" if others else f"no tag {missing}"
            )
        if not parts:
            parts, reasons = ["values"], [complaint]
        return Miss(distance, write_sample(sample), tuple(parts), tuple(reasons))


@attrs.frozen
class NothingExpectation:
    """No line of a metric, or none at all.

    Attributes:
        name: None for any message.
    """

    name: str | None
    tags: tuple[WantedTag, ...]

    def is_met(self, received: Received) -> bool:
        """Tell whether there is none."""
        if self.name is None and not self.tags:
            return not len(received)
        return not self._find_lines(received)

    def describe(self) -> str:
        """Say what is not to be there."""
        text = "a message" if self.name is None else f"metric {self.name}"
        if self.tags:
            text += f" with tags {','.join(map(str, self.tags))}"
        return text

    def find_misses(self, received: Received) -> list[Miss]:
        """Find what is there in spite of it."""
        return [
            Miss(0, write_sample(sample), (), ())
            for sample in self._find_lines(received)
        ]

    def _find_lines(self, received: Received) -> list[Sample]:
        return [
            sample
            for sample in received.metrics
            if self.name in {None, sample.name}
            and not find_missing(self.tags, sample.tags)
        ]


def equals(value: object, wanted: object) -> bool:
    """Compare as ``==`` does, but for what sums of floats lose."""
    if isinstance(value, int | float) and isinstance(wanted, int | float):
        return math.isclose(value, wanted, rel_tol=1e-9)
    return bool(value == wanted)


def count_lines(lines: Sequence[Sample]) -> str:
    """Say how many lines, for a complaint."""
    return "1 line" if len(lines) == 1 else f"{len(lines)} lines"


def check_total(wanted: object) -> Check:
    """Check the sum of all values, each by its sample rate."""

    def check(lines: Sequence[Sample]) -> str:
        total = sum(
            float(value) / line.sample_rate for line in lines for value in line.values
        )
        if equals(total, wanted):
            return ""
        return (
            f"the total of {count_lines(lines)} is {format_number(total)}, not {wanted}"
        )

    return check


def check_last(wanted: object) -> Check:
    """Check the last value."""

    def check(lines: Sequence[Sample]) -> str:
        last = lines[-1].values[-1] if lines else None
        if last is None or equals(last, wanted):
            return ""
        return f"the last value is {format_number(float(last))}, not {wanted}"

    return check


def check_members(wanted: object) -> Check:
    """Check the members of a set: all of them, or how many."""

    def check(lines: Sequence[Sample]) -> str:
        members = {str(value) for line in lines for value in line.values}
        if isinstance(wanted, int):
            if len(members) == wanted:
                return ""
            return f"{len(members)} members, not {wanted}: {sorted(members)}"
        if wanted is ANY or members == wanted:
            return ""
        return f"the members are {sorted(members)}"

    return check


def check_values(
    *,
    count: object,
    between: tuple[float, float] | None,
    values: object,
) -> Check:
    """Check single values: how many, within which bounds, which."""

    def check(lines: Sequence[Sample]) -> str:
        received = [float(value) for line in lines for value in line.values]
        complaints: list[str] = []
        if not equals(len(received), count):
            complaints.append(f"{_count_values(received)}, not {count}")
        if between is not None:
            low, high = between
            outside = [value for value in received if not low <= value <= high]
            if outside:
                complaints.append(
                    f"{format_number(outside[0])} is not between {low} and {high}"
                )
        if values is not ANY and received != values:
            shown = ", ".join(map(format_number, received[:10]))
            complaints.append(f"the values are [{shown}]")
        return "; ".join(complaints)

    return check


def _count_values(values: Sequence[float]) -> str:
    return "1 value" if len(values) == 1 else f"{len(values)} values"


def describe_values(
    *,
    count: object,
    between: tuple[float, float] | None,
    values: object,
) -> str:
    """Say what `check_values` asks for."""
    clauses: list[str] = []
    if count is not ANY:
        clauses.append(f"{count} value{'' if count == 1 else 's'}")
    if between is not None:
        clauses.append("values between {} and {}".format(*between))
    if values is not ANY:
        clauses.append(f"values {values}")
    return " and ".join(clauses)
