"""Parse one line of bytes into a sample, an event or a service check.

Every sequence of bytes has a result: either a message or a `ParseError`. A line is read
once from left to right, so the time for it grows only with its length.

The parser accepts what the Agent accepts, with three exceptions: numbers that would
poison an aggregate (see `numbers`; a sample rate is only judged where it counts),
timestamps on types that the Agent discards later, and names that are not UTF-8.

Source: datadog-agent, comp/dogstatsd/server/impl/parse.go and parse_metrics.go.
"""

from typing import Final

from statsd_trio.errors import ParseError, Reason
from statsd_trio.protocol.encoding import (
    decode_escaped,
    encode_escaped,
    repair_message,
    require_utf8,
)
from statsd_trio.protocol.events import parse_event
from statsd_trio.protocol.fields import (
    OriginFields,
    has_reserved,
    read_origin,
    split_tags,
)
from statsd_trio.protocol.messages import Message, MetricType, Sample
from statsd_trio.protocol.numbers import (
    is_rate,
    parse_integer,
    parse_numbers,
    parse_rate,
    quote,
)
from statsd_trio.protocol.service_checks import parse_service_check

_TYPES: Final = {metric_type.value: metric_type for metric_type in MetricType}
_SET: Final = MetricType.SET

# Source: datadog-agent, pkg/aggregator/no_aggregation_stream_worker.go: samples of
# other types that have a timestamp are discarded.
_TYPES_WITH_TIMESTAMP: Final = (MetricType.COUNTER, MetricType.GAUGE)

# A sample with a timestamp does not use its rate either. Source: datadog-agent,
# pkg/metrics/gauge.go and set.go.
_TYPES_WITHOUT_RATE: Final = (MetricType.GAUGE, MetricType.SET)


def parse_message(line: bytes, *, use_timestamps: bool = True) -> Message:
    r"""Parse one line, given without its newline.

    One trailing ``\r`` is dropped. Bytes that are not UTF-8 are replaced in tags and
    texts, and rejected in names; see `encoding`.

    Args:
        line: the bytes as they were received, of any length and content.
        use_timestamps: whether the field ``T`` counts. If False it is ignored, whatever
            it holds, as the Agent does when its no-aggregation pipeline is off.

    Raises:
        ParseError: if the line must be rejected. Nothing else is ever raised.
    """
    is_utf8 = True
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = decode_escaped(line)
        is_utf8 = False
    if text[-1:] == "\r":
        text = text[:-1]
    if text[:1] == "_":
        if text.startswith("_e{"):
            event = parse_event(text)
            return event if is_utf8 else repair_message(event)
        if text.startswith("_sc"):
            check = parse_service_check(text)
            return check if is_utf8 else repair_message(check)
    if is_utf8:
        return _parse_metric(text, use_timestamps)
    require_utf8(text.partition("|")[0].partition(":")[0], 0)
    return repair_message(_parse_metric(text, use_timestamps))


# This is the hot path of every line that was not seen before: one pass, few calls, and
# no objects besides the result. Each branch is one field of the protocol.
def _parse_metric(  # noqa: C901, PLR0912 - as above
    text: str, use_timestamps: bool
) -> Sample:
    fields = text.split("|")
    name, _, value = fields[0].partition(":")
    metric_type = _TYPES.get(fields[1]) if len(fields) > 1 else None
    if metric_type is None or not name or not value:
        raise _find_head_fault(fields)
    values: tuple[float, ...] | tuple[str, ...]
    dropped: tuple[Reason, ...] = ()
    if metric_type is _SET:
        values = (value,)
    else:
        try:
            # This does what `encode_escaped` does, and saves a call for every line.
            values, dropped = parse_numbers(value.encode("utf-8", "surrogateescape"))
        except ParseError as error:
            raise _shift(error, f"{name}:") from None

    sample_rate = 1.0
    tags_text = local_data = external_data = cardinality = ""
    timestamp = None
    unknown_fields = 0
    for field in fields[2:]:
        kind = field[:1]
        if kind == "#":
            tags_text = field[1:]
        elif kind == "@":
            try:
                sample_rate = parse_rate(field[1:])
            except ParseError as error:
                column = _measure(fields, fields.index(field, 2)) + 1 + error.column
                raise ParseError(error.reason, column, error.message) from None
        elif kind == "T":
            if use_timestamps:
                timestamp = parse_integer(field[1:])
                if timestamp is None or timestamp < 1:
                    raise _blame_timestamp(fields, fields.index(field, 2))
        elif field.startswith("c:"):
            local_data = field[2:]
        elif field.startswith("e:"):
            external_data = field[2:]
        elif field.startswith("card:"):
            cardinality = field[5:]
        elif field:
            unknown_fields += 1
    if timestamp is not None and metric_type not in _TYPES_WITH_TIMESTAMP:
        raise _blame_type_with_timestamp(fields, metric_type)
    if sample_rate != 1.0 and not is_rate(sample_rate):
        if timestamp is None and metric_type not in _TYPES_WITHOUT_RATE:
            raise _blame_rate(fields)
        sample_rate = 1.0

    if not (has_reserved(tags_text) or local_data or external_data or cardinality):
        tags = tuple(tags_text.split(",")) if tags_text else ()
        return Sample(
            name,
            metric_type,
            values,
            sample_rate,
            tags,
            timestamp,
            None,
            None,
            unknown_fields,
            dropped,
        )
    split = split_tags(tags_text, cardinality)
    return Sample(
        name,
        metric_type,
        values,
        sample_rate,
        split.tags,
        timestamp,
        split.host,
        read_origin(OriginFields(local_data, external_data, cardinality), split),
        unknown_fields,
        dropped,
    )


def _shift(error: ParseError, prefix: str) -> ParseError:
    column = len(encode_escaped(prefix)) + error.column
    return ParseError(error.reason, column, error.message)


def _measure(fields: list[str], index: int) -> int:
    """Count the bytes before a field, including its ``|``."""
    return sum(len(encode_escaped(field)) + 1 for field in fields[:index])


def _find_head_fault(fields: list[str]) -> ParseError:
    head = fields[0]
    name, colon, value = head.partition(":")
    if not head and len(fields) == 1:
        message = "The line is empty; send nothing instead."
        return ParseError(Reason.EMPTY_LINE, 0, message)
    if not colon:
        message = (
            f"There is no ':' after the name {quote(head)}; a metric is written "
            "name:value|type, such as page.views:1|c."
        )
        return ParseError(Reason.NO_COLON, len(head.encode()), message)
    if not name:
        message = "There is no name before the first ':'; write name:value|type."
        return ParseError(Reason.EMPTY_NAME, 0, message)
    column = len(name.encode()) + 1
    if not value:
        message = f"There is no value after the name {quote(name)}; write one."
        return ParseError(Reason.EMPTY_VALUE, column, message)
    kinds = "c (count), g (gauge), ms (timer), h (histogram), d (distribution), s (set)"
    column = _measure(fields, 1)
    if len(fields) == 1 or not fields[1]:
        column -= len(fields) == 1
        message = f"There is no type after the value; add '|' and one of {kinds}."
        return ParseError(Reason.NO_TYPE, column, message)
    message = f"{quote(fields[1])} is not a type; the types are {kinds}."
    return ParseError(Reason.UNKNOWN_TYPE, column, message)


def _blame_rate(fields: list[str]) -> ParseError:
    index = max(i for i in range(2, len(fields)) if fields[i][:1] == "@")
    message = (
        f"The sample rate {quote(fields[index][1:])} must be above 0 and at most 1: "
        "@0.1 says that one sample in ten is sent."
    )
    return ParseError(Reason.RATE_OUT_OF_RANGE, _measure(fields, index) + 1, message)


def _blame_timestamp(fields: list[str], index: int) -> ParseError:
    message = (
        f"The timestamp {quote(fields[index][1:])} must be whole seconds since 1970, "
        "above 0, such as T1657100430."
    )
    return ParseError(Reason.BAD_TIMESTAMP, _measure(fields, index) + 1, message)


def _blame_type_with_timestamp(
    fields: list[str], metric_type: MetricType
) -> ParseError:
    index = next(i for i in range(2, len(fields)) if fields[i][:1] == "T")
    message = (
        f"Only counters (c) and gauges (g) may have a timestamp, not {metric_type}; "
        "leave the field T out."
    )
    return ParseError(Reason.TIMESTAMP_ON_TYPE, _measure(fields, index), message)
