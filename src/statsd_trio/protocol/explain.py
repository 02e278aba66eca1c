"""One line in; what it means, for a person or for a program, out."""

import unicodedata
from collections.abc import Iterator
from typing import Any, Final

import attrs

from statsd_trio.errors import ParseError, Reason
from statsd_trio.protocol.cautions import Caution, find_cautions
from statsd_trio.protocol.encoding import decode_escaped, replace_escaped
from statsd_trio.protocol.forecast import (
    FutureSeries,
    forecast_series,
    has_effective_rate,
    measure_weight,
)
from statsd_trio.protocol.messages import (
    ClientOrigin,
    Event,
    Message,
    MetricType,
    Sample,
    ServiceCheck,
)
from statsd_trio.protocol.numbers import quote
from statsd_trio.protocol.parser import parse_message
from statsd_trio.protocol.repair import suggest_line

_TYPE_WORDS: Final = {
    MetricType.COUNTER: "counter",
    MetricType.GAUGE: "gauge",
    MetricType.HISTOGRAM: "histogram",
    MetricType.TIMER: "timer (a histogram of milliseconds)",
    MetricType.SET: "set (counts different values)",
    MetricType.DISTRIBUTION: "distribution",
}
# Enough for any line that a person types; of longer ones the part about the fault.
_SHOWN_CHARACTERS: Final = 100
_LISTED_VALUES: Final = 20
_LABEL_WIDTH: Final = 13


@attrs.frozen
class Refusal:
    """Why a line is refused, where, and what was probably meant.

    Attributes:
        column: 0-based offset in bytes.
        suggestion: a line that is accepted, or None.
    """

    reason: Reason
    column: int
    message: str
    suggestion: bytes | None


@attrs.frozen
class Explanation:
    """What one line means; either *message* or *refusal* is set.

    Attributes:
        weight: for how many each value stands.
    """

    line: bytes
    message: Message | None = None
    weight: float = 1.0
    series: tuple[FutureSeries, ...] = ()
    cautions: tuple[Caution, ...] = ()
    refusal: Refusal | None = None


def explain_line(line: bytes, *, now: float, interval_seconds: int = 10) -> Explanation:
    """Say what *line* means to a server that is set up as by default.

    Args:
        line: without its newline.
        now: unix seconds, to tell timestamps that lie in the future.
        interval_seconds: the width of a bucket.
    """
    try:
        message = parse_message(line)
    except ParseError as error:
        suggestion = suggest_line(line, error)
        refusal = Refusal(error.reason, error.column, error.message, suggestion)
        return Explanation(line, refusal=refusal)
    text = replace_escaped(decode_escaped(line)).removesuffix("\r")
    cautions = find_cautions(text, message, now=now)
    if not isinstance(message, Sample):
        return Explanation(line, message, cautions=cautions)
    return Explanation(
        line,
        message,
        measure_weight(message),
        forecast_series(message, interval_seconds=interval_seconds),
        cautions,
    )


def describe_explanation(explanation: Explanation) -> dict[str, Any]:
    """Turn *explanation* into what JSON can hold."""
    described: dict[str, Any] = {
        "line": _escape(explanation.line.decode(errors="backslashreplace")),
        "accepted": explanation.refusal is None,
    }
    message, refusal = explanation.message, explanation.refusal
    if refusal is not None:
        suggestion = refusal.suggestion
        described["error"] = attrs.asdict(refusal)
        described["error"]["suggestion"] = suggestion and suggestion.decode()
    if message is not None:
        described["kind"] = _name_kind(message)
        described["message"] = attrs.asdict(message)
        described["warnings"] = [attrs.asdict(each) for each in explanation.cautions]
    if isinstance(message, Sample):
        described["weight"] = explanation.weight
        described["series"] = [attrs.asdict(each) for each in explanation.series]
    return described


def render_explanation(explanation: Explanation) -> str:
    """Write *explanation* as lines of text: a small tree, or a caret and a reason.

    The line itself comes first, escaped, so that it cannot play with a terminal.
    """
    if explanation.refusal is not None:
        return "\n".join(_render_refusal(explanation.line, explanation.refusal))
    lines = [_cut(_escape(explanation.line.decode(errors="backslashreplace")))]
    match explanation.message:
        case Sample() as sample:
            lines += _render_sample(sample, explanation)
        case Event() as event:
            lines += _render_event(event)
        case ServiceCheck() as check:
            lines += _render_service_check(check)
        case None:  # pragma: no cover - a refusal, by the class's own rule
            pass
    lines += [f"  warning: {_escape(each.text)}" for each in explanation.cautions]
    return "\n".join(lines)


def _name_kind(message: Message) -> str:
    if isinstance(message, Sample):
        return "metric"
    return "event" if isinstance(message, Event) else "service_check"


def _render_refusal(line: bytes, refusal: Refusal) -> Iterator[str]:
    before, after = _split_at(line, refusal.column)
    half = _SHOWN_CHARACTERS // 2
    if len(before) > half:
        before = "..." + before[-half:]
    if len(after) > half:
        after = after[:half] + "..."
    yield before + after
    yield " " * _measure_width(before) + "^"
    yield f"  refused ({refusal.reason}): {_escape(refusal.message)}"
    if refusal.suggestion is not None:
        yield f"  try: {_cut(_escape(refusal.suggestion.decode()))}"


def _split_at(line: bytes, column: int) -> tuple[str, str]:
    before, after = line[:column], line[column:]
    try:
        # A length of an event may end within a character: then before that one.
        split = before.decode(errors="ignore")
        return _escape(split), _escape(line.decode()[len(split) :])
    except UnicodeDecodeError:
        return (
            _escape(before.decode(errors="backslashreplace")),
            _escape(after.decode(errors="backslashreplace")),
        )


def _render_sample(sample: Sample, explanation: Explanation) -> Iterator[str]:
    yield f"  {_TYPE_WORDS[sample.type]} named {_escape(sample.name)}"
    shown = [
        _escape(value) if isinstance(value, str) else _show(value)
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
        yield _label("sample rate", f"{_show(sample.sample_rate)}, {effect}")
    if sample.timestamp is not None:
        yield _label("time", f"{sample.timestamp} (unix seconds), not aggregated")
    yield from _render_shared(sample.tags, sample.host, sample.origin)
    yield "    becomes"
    width = max(len(_escape(series.name)) for series in explanation.series)
    for series in explanation.series:
        value = "" if series.value is None else f" {_show(series.value)}"
        device = f", device {_escape(series.device)}" if series.device else ""
        name = _escape(series.name).ljust(width)
        yield f"      {name}  {series.type}{value} ({series.meaning}){device}"


def _render_event(event: Event) -> Iterator[str]:
    yield f"  event ({event.alert_type}, priority {event.priority})"
    yield _label("title", _escape(event.title))
    yield _label("text", _escape(event.text))
    yield _label("time", "of arrival" if event.timestamp is None else event.timestamp)
    if event.aggregation_key is not None:
        yield _label("grouped by", _escape(event.aggregation_key))
    if event.source_type_name is not None:
        yield _label("source", _escape(event.source_type_name))
    yield from _render_shared(event.tags, event.host, event.origin)
    yield _label("becomes", "an event in Datadog's event explorer")


def _render_service_check(check: ServiceCheck) -> Iterator[str]:
    yield f"  service check named {_escape(check.name)}"
    yield _label("status", f"{check.status.value} ({check.status.name})")
    if check.message:
        yield _label("message", _escape(check.message))
    yield _label("time", "of arrival" if check.timestamp is None else check.timestamp)
    yield from _render_shared(check.tags, check.host, check.origin)
    yield _label("becomes", "one run of the check")


def _render_shared(
    tags: tuple[str, ...], host: str | None, origin: ClientOrigin | None
) -> Iterator[str]:
    if host is not None:
        yield _label("host", _escape(host) or "none")
    yield _label("tags", ", ".join(_show_tag(tag) for tag in tags) or "none")
    if origin is not None:
        said = [
            f"{name.replace('_', ' ')} {_escape(str(value))}"
            for name, value in attrs.asdict(origin).items()
            if value is not None
        ]
        yield _label("origin", ", ".join(said))


def _label(label: str, text: object) -> str:
    return f"    {label:{_LABEL_WIDTH}}{text}"


def _show_tag(tag: str) -> str:
    return quote(tag) if not tag or " " in tag else _escape(tag)


def _show(number: float) -> str:
    return f"{number:.12g}"


def _escape(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )


def _cut(text: str) -> str:
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    return f"{text[:_SHOWN_CHARACTERS]}... ({len(text)} characters)"


def _measure_width(text: str) -> int:
    """Count the cells of a terminal that *text* takes."""
    return sum(
        0 if unicodedata.combining(each) else 1 + _is_wide(each) for each in text
    )


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
