"""Find what is legal in an accepted line, but probably not meant."""

import enum
import string
from collections.abc import Iterator
from typing import Final

import attrs

from statsd_trio.explain.trial import has_effective_rate
from statsd_trio.plural import describe_count
from statsd_trio.protocol.messages import (
    Event,
    Message,
    MetricType,
    Sample,
    ServiceCheck,
)
from statsd_trio.protocol.numbers import parse_rate, quote

# Source: https://docs.datadoghq.com/metrics/custom_metrics/#naming-custom-metrics
_MAX_NAME_LENGTH: Final = 200
_NAME_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "_.")
# Source: https://docs.datadoghq.com/getting_started/tagging/
_MAX_TAG_LENGTH: Final = 200
# Source: https://docs.datadoghq.com/api/latest/metrics/#submit-metrics
_FUTURE_SECONDS: Final = 600
_PAST_SECONDS: Final = 3600
# Source: https://docs.datadoghq.com/api/latest/events/#post-an-event
_PAST_SECONDS_OF_EVENTS: Final = 18 * 3600
# As seconds, a number of this size is 3000 years ahead; as milliseconds it is about
# now.
_PROBABLY_MILLISECONDS: Final = 100_000_000_000

# 1 / 0.1 and the like are only whole within rounding.
_ROUNDING: Final = 1e-6

_ORIGIN_FIELDS: Final = ("c:", "e:", "card:")
_KNOWN_FIELDS: Final = {
    Sample: ("#", "@", "T", *_ORIGIN_FIELDS),
    ServiceCheck: ("d:", "h:", "#", "m:", *_ORIGIN_FIELDS),
}


class WarningCode(enum.StrEnum):
    """What is legal in a line but probably not meant: stable codes."""

    DUPLICATE_TAG = "duplicate_tag"
    EMPTY_TAG = "empty_tag"
    FRACTIONAL_WEIGHT = "fractional_weight"
    FUTURE_TIMESTAMP = "future_timestamp"
    GAUGE_DELTA = "gauge_delta"
    GAUGE_VALUES = "gauge_values"
    IGNORED_FIELD = "ignored_field"
    IGNORED_RATE = "ignored_rate"
    LONG_NAME = "long_name"
    LONG_TAG = "long_tag"
    MESSAGE_NOT_LAST = "message_not_last"
    NAME_CHARACTERS = "name_characters"
    NAME_START = "name_start"
    NON_ASCII_NAME = "non_ascii_name"
    NOT_UTF8 = "not_utf8"
    OLD_TIMESTAMP = "old_timestamp"
    REPEATED_FIELD = "repeated_field"
    TAG_SPACE = "tag_space"
    UNKNOWN_FIELD = "unknown_field"
    UNREAD_ORIGIN = "unread_origin"


@attrs.frozen
class LineWarning:
    """Something in an accepted line that its sender should know about.

    Attributes:
        text: a sentence for people.
    """

    code: WarningCode
    text: str


def find_line_warnings(
    line: str, message: Message, *, now: float, weight: float = 1.0
) -> tuple[LineWarning, ...]:
    r"""Return what is unusual in *line*, which was parsed as *message*.

    Args:
        line: the text of the line, without its ``\r``.
        message: the parsed line.
        now: unix seconds.
        weight: how many values each value stands for.
    """
    found: list[LineWarning] = []
    if isinstance(message, Sample):
        found += _check_name(message.name)
        found += _check_sample(line, message, weight)
    else:
        found += [
            LineWarning(WarningCode.IGNORED_FIELD, warning)
            for warning in message.warnings
        ]
    if message.is_repaired:
        found.append(
            LineWarning(
                WarningCode.NOT_UTF8,
                "Bytes that are not UTF-8 were replaced by U+FFFD; encode tags and "
                "texts as UTF-8.",
            )
        )
    found += _check_timestamp(message, now)
    found += _check_tags(message.tags)
    found += _check_fields(line, message)
    found += _check_local_data(line, message)
    return tuple(found)


def _check_name(name: str) -> Iterator[LineWarning]:
    if len(name) > _MAX_NAME_LENGTH:
        yield LineWarning(
            WarningCode.LONG_NAME,
            f"The name has {len(name)} characters; Datadog keeps {_MAX_NAME_LENGTH}.",
        )
    if not name.isascii():
        yield LineWarning(
            WarningCode.NON_ASCII_NAME,
            "The name has characters that are not ASCII; Datadog turns them into _.",
        )
    odd = sorted({each for each in name if each.isascii()} - _NAME_CHARACTERS)
    if odd:
        yield LineWarning(
            WarningCode.NAME_CHARACTERS,
            f"The name has {', '.join(map(quote, odd))}; Datadog turns all but "
            "letters, digits, _ and . into _.",
        )
    if name[0] not in string.ascii_letters:
        yield LineWarning(
            WarningCode.NAME_START,
            "The name does not start with a letter, as Datadog asks of names.",
        )


def _check_sample(line: str, sample: Sample, weight: float) -> Iterator[LineWarning]:
    # The sample itself no longer has a rate that is out of range where rates do not
    # count.
    rates = [field[1:] for field in _list_fields(line, sample) if field[:1] == "@"]
    if rates and parse_rate(rates[-1]) != 1.0 and not has_effective_rate(sample):
        what = f"a {sample.type.name.lower()}"
        if sample.timestamp is not None:
            what = "a value that has a timestamp"
        yield LineWarning(
            WarningCode.IGNORED_RATE, f"The sample rate has no effect on {what}."
        )
    exact = 1.0 / sample.sample_rate
    if (
        weight  # otherwise no value of it is counted
        and sample.type is MetricType.DISTRIBUTION
        and exact > weight + _ROUNDING
    ):
        yield LineWarning(
            WarningCode.FRACTIONAL_WEIGHT,
            f"Each value stands for {exact:.4g}, which is cut to {weight:.12g} in the "
            "count of a distribution but not in its sum; rates such as 0.5, 0.25, 0.2 "
            "and 0.1 are exact.",
        )
    if sample.type is MetricType.GAUGE:
        value = line.partition(":")[2].partition("|")[0]
        signed = next((each for each in value.split(":") if each[:1] in "+-"), "")
        if signed and not (signed[0] == "-" and sample.values[-1] == 0):
            yield LineWarning(
                WarningCode.GAUGE_DELTA,
                f"This sets the gauge to {signed.removeprefix('+')}. DogStatsD has no "
                "relative gauges: in plain StatsD a sign means add or subtract.",
            )
        if len(sample.values) > 1:
            yield LineWarning(
                WarningCode.GAUGE_VALUES,
                "Of several values of a gauge only the last one counts.",
            )


def _check_timestamp(message: Message, now: float) -> Iterator[LineWarning]:
    timestamp = message.timestamp
    if timestamp is None:
        return
    ago = int(now) - timestamp
    if timestamp > _PROBABLY_MILLISECONDS:
        yield LineWarning(
            WarningCode.FUTURE_TIMESTAMP,
            "The timestamp is thousands of years ahead; it is probably in "
            "milliseconds, and should be in seconds.",
        )
    elif timestamp > now:
        is_dropped = isinstance(message, Sample) and -ago > _FUTURE_SECONDS
        yield LineWarning(
            WarningCode.FUTURE_TIMESTAMP,
            f"The timestamp is {describe_count(-ago, 'second')} in the future"
            f"{', and Datadog drops it' if is_dropped else ''}.",
        )
    elif isinstance(message, Sample) and ago > _PAST_SECONDS:
        yield LineWarning(
            WarningCode.OLD_TIMESTAMP,
            f"The timestamp is {ago} seconds in the past; Datadog drops what is older "
            "than an hour, unless told to keep it.",
        )
    elif isinstance(message, Event) and ago > _PAST_SECONDS_OF_EVENTS:
        yield LineWarning(
            WarningCode.OLD_TIMESTAMP,
            f"The timestamp is {ago} seconds in the past; Datadog takes events of the "
            "last 18 hours.",
        )


def _check_tags(tags: tuple[str, ...]) -> Iterator[LineWarning]:
    seen: dict[str, int] = {}
    for tag in tags:
        seen[tag] = seen.get(tag, 0) + 1
    for tag, times in seen.items():
        if not tag:
            yield LineWarning(
                WarningCode.EMPTY_TAG,
                "There is an empty tag, because of an extra comma among the tags.",
            )
            continue
        if times > 1:
            yield LineWarning(
                WarningCode.DUPLICATE_TAG,
                f"The tag {quote(tag)} appears {times} times; it counts once.",
            )
        if " " in tag:
            yield LineWarning(
                WarningCode.TAG_SPACE,
                f"The tag {quote(tag)} has a space; Datadog turns it into _, and "
                "no space is dropped after a comma.",
            )
        if len(tag) > _MAX_TAG_LENGTH:
            yield LineWarning(
                WarningCode.LONG_TAG,
                f"The tag {quote(tag)} has {len(tag)} characters; Datadog keeps "
                f"{_MAX_TAG_LENGTH}.",
            )


def _check_fields(line: str, message: Message) -> Iterator[LineWarning]:
    if isinstance(message, Event):
        # Title and text may contain anything, so the fields cannot be found by their
        # form.
        if message.unknown_fields:
            yield LineWarning(
                WarningCode.UNKNOWN_FIELD,
                f"{message.unknown_fields} of the fields are unknown and were ignored.",
            )
        return
    fields = _list_fields(line, message)
    known = _KNOWN_FIELDS[type(message)]
    names = [
        next((name for name in known if field.startswith(name)), "") for field in fields
    ]
    for field, name in zip(fields, names, strict=True):
        if not name:
            yield LineWarning(
                WarningCode.UNKNOWN_FIELD,
                f"The field {quote(field)} is unknown and was ignored.",
            )
    for name in dict.fromkeys(names):
        if name and names.count(name) > 1:
            yield LineWarning(
                WarningCode.REPEATED_FIELD,
                f"The field {name} appears {names.count(name)} times; the last one "
                "counts.",
            )
    if "m:" in names[:-1]:
        yield LineWarning(
            WarningCode.MESSAGE_NOT_LAST,
            "There are fields after the message; a message ends at its first '|'.",
        )


def _check_local_data(line: str, message: Message) -> Iterator[LineWarning]:
    origin = message.origin
    is_read = origin is not None and (origin.container_id or origin.cgroup_inode)
    if isinstance(message, Sample) and not is_read:
        fields = _list_fields(line, message)
        if any(field.startswith("c:") for field in fields):
            yield LineWarning(
                WarningCode.UNREAD_ORIGIN,
                "The field c: does not name a container; write ci- and its id, or in- "
                "and the inode of its cgroup.",
            )


def _list_fields(line: str, message: Sample | ServiceCheck) -> list[str]:
    # This is how the parser splits a service check: the name starts after four
    # characters.
    start = 4 if isinstance(message, ServiceCheck) else 0
    return [field for field in line[start:].split("|")[2:] if field]
