"""The types of options that are one text, one word or one number."""

import math
import re
from collections.abc import Mapping
from typing import Final

from statsd_trio.config.option_types.base import OptionType
from statsd_trio.config.parsing import parse_text
from statsd_trio.suggestion import suggest

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")

# What the Agent accepts, by Go's strconv.ParseBool, and what people write.
_TRUE: Final = frozenset({"1", "t", "true", "y", "yes", "on"})
_FALSE: Final = frozenset({"0", "f", "false", "n", "no", "off"})


def optional_text(raw: object) -> str | None:
    """Read text; empty text becomes None."""
    return parse_text(raw) or None


def check_text(value: str) -> None:
    """Raise an error for line breaks and other characters that do not print."""
    if not value.isprintable():
        raise ValueError("has a character that does not print")


def check_least(value: float, least: int) -> None:
    """Raise an error if *value* is less than *least*, or not a number."""
    if not math.isfinite(value) or value < least:
        raise ValueError(f"must be at least {least}")


class Text(OptionType):
    """Text that may be empty."""

    words = "text"
    metavar = "TEXT"

    def make_schema(self) -> dict[str, object]:
        return {"type": "string"}

    def parse(self, raw: object) -> str | None:
        return parse_text(raw)

    def check(self, value: str) -> None:
        check_text(value)


class FilledText(Text):
    """Text that must not be empty."""

    def check(self, value: str) -> None:
        if not value:
            raise ValueError("is empty")
        check_text(value)


class OptionalText(Text):
    """Text, or None if it is empty."""

    def parse(self, raw: object) -> str | None:
        return optional_text(raw)

    def check(self, value: str | None) -> None:
        if value is not None:
            check_text(value)


class FilePath(OptionalText):
    """The path of a file or a folder, or None."""

    words = "path"
    metavar = "PATH"

    def check(self, value: str | None) -> None:
        if value is not None and "\0" in value:
            raise ValueError("has a zero byte, which a path cannot have")


class Boolean(OptionType):
    """True or false; it has two flags, ``--x`` and ``--no-x``."""

    words = "true or false"
    metavar = ""

    def make_schema(self) -> dict[str, object]:
        return {"type": "boolean"}

    def parse(self, raw: object) -> bool:
        if isinstance(raw, bool):
            return raw
        word = str(raw).strip().lower() if isinstance(raw, str | int) else ""
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise ValueError("neither true nor false")


class Integer(OptionType):
    """A whole number of at least *least* and at most *most*."""

    words = "whole number"
    metavar = "NUMBER"

    def __init__(self, least: int = 1, most: int | None = None) -> None:
        self._least = least
        self._most = most

    def make_schema(self) -> dict[str, object]:
        schema: dict[str, object] = {"type": "integer", "minimum": self._least}
        return schema if self._most is None else {**schema, "maximum": self._most}

    def parse(self, raw: object) -> int:
        if isinstance(raw, int) and not isinstance(raw, bool):
            return raw
        if isinstance(raw, str) and _INTEGER.fullmatch(raw.strip()):
            return int(raw)
        raise ValueError("not a whole number")

    def check(self, value: int) -> None:
        if self._most is None:
            check_least(value, self._least)
        elif not self._least <= value <= self._most:
            raise ValueError(f"must be from {self._least} to {self._most}")


class Port(OptionType):
    """A port: 0 picks a free one, and None means no port.

    Outside of Python, the words are the Agent's: 0 means no port, and ``__random__``
    picks a free one.
    """

    words = "port"
    metavar = "PORT"

    def make_schema(self) -> dict[str, object]:
        return {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": 65535},
                {"const": "__random__"},
            ]
        }

    def parse(self, raw: object) -> int | None:
        if raw == "__random__":
            return 0
        try:
            port = Integer().parse(raw)
        except ValueError:
            raise ValueError("not a port") from None
        return port or None

    def check(self, value: int | None) -> None:
        if value is not None and not 0 <= value <= 65535:
            raise ValueError("not a port: 0 to 65535")


class Choice(OptionType):
    """One word of *known*; *aliases* are other words for some of them."""

    def __init__(self, *known: str, aliases: Mapping[str, str] | None = None) -> None:
        self.words = "one of " + ", ".join(f"`{word}`" for word in known)
        self.metavar = "|".join(known)
        self.known = known
        self._aliases = aliases or {}

    def make_schema(self) -> dict[str, object]:
        return {"enum": [*self.known, *self._aliases]}

    def parse(self, raw: object) -> str:
        word = parse_text(raw).lower()
        return self._aliases.get(word, word)

    def check(self, value: str) -> None:
        if value not in self.known:
            raise ValueError(f"unknown; {suggest(value, self.known)}")
