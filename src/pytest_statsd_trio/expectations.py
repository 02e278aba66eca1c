"""Expectations: assertions as values, which can be checked again and again.

An expectation says whether what was received meets it and, if not, what came nearest.
"""

import difflib
from collections.abc import Mapping
from typing import Final, Protocol
from unittest.mock import ANY

import attrs

from pytest_statsd_trio.lines import (
    TYPE_NAMES,
    Line,
    write_event,
    write_sample,
    write_service_check,
)
from pytest_statsd_trio.received import Received
from pytest_statsd_trio.wanted import Figure, Tags, WantedTag, find_missing, read_tags
from statsd_trio.protocol import Event, MetricType, Sample, ServiceCheck, ServiceStatus

# How much a difference counts compared with others; the nearest messages are shown
# first.
_TAG_OFF: Final = 1.0
_FIELD_OFF: Final = 2.0
_TYPE_OFF: Final = 2.5
_NAME_OFF: Final = 10.0

_LEAST_SIMILARITY: Final = 0.75


@attrs.frozen
class Miss:
    """A message that differs from what was asked for.

    Attributes:
        distance: how far it is from what was asked for; the nearest are shown first.
        parts: which parts of *line* differ.
        reasons: how they differ, one clause per difference.
    """

    distance: float
    line: Line
    parts: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


class Expectation(Protocol):
    """What a test waits for."""

    def is_met(self, received: Received) -> bool:
        """Return whether what was received meets the expectation."""
        ...

    def describe(self) -> str:
        """Describe what is asked for, in the words of the assertion."""
        ...

    def find_misses(self, received: Received) -> list[Miss]:
        """Return the messages that come near, in any order."""
        ...


class _Comparison:
    """The differences of one message, collected one by one."""

    def __init__(self) -> None:
        self._distance = 0.0
        self._parts: list[str] = []
        self._reasons: list[str] = []

    def note(self, distance: float, part: str, reason: str) -> None:
        """Note that *part* differs, and how."""
        self._distance += distance
        self._parts.append(part)
        self._reasons.append(reason)

    def compare_tags(
        self, wanted: tuple[WantedTag, ...], tags: tuple[str, ...]
    ) -> None:
        """Note which of *wanted* are missing in *tags*."""
        for missing in find_missing(wanted, tags):
            others = [tag for tag in tags if tag.startswith(f"{missing.key}:")]
            self._distance += _TAG_OFF
            self._parts += [f"tag {tag}" for tag in others] or ["tag that is missing"]
            self._reasons.append(
                f"{others[0]}, not {missing}" if others else f"no tag {missing}"
            )

    @property
    def is_equal(self) -> bool:
        return not self._parts

    def make_miss(self, line: Line) -> Miss:
        """Return a miss with everything that was noted."""
        return Miss(self._distance, line, tuple(self._parts), tuple(self._reasons))


@attrs.frozen
class MetricExpectation:
    """Lines of one metric with some tags, which together have some figure."""

    name: str
    type: MetricType
    tags: tuple[WantedTag, ...] = attrs.field(converter=read_tags)
    figure: Figure

    def is_met(self, received: Received) -> bool:
        """Return whether there are such lines and their figure is right."""
        lines = self._find_lines(received)
        return bool(lines) and not self.figure.complain(lines)

    def describe(self) -> str:
        """Describe what is asked for."""
        text = f"{TYPE_NAMES[self.type]} {self.name}"
        figure = self.figure.describe()
        if figure:
            text += f" with {figure}"
        if self.tags:
            text += f" {'and' if figure else 'with'} tags "
            text += ",".join(map(str, self.tags))
        return text

    def find_misses(self, received: Received) -> list[Miss]:
        """Return lines with this name, and with names that are similar."""
        complaint = self.figure.complain(self._find_lines(received))
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
        comparison = _Comparison()
        if sample.name != self.name:
            distance = _NAME_OFF * (1 + name_distance)
            comparison.note(distance, "name", f"another name than {self.name}")
        if sample.type is not self.type:
            kinds = f"a {TYPE_NAMES[sample.type]}, not a {TYPE_NAMES[self.type]}"
            comparison.note(_TYPE_OFF, "type", kinds)
        comparison.compare_tags(self.tags, sample.tags)
        if comparison.is_equal:
            comparison.note(0, "values", complaint)
        return comparison.make_miss(write_sample(sample))


@attrs.frozen
class FieldsExpectation:
    """One event, or one service check, with these fields and tags.

    Attributes:
        kind: ``event`` or ``service check``.
        fields: the wanted values by name, without fields that may have any value.
    """

    kind: str
    fields: Mapping[str, object]
    tags: tuple[WantedTag, ...]

    def is_met(self, received: Received) -> bool:
        """Return whether there is such a message."""
        return any(
            self._compare(message).is_equal for message in self._select(received)
        )

    def describe(self) -> str:
        """Describe what is asked for."""
        clauses = [
            f"{name}={value if name == 'status' else repr(value)}"
            for name, value in self.fields.items()
        ]
        if self.tags:
            clauses.append(f"tags {','.join(map(str, self.tags))}")
        return f"{self.kind} with {' and '.join(clauses)}" if clauses else self.kind

    def find_misses(self, received: Received) -> list[Miss]:
        """Return all messages of this kind; those with more fields right are nearer."""
        return [
            self._compare(message).make_miss(_write(message))
            for message in self._select(received)
        ]

    def _select(self, received: Received) -> tuple[Event | ServiceCheck, ...]:
        return received.events if self.kind == "event" else received.service_checks

    def _compare(self, message: Event | ServiceCheck) -> _Comparison:
        comparison = _Comparison()
        for name, wanted in self.fields.items():
            if getattr(message, name) != wanted:
                comparison.note(_FIELD_OFF, name, f"another {name.replace('_', ' ')}")
        comparison.compare_tags(self.tags, message.tags)
        return comparison


def _write(message: Event | ServiceCheck) -> Line:
    if isinstance(message, Event):
        return write_event(message)
    return write_service_check(message)


def expect_event(tags: Tags, **fields: object) -> FieldsExpectation:
    """Expect an event; fields that are `ANY` do not matter."""
    return FieldsExpectation("event", _leave_any_out(fields), read_tags(tags))


def expect_service_check(
    name: str, status: object, message: object, tags: Tags
) -> FieldsExpectation:
    """Expect a service check; its status is a number or a name.

    Raises:
        ValueError: if there is no such status, so that the expectation would never be
            met; the message names it.
    """
    if isinstance(status, str):
        try:
            status = ServiceStatus[status.upper()]
        except KeyError:
            names = ", ".join(each.name for each in ServiceStatus)
            raise ValueError(
                f"{status!r} is not a status; use one of {names}"
            ) from None
    elif isinstance(status, int):
        status = ServiceStatus(status)
    fields = {"name": name, "status": status, "message": message}
    return FieldsExpectation("service check", _leave_any_out(fields), read_tags(tags))


def _leave_any_out(fields: Mapping[str, object]) -> Mapping[str, object]:
    return {name: value for name, value in fields.items() if value is not ANY}


@attrs.frozen
class NothingExpectation:
    """No line of a metric, or no message at all.

    Attributes:
        name: the metric's name; None for any message.
    """

    name: str | None
    tags: tuple[WantedTag, ...] = attrs.field(converter=read_tags)

    def is_met(self, received: Received) -> bool:
        """Return whether there is no such message."""
        if self.name is None and not self.tags:
            return not len(received)
        return not self._find_lines(received)

    def describe(self) -> str:
        """Describe what must not be there."""
        text = "a message" if self.name is None else f"metric {self.name}"
        if self.tags:
            text += f" with tags {','.join(map(str, self.tags))}"
        return text

    def find_misses(self, received: Received) -> list[Miss]:
        """Return what is there in spite of it."""
        return [Miss(0, write_sample(sample)) for sample in self._find_lines(received)]

    def _find_lines(self, received: Received) -> list[Sample]:
        return [
            sample
            for sample in received.metrics
            if self.name in {None, sample.name}
            and not find_missing(self.tags, sample.tags)
        ]


def measure_distance(wanted: str, name: str) -> float | None:
    """Return a distance from 0, the same name, to 1; None for unrelated names.

    A name that is contained in the other is near: a namespace may be missing, or added.
    """
    if wanted == name:
        return 0.0
    if wanted.endswith(f".{name}") or name.endswith(f".{wanted}"):
        return 0.1
    matcher = difflib.SequenceMatcher(None, wanted, name)
    # The quick ratios are upper bounds, so names of very different lengths are done
    # quickly.
    if (
        matcher.real_quick_ratio() < _LEAST_SIMILARITY
        or matcher.quick_ratio() < _LEAST_SIMILARITY
    ):
        return None
    ratio = matcher.ratio()
    return None if ratio < _LEAST_SIMILARITY else 1 - ratio
