"""Write messages as text: as a line with parts to mark, or all of them, sorted."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

import attrs

from pytest_statsd_trio.received import Received, Rejected
from statsd_trio.printable import escape
from statsd_trio.protocol import Event, MetricType, Sample, ServiceCheck

_SHOWN_CHARACTERS: Final = 160
_CUT: Final = "..."
_MASKED: Final = "*"

TYPE_NAMES: Final = {
    MetricType.COUNTER: "counter",
    MetricType.GAUGE: "gauge",
    MetricType.HISTOGRAM: "histogram",
    MetricType.TIMER: "timing",
    MetricType.SET: "set",
    MetricType.DISTRIBUTION: "distribution",
}


class Part(NamedTuple):
    """A part of a line, with the name by which it can be marked; "" for no name."""

    text: str
    name: str = ""


@attrs.frozen
class Line:
    """Parts that together are one line of text."""

    parts: tuple[Part, ...]

    def __str__(self) -> str:
        text = "".join(part.text for part in self.parts)
        if len(text) <= _SHOWN_CHARACTERS:
            return text
        return text[: _SHOWN_CHARACTERS - len(_CUT)] + _CUT

    def underline(self, names: Iterable[str]) -> str:
        """Return a line of carets that marks the parts *names*.

        A part that the line does not have is marked after its end.
        """
        wanted = set(names)
        present = {part.name for part in self.parts}
        marks = "".join(
            ("^" if part.name in wanted else " ") * len(part.text)
            for part in self.parts
        )[: len(str(self))]
        if wanted - present or not marks.strip():
            marks = f"{marks:{len(str(self))}} ^"
        return marks.rstrip()


def format_number(number: float) -> str:
    """Return a number in its shortest form."""
    return repr(float(number)).removesuffix(".0")


def write_sample(sample: Sample) -> Line:
    """Return a metric as in the protocol.

    Its parts are name, values, type, ``tag <tag>``.
    """
    values = ":".join(
        escape(value) if isinstance(value, str) else format_number(value)
        for value in sample.values
    )
    parts = [
        Part(escape(sample.name), "name"),
        Part(":"),
        Part(values, "values"),
        Part("|"),
        Part(sample.type.value, "type"),
    ]
    if sample.sample_rate != 1.0:
        rate = format_number(sample.sample_rate)
        parts += [Part("|"), Part(f"@{rate}", "values")]
    parts += _write_tags(sample.tags)
    if sample.timestamp is not None:
        parts.append(Part(f"|T{sample.timestamp}"))
    return Line(tuple(parts))


def _write_tags(tags: tuple[str, ...]) -> list[Part]:
    parts: list[Part] = []
    for tag in tags:
        parts.append(Part("," if parts else "|#"))
        parts.append(Part(escape(tag), f"tag {tag}"))
    return parts


def write_event(event: Event) -> Line:
    """Return an event's fields; each field is a part with its name."""
    fields: dict[str, object] = {"title": event.title, "text": event.text}
    if event.alert_type != "info":
        fields["alert_type"] = event.alert_type
    if event.priority != "normal":
        fields["priority"] = event.priority
    if event.aggregation_key is not None:
        fields["aggregation_key"] = event.aggregation_key
    if event.source_type_name is not None:
        fields["source_type_name"] = event.source_type_name
    return _write_fields("event", fields, event.tags)


def write_service_check(check: ServiceCheck) -> Line:
    """Return a service check's fields; each field is a part with its name."""
    fields: dict[str, object] = {"name": check.name, "status": check.status.name}
    if check.message:
        fields["message"] = check.message
    return _write_fields("service check", fields, check.tags)


def _write_fields(head: str, fields: dict[str, object], tags: tuple[str, ...]) -> Line:
    parts = [Part(head)]
    for name, value in fields.items():
        shown = value if name == "status" else repr(value)
        parts += [Part(" "), Part(f"{name}={shown}", name)]
    return Line((*parts, *_write_tags(tags)))


def write_rejected(rejected: Rejected) -> Line:
    """Return a rejected line; the first wrong byte is the part ``wrong``."""
    shown = [
        escape(piece.decode("utf-8", "backslashreplace"))
        for piece in (
            rejected.line[: rejected.column],
            rejected.line[rejected.column : rejected.column + 1],
            rejected.line[rejected.column + 1 :],
        )
    ]
    return Line((Part(shown[0]), Part(shown[1], "wrong"), Part(shown[2])))


def write_snapshot(received: Received, mask: bool | Iterable[str]) -> str:
    """Return one line per metric, with tags and value, then events and checks.

    The result does not depend on the order of arrival, or on how values were packed
    into lines.

    Args:
        mask: the metrics whose values are hidden, as patterns such as ``*.ms``; True
            for all.
    """
    if isinstance(mask, str):
        raise TypeError(f"mask must be a list of patterns, not the string {mask!r}")
    patterns = ["*"] if mask is True else [] if mask is False else list(mask)
    groups: dict[tuple[str, str, tuple[str, ...]], list[Sample]] = {}
    for sample in received.metrics:
        key = (sample.name, TYPE_NAMES[sample.type], tuple(sorted(set(sample.tags))))
        groups.setdefault(key, []).append(sample)
    lines: list[str] = []
    for (name, type_name, tags), samples in sorted(groups.items()):
        is_masked = any(fnmatchcase(name, pattern) for pattern in patterns)
        value = _MASKED if is_masked else _write_value(samples)
        shown = f" #{','.join(map(escape, tags))}" if tags else ""
        lines.append(f"{escape(name)} {type_name}{shown} = {value}")
    lines += sorted(str(write_event(event)) for event in received.events)
    lines += sorted(
        str(write_service_check(check)) for check in received.service_checks
    )
    lines += sorted(
        f"rejected {rejected.reason} {write_rejected(rejected)}"
        for rejected in received.rejected
    )
    return "".join(f"{line}\n" for line in lines)


def _write_value(samples: list[Sample]) -> str:
    values = [value for sample in samples for value in sample.values]
    match samples[0].type:
        case MetricType.SET:
            return ", ".join(sorted({escape(str(value)) for value in values}))
        case MetricType.COUNTER:
            total = sum(
                float(value) / sample.sample_rate
                for sample in samples
                for value in sample.values
            )
            return format_number(round(total, 9))
        case MetricType.GAUGE:
            return format_number(float(values[-1]))
        case _:
            numbers = sorted(float(value) for value in values)
            return ", ".join(map(format_number, numbers))
