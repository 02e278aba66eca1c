"""Parse numbers as Go's strconv parses decimal ones.

Python's own `float` and `int` also accept surrounding spaces and the digits of other
scripts, which an Agent does not, so the text is checked first. Underscores between two
digits are accepted by both.
"""

import re
from math import inf, isfinite, isinf, isnan, nan
from typing import Final

from statsd_trio.errors import ParseError, Reason
from statsd_trio.protocol.encoding import encode_escaped, replace_escaped

# `float` is safe for text made of these characters only. What can still go wrong is a
# malformed number ("1.2.3"), which raises, or one that is too large ("1e400"), which
# gives an infinity.
PLAIN_CHARACTERS: Final = b"0123456789.eE+-_:"

_DIGITS: Final = rb"[0-9]++(?:_[0-9]++)*+"
_NUMBER: Final = rb"[+-]?(?:%(d)b(?:\.(?:%(d)b)?)?|\.%(d)b)(?:[eE][+-]?%(d)b)?" % {
    b"d": _DIGITS
}
_ITEM: Final = rb"%b|[+-]?(?i:nan|inf(?:inity)?)(?![^:])" % _NUMBER
_DECIMAL: Final = re.compile(_NUMBER)
_ITEMS: Final = re.compile(rb"(?:%b)?(?::(?:%b)?)*+" % (_ITEM, _ITEM))
_HEX: Final = re.compile(rb"[+-]?0[xX]")
_NAN: Final = re.compile(rb"[+-]?nan", re.IGNORECASE)
_INFINITY: Final = re.compile(rb"[+-]?inf(?:inity)?", re.IGNORECASE)
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")

_MAX_INT64: Final = 2**63 - 1
_INT64_DIGITS: Final = 19
_QUOTED_CHARACTERS: Final = 40


def parse_numbers(text: bytes) -> tuple[tuple[float, ...], tuple[Reason, ...]]:
    """Parse the value of a line: one number, or several packed with colons.

    Empty items are skipped. NaN and infinities would spoil every aggregate, so they are
    dropped as long as the line has a finite number besides.

    Returns:
        The finite numbers, at least one, and the reason for each item that was dropped.

    Raises:
        ParseError: if there is no finite number, or an item is not a number at all. Its
            column counts from the start of *text*.

    Source: datadog-agent, comp/dogstatsd/server/impl/parse.go, and
    pkg/metrics/context_metrics.go for what is dropped.
    """
    if not text.translate(None, PLAIN_CHARACTERS):
        try:
            if b":" in text:
                numbers = tuple([float(item) for item in text.split(b":") if item])
            else:
                numbers = (float(text),)
        except ValueError:
            pass
        else:
            if numbers and inf not in numbers and -inf not in numbers:
                return numbers, ()
    return _read_items(text)


def parse_rate(text: str) -> float:
    """Parse a sample rate: any number, in range or not, as `is_rate` decides later.

    Raises:
        ParseError: with a column that counts from the start of *text*.
    """
    raw = encode_escaped(text)
    rate = _read_decimal(raw)
    if rate is not None:
        if isinf(rate):
            message = f"The sample rate {quote(text)} is too large for a number."
            raise ParseError(Reason.RATE_OUT_OF_RANGE, 0, message)
        return rate
    if _NAN.fullmatch(raw) or _INFINITY.fullmatch(raw):
        return nan
    message = (
        f"The sample rate {quote(text)} is not a number; write the share "
        "of samples that you send, such as @0.5, or leave @ out."
    )
    raise ParseError(Reason.BAD_RATE, _measure_decimal(raw), message)


def is_rate(rate: float) -> bool:
    """Return whether a value can be divided by *rate*: it must be in (0, 1].

    The Agent accepts any number here and divides by it. A rate of zero then turns a
    counter into an infinity, and a rate above one makes values vanish.
    """
    # The reciprocal of the smallest numbers is infinite, and the reciprocal is what a
    # rate is used for.
    return 0.0 < rate <= 1.0 and 1.0 / rate != inf


def parse_integer(text: str) -> int | None:
    """Parse a signed 64-bit decimal integer; return None if *text* is not one.

    Source: Go, strconv.ParseInt(s, 10, 64).
    """
    if not _INTEGER.fullmatch(text):
        return None
    # Python limits how many digits it converts, and counts leading zeros towards the
    # limit. The length is checked first, because converting a long number takes
    # quadratic time.
    digits = text.lstrip("+-").lstrip("0")
    if len(digits) > _INT64_DIGITS:
        return None
    number = int(digits or "0")
    if text.startswith("-"):
        number = -number
    return number if -_MAX_INT64 - 1 <= number <= _MAX_INT64 else None


def blame_bytes(raw: bytes, error: UnicodeDecodeError, column: int = 0) -> ParseError:
    """Return the error for the byte of *raw* that is not UTF-8.

    *raw* begins at *column* of its line.
    """
    message = (
        f"Byte 0x{raw[error.start]:02x} is not UTF-8; encode names, tags and texts as "
        "UTF-8."
    )
    return ParseError(Reason.NOT_UTF8, column + error.start, message)


def quote(text: str) -> str:
    """Quote what a client sent for use within a sentence: escaped, and cut if long."""
    text = replace_escaped(text)
    if len(text) > _QUOTED_CHARACTERS:
        return ascii(text[:_QUOTED_CHARACTERS]) + "..."
    return repr(text) if text.isprintable() else ascii(text)


def _read_decimal(text: bytes) -> float | None:
    match = _DECIMAL.match(text)
    return float(text) if match and match.end() == len(text) else None


def _measure_decimal(text: bytes) -> int:
    """Count the bytes of *text* that could still be the start of a number."""
    match = _DECIMAL.match(text)
    return match.end() if match else 0


def _read_items(text: bytes) -> tuple[tuple[float, ...], tuple[Reason, ...]]:
    """Parse *text* the thorough way, which can handle any kind of item."""
    # For a whole line the parser has made these two checks; here the text stands alone.
    if not text:
        raise ParseError(Reason.EMPTY_VALUE, 0, "There is no value; write one.")
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise blame_bytes(text, error) from None
    match = _ITEMS.match(text)
    end = match.end() if match else 0
    if end < len(text):
        start = text.rfind(b":", 0, end) + 1
        item = text[start:].partition(b":")[0]
        raise _blame_item(item, start)
    items = text.split(b":")
    texts = [item for item in items if item]
    # Whatever the pattern accepts, `float` reads as the same number.
    numbers = list(map(float, texts))
    for item, number in zip(texts, numbers, strict=True):
        if isinf(number) and not item[-1:].isalpha():
            raise _blame_overflow(items, item)
    finite = tuple(filter(isfinite, numbers))
    dropped = tuple(
        [
            Reason.NAN if isnan(number) else Reason.INFINITY
            for number in numbers
            if not isfinite(number)
        ]
    )
    if not finite:
        raise _blame_no_number(items)
    return finite, dropped


def _blame_overflow(items: list[bytes], item: bytes) -> ParseError:
    quoted = quote(item.decode())
    message = f"{quoted} is too large; the largest number is about 1.8e308."
    return ParseError(Reason.OVERFLOW, _measure_items(items, item), message)


def _blame_no_number(items: list[bytes]) -> ParseError:
    """Return the error for *items*, none of which is a finite number."""
    first = next(filter(None, items), b"")
    if not first:
        message = (
            "There are only colons where the value should be; write a number, or "
            "several with a colon between them, such as 1:2:3."
        )
        return ParseError(Reason.NO_VALUE, 0, message)
    quoted = quote(first.decode())
    column = _measure_items(items, first)
    if isnan(float(first)):
        message = f"{quoted} is not a number that can be aggregated; send nothing."
        return ParseError(Reason.NAN, column, message)
    message = f"{quoted} cannot be aggregated; send a finite number or nothing."
    return ParseError(Reason.INFINITY, column, message)


def _measure_items(items: list[bytes], item: bytes) -> int:
    """Count the bytes before *item*, including the colons."""
    return sum(len(each) + 1 for each in items[: items.index(item)])


def _blame_item(item: bytes, column: int) -> ParseError:
    quoted = quote(item.decode())
    if _HEX.match(item):
        message = f"{quoted} is hexadecimal; write it in decimal digits."
        return ParseError(Reason.HEX_VALUE, column, message)
    message = (
        f"{quoted} is not a number; write digits with an optional sign, point "
        "and exponent, such as 10, -1.5 or 2e6."
    )
    return ParseError(Reason.BAD_VALUE, column + _measure_decimal(item), message)
