"""What holds for every line, whatever its bytes."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import attrs
import pytest
from hypothesis import given, strategies as st

import statsd_trio.protocol
from statsd_trio.protocol import (
    Message,
    ParseError,
    Reason,
    Sample,
    format_message,
    parse_message,
    parse_numbers,
)
from statsd_trio.testing.strategies import (
    lines,
    messages,
    numbers,
    valid_lines,
)

PROTOCOL_FOLDER = str(Path(statsd_trio.protocol.__file__).parent)


def parse_or_refuse(
    line: bytes, *, use_timestamps: bool = True
) -> Message | ParseError:
    try:
        return parse_message(line, use_timestamps=use_timestamps)
    except ParseError as error:
        return error


@given(lines() | st.binary(), st.booleans())
def test_any_bytes_give_a_value_or_a_parse_error(
    line: bytes, use_timestamps: bool
) -> None:
    answer = parse_or_refuse(line, use_timestamps=use_timestamps)
    if isinstance(answer, ParseError):
        assert answer.reason in Reason
        assert 0 <= answer.column <= len(line)
        assert answer.message.isprintable()


@given(messages())
def test_format_then_parse_is_identity(message: Message) -> None:
    assert parse_message(format_message(message)) == message


@given(lines())
def test_what_was_parsed_can_be_formatted_and_parsed_again(line: bytes) -> None:
    message = parse_or_refuse(line)
    if isinstance(message, ParseError):
        return
    reread = parse_message(format_message(message))
    ignored: dict[str, Any] = {"unknown_fields": 0, "is_repaired": False}
    ignored["dropped" if isinstance(message, Sample) else "warnings"] = ()
    assert reread == attrs.evolve(message, **ignored)


@given(lines() | st.binary())
def test_what_is_parsed_holds_no_raw_byte(line: bytes) -> None:
    message = parse_or_refuse(line)
    if not isinstance(message, ParseError):
        json.dumps(attrs.asdict(message), ensure_ascii=False).encode()


@given(valid_lines())
def test_a_carriage_return_at_the_end_changes_nothing(line: bytes) -> None:
    assert parse_message(line + b"\r") == parse_message(line)


@given(
    st.sampled_from([b"a:1|c", b"a:1:2|g", b"_sc|a|1", b"_e{1,1}:a|b"]),
    st.permutations(
        b"#env:prod,host:h,b @0.5 T5 c:ci-x e:cn-y card:low x:1".split(b" ")
    ),
)
def test_field_order_does_not_matter(head: bytes, fields: list[bytes]) -> None:
    line = b"|".join([head, *fields])
    assert parse_message(line) == parse_message(b"|".join([head, *sorted(fields)]))


@given(st.lists(numbers(), min_size=1))
def test_packed_values_are_the_values_one_by_one(values: list[float]) -> None:
    texts = [repr(value).encode() for value in values]
    assert parse_numbers(b":".join(texts)) == (tuple(values), ())


not_finite = st.sampled_from([b"nan", b"NaN", b"-nan", b"inf", b"+Inf", b"-Infinity"])
items = st.one_of(
    st.just(b""),
    not_finite,
    numbers().map(lambda value: repr(value).encode()),
    st.sampled_from([b"x", b"1_", b"infin", b"1e999"]),
)


@given(st.lists(items, max_size=8))
def test_what_is_not_finite_costs_itself_and_a_bad_item_costs_all(
    texts: list[bytes],
) -> None:
    finite: list[float] = []
    dropped = 0
    is_bad = False
    for text in filter(None, texts):
        try:
            values, _ = parse_numbers(text)
        except ParseError as error:
            is_spoilt = error.reason in {Reason.NAN, Reason.INFINITY}
            dropped += is_spoilt
            is_bad = is_bad or not is_spoilt
        else:
            finite += values
    text = b":".join(texts)
    if is_bad:
        with pytest.raises(ParseError) as caught:
            parse_numbers(text)
        assert caught.value.reason in {Reason.BAD_VALUE, Reason.OVERFLOW}
    elif not finite:
        with pytest.raises(ParseError):
            parse_numbers(text)
    else:
        values, reasons = parse_numbers(text)
        assert list(values) == finite
        assert len(reasons) == dropped


@given(st.text("0123456789.eE+-_ xnaif", max_size=12))
def test_a_number_is_what_is_decimal_to_float_and_nothing_else(text: str) -> None:
    # An own reading: Go's decimal syntax is Python's without spaces and words.
    is_decimal = not set(text) & set(" xnaif")
    try:
        expected = float(text) if is_decimal else None
    except ValueError:
        expected = None
    try:
        ((read,), _) = parse_numbers(text.encode())
    except ParseError:
        assert expected is None or abs(expected) == float("inf")
    else:
        assert read == expected


LONG: dict[str, Callable[[int], bytes]] = {
    "a long name": lambda size: b"a" * size + b":1|c",
    "a long value": lambda size: b"a:" + b"1" * size + b"|c",
    "many values": lambda size: b"a:" + b"1:" * (size // 2) + b"|c",
    "many empty values": lambda size: b"a:" + b":" * size + b"|c",
    "a bad value at the end": lambda size: b"a:" + b"1:" * (size // 2) + b"x|c",
    "many tags": lambda size: b"a:1|c|#" + b"b," * (size // 2),
    "many reserved tags": lambda size: b"a:1|c|#" + b"host:b," * (size // 7),
    "bars": lambda size: b"|" * size,
    "many fields": lambda size: b"a:1|c" + b"|x" * (size // 2),
    "many rates": lambda size: b"a:1|c" + b"|@1" * (size // 3),
    "a bad rate at the end": lambda size: b"a:1|c" + b"|@1" * (size // 3) + b"|@",
    "many timestamps": lambda size: b"a:1|c" + b"|T1" * (size // 3),
    "a long timestamp": lambda size: b"a:1|c|T" + b"9" * size,
    "a timestamp of zeros": lambda size: b"a:1|c|T" + b"0" * size + b"1",
    "an inode of zeros": lambda size: b"a:1|c|c:in-" + b"0" * size + b"1",
    "an event's lengths of zeros": lambda size: b"_e{%b1,1}:a|b" % (b"0" * size),
    "a rate of zeros": lambda size: b"a:1|c|@" + b"0" * size + b"1",
    "a long rate": lambda size: b"a:1|c|@" + b"9" * size,
    "a long inode": lambda size: b"a:1|c|c:in-" + b"9" * size,
    "many containers": lambda size: b"a:1|c|c:" + b"ci-a," * (size // 5),
    "nulls": lambda size: b"\0" * size,
    "bytes that are not UTF-8": lambda size: b"\xff" * size,
    "an event": lambda size: b"_e{1,%d}:a|" % size + b"b" * size,
    "an event that lies": lambda size: b"_e{1,%d}:a|" % (size * 9) + b"b" * size,
    "an event's long lengths": lambda size: b"_e{%s,1}:a|b" % (b"9" * size),
    "an event's fields": lambda size: b"_e{1,1}:a|b" + b"|d:x" * (size // 4),
    "a service check": lambda size: b"_sc|" + b"a" * size + b"|0",
    "a service check's fields": lambda size: b"_sc|a|0" + b"|h:x" * (size // 4),
}


def count_steps(line: bytes) -> int:
    """Count the lines of the parser that run: the same on every machine."""
    steps = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal steps
        if not frame.f_code.co_filename.startswith(PROTOCOL_FOLDER):
            return None
        steps += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        parse_or_refuse(line)
    finally:
        sys.settrace(before)
    return steps


@pytest.mark.parametrize("shape", LONG)
def test_steps_are_bounded_by_the_length_of_the_line(shape: str) -> None:
    # Each step of the parser looks at one item, and an item has a byte or more.
    line = LONG[shape](16 * 1024)
    assert count_steps(line) <= 12 * len(line) + 200


@pytest.mark.parametrize("shape", LONG)
def test_a_long_line_is_answered(shape: str) -> None:
    answer = parse_or_refuse(LONG[shape](64 * 1024))
    # What is told of a line stays short, however long the line.
    if isinstance(answer, ParseError):
        assert len(answer.message) < 400
    elif not isinstance(answer, Sample):
        assert len(answer.warnings) < 10


def test_a_mebibyte_of_bars_is_refused() -> None:
    with pytest.raises(ParseError) as caught:
        parse_message(b"|" * 1024 * 1024)
    assert caught.value.reason is Reason.NO_COLON


def test_of_many_bad_fields_only_the_first_are_told() -> None:
    event = parse_message(b"_e{1,1}:a|b" + b"|d:x" * 100)
    assert not isinstance(event, Sample)
    assert len(event.warnings) == 8


def test_ten_thousand_tags_are_kept() -> None:
    tags = tuple(f"tag{index}" for index in range(10_000))
    sample = parse_message(f"a:1|c|#{','.join(tags)}".encode())
    assert sample.tags == tags
