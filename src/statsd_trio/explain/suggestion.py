"""Suggest the line that was probably meant instead of a rejected one."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

from statsd_trio.errors import ParseError, Reason
from statsd_trio.protocol.parser import parse_message

_TYPES: Final = {
    "count": "c",
    "counter": "c",
    "m": "c",
    "meter": "c",
    "gauge": "g",
    "timer": "ms",
    "timing": "ms",
    "histogram": "h",
    "hist": "h",
    "set": "s",
    "distribution": "d",
    "dist": "d",
}
_STATUSES: Final = {
    "ok": "0",
    "warn": "1",
    "warning": "1",
    "crit": "2",
    "critical": "2",
    "unknown": "3",
}
_EVENT: Final = re.compile(r"_e(?:\{[^:]*)?:([^|]*)\|([^|]*)(.*)", re.DOTALL)
_PERCENT: Final = re.compile(r"([0-9]{1,3})%")


def suggest_line(line: bytes, error: ParseError) -> bytes | None:
    """Return what *line*, rejected with *error*, should probably have been.

    A suggestion is always a line that would be accepted.
    """
    guess = _GUESSES.get(error.reason)
    if guess is None:
        return None
    text = line.decode(errors="replace").removesuffix("\r")
    if error.reason is Reason.NOT_UTF8:
        text = line.decode("latin-1").removesuffix("\r")
    for candidate in guess(text):
        try:
            parse_message(candidate.encode())
        except (ParseError, UnicodeEncodeError):
            continue
        return candidate.encode()
    return None


def _as_is(text: str) -> Iterator[str]:
    yield text


def _guess_separator(text: str) -> Iterator[str]:
    for separator in ("=", " "):
        yield text.replace(separator, ":", 1)


def _guess_value(text: str) -> Iterator[str]:
    name, _, rest = text.partition(":")
    value, bar, fields = rest.partition("|")
    # Other scripts have digits too; this turns full-width ones into ASCII.
    value = unicodedata.normalize("NFKC", value).replace("_", "").replace(" ", "")
    yield f"{name}:{value}{bar}{fields}"
    yield f"{name}:{value.replace(',', '.')}{bar}{fields}"
    yield f"{name}:{value.replace(',', '')}{bar}{fields}"


def _guess_type(text: str) -> Iterator[str]:
    yield from _guess_event(text)
    fields = text.split("|")
    word = fields[1].strip().lower()
    fields[1] = _TYPES.get(word, word)
    yield "|".join(fields)


def _guess_rate(text: str) -> Iterator[str]:
    fields = text.split("|")
    repaired: list[str] = []
    for field in fields:
        if field.startswith("@"):
            percent = _PERCENT.fullmatch(field[1:])
            share = float(percent[1]) / 100 if percent else field[1:].replace(",", ".")
            repaired.append(f"@{share}".replace(" ", ""))
        else:
            repaired.append(field)
    yield "|".join(repaired)


def _guess_timestamp(text: str) -> Iterator[str]:
    fields = text.split("|")
    yield "|".join(
        field.partition(".")[0] if field.startswith("T") else field for field in fields
    )


def _drop_timestamp(text: str) -> Iterator[str]:
    head, *fields = text.split("|")
    kept = [field for field in fields if not field.startswith("T")]
    yield "|".join([head, *kept])


def _guess_event(text: str) -> Iterator[str]:
    match = _EVENT.fullmatch(text)
    if match is not None:
        title, body, rest = match.groups()
        lengths = f"{len(title.encode())},{len(body.encode())}"
        yield f"_e{{{lengths}}}:{title}|{body}{rest}"


def _guess_status(text: str) -> Iterator[str]:
    head, name, status, *fields = text.split("|")
    status = _STATUSES.get(status.strip().lower(), status.strip())
    yield "|".join([head, name, status, *fields])


_GUESSES: Final[dict[Reason, Callable[[str], Iterator[str]]]] = {
    Reason.NOT_UTF8: _as_is,
    Reason.NO_COLON: _guess_separator,
    Reason.BAD_VALUE: _guess_value,
    Reason.UNKNOWN_TYPE: _guess_type,
    Reason.BAD_RATE: _guess_rate,
    Reason.BAD_TIMESTAMP: _guess_timestamp,
    Reason.TIMESTAMP_ON_TYPE: _drop_timestamp,
    Reason.EVENT_HEADER: _guess_event,
    Reason.EVENT_LENGTH: _guess_event,
    Reason.EVENT_TOO_SHORT: _guess_event,
    Reason.SERVICE_CHECK_STATUS: _guess_status,
}
