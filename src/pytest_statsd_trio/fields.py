"""What an assertion on events or service checks asks for: fields, one by one."""

from collections.abc import Mapping
from typing import Final
from unittest.mock import ANY

import attrs

from pytest_statsd_trio.expectations import Miss
from pytest_statsd_trio.lines import Line, write_event, write_service_check
from pytest_statsd_trio.received import Received
from pytest_statsd_trio.tags import WantedTag, find_missing
from statsd_trio.protocol import Event, ServiceCheck

_FIELD_OFF: Final = 2.0


@attrs.frozen
class FieldsExpectation:
    """One event, or one service check, with these fields and tags.

    Attributes:
        kind: ``event`` or ``service check``.
        fields: by name, without those for which anything does.
    """

    kind: str
    fields: Mapping[str, object]
    tags: tuple[WantedTag, ...]

    def is_met(self, received: Received) -> bool:
        """Tell whether there is one."""
        return any(
            not self._compare(message).parts for message in self._select(received)
        )

    def describe(self) -> str:
        """Say what is asked for."""
        clauses = [
            f"{name}={value if name == 'status' else repr(value)}"
            for name, value in self.fields.items()
        ]
        if self.tags:
            clauses.append(f"tags {','.join(map(str, self.tags))}")
        return f"{self.kind} with {' and '.join(clauses)}" if clauses else self.kind

    def find_misses(self, received: Received) -> list[Miss]:
        """Find all of the kind; those with more fields right are nearer."""
        return [self._compare(message) for message in self._select(received)]

    def _select(self, received: Received) -> tuple[Event | ServiceCheck, ...]:
        return received.events if self.kind == "event" else received.service_checks

    def _compare(self, message: Event | ServiceCheck) -> Miss:
        parts: list[str] = []
        reasons: list[str] = []
        for name, wanted in self.fields.items():
            if getattr(message, name) != wanted:
                parts.append(name)
                reasons.append(f"another {name.replace('_', ' ')}")
        distance = _FIELD_OFF * len(parts)
        for missing in find_missing(self.tags, message.tags):
            distance += 1
            others = [tag for tag in message.tags if tag.startswith(f"{missing.key}:")]
            parts += [f"tag {tag}" for tag in others] or ["tag that is missing"]
            reasons.append(
                f"{others[0]}, not {missing}" if others else f"no tag {missing}"
            )
        return Miss(distance, _write(message), tuple(parts), tuple(reasons))


def keep_wanted(**fields: object) -> dict[str, object]:
    """Leave out the fields for which anything does."""
    return {name: value for name, value in fields.items() if value is not ANY}


def _write(message: Event | ServiceCheck) -> Line:
    if isinstance(message, Event):
        return write_event(message)
    return write_service_check(message)
