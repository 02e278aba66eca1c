"""Parse an event line.

The form is ``_e{<title bytes>,<text bytes>}:<title>|<text>[|<field>]*``. The lengths
count bytes as sent, which is why title and text may contain ``|``. As in the Agent, the
lengths decide: if a length is too short, the rest of the text is read as fields.

Source: datadog-agent, comp/dogstatsd/server/impl/parse_events.go.
"""

from typing import Final

from statsd_trio.errors import ParseError, Reason
from statsd_trio.plural import describe_count
from statsd_trio.protocol.encoding import (
    decode_escaped,
    encode_escaped,
    has_escaped,
)
from statsd_trio.protocol.fields import SharedFields, read_origin, split_tags
from statsd_trio.protocol.messages import Event
from statsd_trio.protocol.numbers import parse_integer, quote

_SHORTEST_HEADER: Final = len("_e{1,1}")
_PRIORITIES: Final = ("normal", "low")
_ALERT_TYPES: Final = ("error", "warning", "info", "success")
_FORM: Final = "_e{5,4}:title|text"


def parse_event(line: str) -> Event:
    r"""Parse a line that begins with ``_e{`` and has no ``\n`` and no final ``\r``.

    Raises:
        ParseError: if the header is malformed, or its lengths do not fit the line. A
            bad optional field only adds a warning.
    """
    raw = encode_escaped(line)
    header, colon, body = raw.partition(b":")
    start = len(header) + len(colon)
    if not colon or len(header) < _SHORTEST_HEADER or b"," not in header:
        message = (
            "The start of the event is malformed; write the lengths of title and "
            f"text in bytes, such as {_FORM}."
        )
        raise ParseError(Reason.EVENT_HEADER, 0, message)
    title_digits, _, text_digits = header[3:-1].partition(b",")
    title_length = _parse_length(title_digits, 3)
    text_length = _parse_length(text_digits, 3 + len(title_digits) + 1)
    if title_length == 0:
        message = "The title's length is 0; every event needs a title."
        raise ParseError(Reason.EVENT_EMPTY_TITLE, 3, message)
    text_start = title_length + 1
    end = text_start + text_length
    if len(body) < end:
        message = (
            f"The lengths promise {describe_count(end, 'byte')} after the ':' (title, "
            f"'|', text), and there are {len(body)}; count the bytes of the UTF-8 text "
            "as sent."
        )
        raise ParseError(Reason.EVENT_TOO_SHORT, len(raw), message)
    shared = SharedFields()
    if body[title_length:text_start] != b"|":
        shared.warnings.append(
            f"The byte after the {describe_count(title_length, 'byte')} of the title "
            "is not '|'; the title's length is probably wrong."
        )
    is_utf8 = not has_escaped(line)
    title = _decode(body[:title_length], start, is_utf8)
    text = _decode(body[text_start:end], start + text_start, is_utf8)
    rest = _decode(body[end:], start + end, is_utf8)
    if rest and not rest.startswith("|"):
        shared.warnings.append(
            f"The byte after the {describe_count(text_length, 'byte')} of the text is "
            "not '|'; the text's length is probably wrong."
        )
    return _read_fields(_unescape(title), _unescape(text), rest, shared)


def _parse_length(raw: bytes, column: int) -> int:
    # The byte before the colon is not looked at, so it may be half of a character.
    digits = raw.decode(errors="replace")
    length = parse_integer(digits)
    if length is None or length < 0:
        message = f"The length {quote(digits)} is not a count of bytes; write {_FORM}."
        raise ParseError(Reason.EVENT_LENGTH, column, message)
    return length


def _decode(raw: bytes, column: int, is_utf8: bool) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        # In a line that is not UTF-8, it cannot be known whether a length cut a
        # character in two or the byte was sent like this.
        if not is_utf8:
            return decode_escaped(raw)
        message = (
            "A length ends within a character; count the bytes of the UTF-8 text, "
            "not its characters."
        )
        raise ParseError(Reason.EVENT_LENGTH, column + error.start, message) from None


def _unescape(text: str) -> str:
    return text.replace("\\n", "\n")


def _read_fields(title: str, text: str, rest: str, shared: SharedFields) -> Event:
    aggregation_key = source_type_name = ""
    priority, alert_type = "normal", "info"
    for field in rest.split("|"):
        if field.startswith("k:"):
            aggregation_key = field[2:]
        elif field.startswith("s:"):
            source_type_name = field[2:]
        elif field.startswith("p:"):
            if field[2:] in _PRIORITIES:
                priority = field[2:]
            else:
                shared.warn(field, "a priority is normal or low")
        elif field.startswith("t:"):
            if field[2:] in _ALERT_TYPES:
                alert_type = field[2:]
            else:
                shared.warn(field, "a type is error, warning, info or success")
        else:
            shared.take(field)
    tags = split_tags(shared.tags, shared.origin.cardinality)
    return Event(
        title=title,
        text=text,
        timestamp=shared.timestamp or None,
        host=shared.host or tags.host,
        aggregation_key=aggregation_key or None,
        priority=priority,
        source_type_name=source_type_name or None,
        alert_type=alert_type,
        tags=tags.tags,
        origin=read_origin(shared.origin, tags),
        unknown_fields=shared.unknown_fields,
        warnings=tuple(shared.warnings),
    )
