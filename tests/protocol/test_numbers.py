import pytest

from statsd_trio.protocol import ParseError, Reason, parse_message, parse_numbers


# Whoever converts a value later than its line must come to the parser's verdict.
@pytest.mark.parametrize(
    ("text", "reason", "column"),
    [
        (b"", Reason.EMPTY_VALUE, 0),
        (b":", Reason.NO_VALUE, 0),
        (b"1:x", Reason.BAD_VALUE, 2),
        (b"1:2\xff", Reason.NOT_UTF8, 3),
        (b"\xff:1", Reason.NOT_UTF8, 0),
        (b"1:1e999", Reason.OVERFLOW, 2),
        (b"0x1", Reason.HEX_VALUE, 0),
    ],
)
def test_a_value_alone_is_refused_as_within_its_line(
    text: bytes, reason: Reason, column: int
) -> None:
    with pytest.raises(ParseError) as alone:
        parse_numbers(text)
    with pytest.raises(ParseError) as within:
        parse_message(b"a:" + text + b"|c")
    assert (alone.value.reason, alone.value.column) == (reason, column)
    assert (within.value.reason, within.value.column - 2) == (reason, column)
