"""Carry bytes that are not UTF-8 through the parser, then replace them.

While a line is parsed, each byte that is not UTF-8 is held as one lone surrogate, as
Python's ``surrogateescape`` does. Lengths and columns therefore still count the bytes
that were sent. A message that leaves the parser holds U+FFFD instead, one for each run
of such bytes.

Source of one character per run: Go, strings.ToValidUTF8, with which the Agent cleans
texts.
"""

import re
from typing import Any, Final, TypeVar, cast

import attrs

from statsd_trio.errors import ParseError, Reason
from statsd_trio.protocol.messages import ClientOrigin, Event, Sample, ServiceCheck

_ESCAPED: Final = re.compile("[\udc80-\udcff]+")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

_Message = TypeVar("_Message", Sample, Event, ServiceCheck, ClientOrigin)


def decode_escaped(raw: bytes) -> str:
    """Decode *raw*, with a surrogate for each byte that is not UTF-8."""
    return raw.decode(errors="surrogateescape")


def encode_escaped(text: str) -> bytes:
    """Return the bytes that `decode_escaped` was given."""
    return text.encode(errors="surrogateescape")


def has_escaped(text: str) -> bool:
    """Return whether *text* was decoded from bytes that are not UTF-8."""
    return _ESCAPED.search(text) is not None


def replace_escaped(text: str) -> str:
    """Put one U+FFFD in the place of each run of bytes that are not UTF-8."""
    return text if text.isascii() else _ESCAPED.sub(_REPLACEMENT, text)


def require_utf8(name: str, column: int) -> None:
    """Raise `ParseError` if *name*, which begins at *column*, is not UTF-8.

    A name decides which series a value belongs to, so it is never guessed.
    """
    bad = _ESCAPED.search(name)
    if bad is None:
        return
    message = (
        f"Byte 0x{ord(bad[0][0]) - 0xDC00:02x} of the name is not UTF-8; encode names, "
        "tags and texts as UTF-8."
    )
    column += len(name[: bad.start()].encode())
    raise ParseError(Reason.NOT_UTF8, column, message)


def repair_message(message: _Message) -> _Message:
    """Return *message* with U+FFFD in place of invalid bytes in every text.

    A message without such bytes is returned as it is.
    """
    changes: dict[str, Any] = {}
    for field in attrs.fields(type(message)):
        value = getattr(message, field.name)
        repaired = _repair(value)
        if repaired != value:
            changes[field.name] = repaired
    if not changes:
        return message
    if not isinstance(message, ClientOrigin):
        changes["is_repaired"] = True
    return attrs.evolve(message, **changes)


def _repair(value: object) -> object:
    # Enumerations are texts or numbers too, and must stay what they are.
    if type(value) is str:
        return replace_escaped(value)
    if isinstance(value, tuple):
        return tuple(map(_repair, cast("tuple[object, ...]", value)))
    if isinstance(value, ClientOrigin):
        return repair_message(value)
    return value
