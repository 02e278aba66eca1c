"""Explain one line: parse it, apply the rules, and aggregate it."""

import base64
from collections.abc import Mapping
from typing import Any

import attrs

from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.errors import ParseError, Reason
from statsd_trio.explain.line_warnings import LineWarning, find_line_warnings
from statsd_trio.explain.suggestion import suggest_line
from statsd_trio.explain.trial import BuiltSeries, try_sample
from statsd_trio.protocol.encoding import decode_escaped, has_escaped, replace_escaped
from statsd_trio.protocol.messages import Event, Message, Sample
from statsd_trio.protocol.parser import parse_message
from statsd_trio.rules import Rules


@attrs.frozen
class Rejection:
    """Why a line is rejected, where, and what was probably meant.

    Attributes:
        column: the offset in bytes, counted from 0.
        suggestion: a line that would be accepted, or None.
    """

    reason: Reason
    column: int
    message: str
    suggestion: bytes | None


@attrs.frozen
class Explanation:
    """What one line means; either *message* or *rejection* is set.

    Attributes:
        weight: how many values each value stands for; 0 if it cannot be counted.
        is_filtered: whether the operator's rules drop the line.
        series: what a metric becomes if nothing else arrives in its interval.
        dropped: how many values of a metric are in no series, by reason.
    """

    line: bytes
    message: Message | None = None
    weight: float = 1.0
    is_filtered: bool = False
    series: tuple[BuiltSeries, ...] = ()
    dropped: Mapping[str, int] = attrs.field(factory=dict[str, int])
    warnings: tuple[LineWarning, ...] = ()
    rejection: Rejection | None = None


def explain_line(
    line: bytes,
    *,
    now: float,
    rules: Rules | None = None,
    settings: AggregationSettings | None = None,
    use_timestamps: bool = True,
) -> Explanation:
    """Explain what *line* means to a server.

    Args:
        line: the line without its newline.
        now: unix seconds.
        rules: the server's rules; by default there are none.
        settings: the server's settings; by default the usual ones.
        use_timestamps: whether the field ``T`` counts.
    """
    try:
        message = parse_message(line, use_timestamps=use_timestamps)
    except ParseError as error:
        suggestion = suggest_line(line, error)
        rejection = Rejection(error.reason, error.column, error.message, suggestion)
        return Explanation(line, rejection=rejection)
    text = replace_escaped(decode_escaped(line)).removesuffix("\r")
    if not isinstance(message, Sample):
        return Explanation(
            line, message, warnings=find_line_warnings(text, message, now=now)
        )
    trial = try_sample(
        message,
        now=now,
        rules=rules or Rules(),
        settings=settings or AggregationSettings(),
    )
    return Explanation(
        line,
        message,
        trial.weight,
        trial.is_filtered,
        trial.series,
        trial.dropped,
        find_line_warnings(text, message, now=now, weight=trial.weight),
    )


def describe_explanation(explanation: Explanation) -> dict[str, Any]:
    """Return *explanation* as values that can be written as JSON.

    In a line that is not UTF-8, each run of such bytes is one U+FFFD, as in a message;
    its bytes are added in base64.
    """
    text = decode_escaped(explanation.line)
    described: dict[str, Any] = {"line": replace_escaped(text)}
    if has_escaped(text):
        described["line_base64"] = base64.b64encode(explanation.line).decode()
    described["accepted"] = explanation.rejection is None
    message, rejection = explanation.message, explanation.rejection
    if rejection is not None:
        suggestion = rejection.suggestion
        described["error"] = attrs.asdict(rejection)
        described["error"]["suggestion"] = suggestion and suggestion.decode()
    if message is not None:
        described["kind"] = _name_kind(message)
        described["message"] = attrs.asdict(message)
        described["warnings"] = [attrs.asdict(each) for each in explanation.warnings]
    if isinstance(message, Sample):
        described["weight"] = explanation.weight
        described["filtered"] = explanation.is_filtered
        described["series"] = [attrs.asdict(each) for each in explanation.series]
        described["dropped"] = dict(explanation.dropped)
    return described


def _name_kind(message: Message) -> str:
    if isinstance(message, Sample):
        return "metric"
    return "event" if isinstance(message, Event) else "service_check"
