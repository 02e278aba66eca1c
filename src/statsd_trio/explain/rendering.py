"""Render an explanation as text: a small tree, or a caret and a reason."""

from collections.abc import Iterator
from typing import Final

import attrs

from statsd_trio.aggregation.context_table import DEVICE_PREFIX, RESOURCE_PREFIX
from statsd_trio.explain.explanation import Explanation, Rejection
from statsd_trio.explain.trial import has_effective_rate
from statsd_trio.printable import escape, measure_width
from statsd_trio.protocol.messages import (
    ClientOrigin,
    Event,
    MetricType,
    Sample,
    ServiceCheck,
)
from statsd_trio.protocol.numbers import quote

_TYPE_WORDS: Final = {
    MetricType.COUNTER: "counter",
    MetricType.GAUGE: "gauge",
    MetricType.HISTOGRAM: "histogram",
    MetricType.TIMER: "timer (a histogram of milliseconds)",
    MetricType.SET: "set (counts different values)",
    MetricType.DISTRIBUTION: "distribution",
}
# Enough for any line that a person types; of a longer line, the part around the fault
# is shown.
_SHOWN_CHARACTERS: Final = 100
# Tags that become a field of their own.
_RESOURCES: Final = (DEVICE_PREFIX, RESOURCE_PREFIX)
_LISTED_VALUES: Final = 20
_LABEL_WIDTH: Final = 13


def render_explanation(explanation: Explanation) -> str:
    """Return *explanation* as text: a small tree, or a caret and a reason.

    The line itself comes first, escaped, so that it cannot play with a terminal.
    """
    if explanation.rejection is not None:
        return "\n".join(_render_rejection(explanation.line, explanation.rejection))
    lines = [_cut(escape(explanation.line.decode(errors="backslashreplace")))]
    match explanation.message:
        case Sample() as sample:
            lines += _render_sample(sample, explanation)
        case Event() as event:
            lines += _render_event(event)
        case ServiceCheck() as check:
            lines += _render_service_check(check)
        case None:  # pragma: no cover - a rejection, by the class's own rule
            pass
    lines += [f"  warning: {escape(each.text)}" for each in explanation.warnings]
    return "\n".join(lines)


def _render_rejection(line: bytes, rejection: Rejection) -> Iterator[str]:
    before, after = _split_at(line, rejection.column)
    half = _SHOWN_CHARACTERS // 2
    if len(before) > half:
        before = "..." + before[-half:]
    if len(after) > half:
        after = after[:half] + "..."
    yield before + after
    yield " " * measure_width(before) + "^"
    yield f"  rejected ({rejection.reason}): {escape(rejection.message)}"
    if rejection.suggestion is not None:
        yield f"  try: {_cut(escape(rejection.suggestion.decode()))}"


def _split_at(line: bytes, column: int) -> tuple[str, str]:
    before, after = line[:column], line[column:]
    try:
        # A length of an event may end within a character; split before it then.
        split = before.decode(errors="ignore")
        return escape(split), escape(line.decode()[len(split) :])
    except UnicodeDecodeError:
        return (
            escape(before.decode(errors="backslashreplace")),
            escape(after.decode(errors="backslashreplace")),
        )


def _render_sample(sample: Sample, explanation: Explanation) -> Iterator[str]:
    yield f"  {_TYPE_WORDS[sample.type]} named {escape(sample.name)}"
    shown = [
        escape(value) if isinstance(value, str) else _show(value)
        for value in sample.values[:_LISTED_VALUES]
    ]
    more = len(sample.values) - len(shown)
    if more:
        shown.append(f"and {more} more")
    yield _label("values" if len(sample.values) > 1 else "value", ", ".join(shown))
    if sample.sample_rate != 1.0:
        effect = f"each value stands for {_show(explanation.weight)}"
        if not has_effective_rate(sample):
            effect = "without effect"
        elif not explanation.weight:
            effect = "too small to be counted with"
        yield _label("sample rate", f"{_show(sample.sample_rate)}, {effect}")
    if sample.timestamp is not None:
        yield _label("time", f"{sample.timestamp} (unix seconds), not aggregated")
    yield from _render_shared(sample.tags, sample.host, sample.origin)
    yield from _render_outcome(sample, explanation)


def _render_outcome(sample: Sample, explanation: Explanation) -> Iterator[str]:
    for reason, count in explanation.dropped.items():
        yield _label("dropped", f"{count} of the values ({reason})")
    if explanation.is_filtered:
        yield _label("becomes", "nothing: its name is on the filter list")
        return
    if not explanation.series:
        yield _label("becomes", "nothing")
        return
    yield from _render_changed_tags(sample.tags, explanation.series[0].tags)
    yield "    becomes"
    width = max(len(escape(series.name)) for series in explanation.series)
    for series in explanation.series:
        value = "" if series.value is None else f" {_show(series.value)}"
        device = f", device {escape(series.device)}" if series.device else ""
        name = escape(series.name).ljust(width)
        yield f"      {name}  {series.type}{value} ({series.meaning}){device}"


def _render_changed_tags(sent: tuple[str, ...], kept: tuple[str, ...]) -> Iterator[str]:
    """Yield lines about the tags that the operator's rules added or removed."""
    added = [tag for tag in kept if tag not in sent]
    if added:
        yield _label("more tags", ", ".join(map(_show_tag, added)))
    lost = [tag for tag in sent if tag not in kept and not tag.startswith(_RESOURCES)]
    if lost:
        yield _label("without", ", ".join(map(_show_tag, dict.fromkeys(lost))))


def _render_event(event: Event) -> Iterator[str]:
    yield f"  event ({event.alert_type}, priority {event.priority})"
    yield _label("title", escape(event.title))
    yield _label("text", escape(event.text))
    yield _label("time", "of arrival" if event.timestamp is None else event.timestamp)
    if event.aggregation_key is not None:
        yield _label("grouped by", escape(event.aggregation_key))
    if event.source_type_name is not None:
        yield _label("source", escape(event.source_type_name))
    yield from _render_shared(event.tags, event.host, event.origin)
    yield _label("becomes", "an event in Datadog's event explorer")


def _render_service_check(check: ServiceCheck) -> Iterator[str]:
    yield f"  service check named {escape(check.name)}"
    yield _label("status", f"{check.status.value} ({check.status.name})")
    if check.message:
        yield _label("message", escape(check.message))
    yield _label("time", "of arrival" if check.timestamp is None else check.timestamp)
    yield from _render_shared(check.tags, check.host, check.origin)
    yield _label("becomes", "one run of the check")


def _render_shared(
    tags: tuple[str, ...], host: str | None, origin: ClientOrigin | None
) -> Iterator[str]:
    if host is not None:
        yield _label("host", escape(host) or "none")
    yield _label("tags", ", ".join(_show_tag(tag) for tag in tags) or "none")
    if origin is not None:
        said = [
            f"{name.replace('_', ' ')} {escape(str(value))}"
            for name, value in attrs.asdict(origin).items()
            if value is not None
        ]
        yield _label("origin", ", ".join(said))


def _label(label: str, text: object) -> str:
    return f"    {label:{_LABEL_WIDTH}}{text}"


def _show_tag(tag: str) -> str:
    return quote(tag) if not tag or " " in tag else escape(tag)


def _show(number: float) -> str:
    return f"{number:.12g}"


def _cut(text: str) -> str:
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    return f"{text[:_SHOWN_CHARACTERS]}... ({len(text)} characters)"
