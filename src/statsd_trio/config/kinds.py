"""The kinds of value that a field may hold: how each is read, checked and described.

`Kind.parse` takes what a source gives, text or the value that TOML or YAML made of
it. `Kind.check` takes the value itself, wherever it came from. Both raise
`ValueError` with words that fit behind ``NAME=value:``, or `ConfigError` with several
lines of them.
"""

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from statsd_trio.config.secret import mask_urls
from statsd_trio.config.units import (
    parse_bytes,
    parse_fact,
    parse_port,
    parse_seconds,
    parse_strings,
    parse_text,
    parse_whole,
    parse_whole_seconds,
)


def _accept(_value: Any) -> None:
    pass


@attrs.frozen(kw_only=True)
class Kind:
    """One kind of value.

    Attributes:
        words: what a person reads of it.
        metavar: what stands for it in a command's help.
        schema: what JSON Schema says of it.
        check_item: checks one value of a list, where the Agent leaves out those that
            it does not know.
        is_list: whether its flag can be repeated.
        is_fact: whether its flag is one of a pair, ``--x`` and ``--no-x``.
        mask: hides in a value, as somebody wrote it, what nobody else may see.
        known: the words that it is one of, or any of; empty if there are others.
        items: the class of the items, where *parse* leaves them tables.
    """

    words: str
    metavar: str
    schema: Mapping[str, object]
    parse: Callable[[object], Any]
    check: Callable[[Any], object] = _accept
    check_item: Callable[[Any], object] | None = None
    is_list: bool = False
    is_fact: bool = False
    mask: Callable[[str], str] = mask_urls
    known: tuple[str, ...] = ()
    items: type | None = None


def find_nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the one of *known* that was probably meant by *word*, if one is near."""
    near = difflib.get_close_matches(word, list(known), 1)
    return near[0] if near else None


def suggest(word: str, known: Sequence[str]) -> str:
    """Return words on which of *known* was meant, or which there are."""
    near = find_nearest(word, known)
    return f"known are {', '.join(known)}" if near is None else f"did you mean {near}?"


def optional_text(raw: object) -> str | None:
    """Read text; none at all is None."""
    return parse_text(raw) or None


def unless_none(check: Callable[[Any], None]) -> Callable[[Any], None]:
    """Let None pass, and leave the rest to *check*."""

    def check_unless_none(value: Any) -> None:
        if value is not None:
            check(value)

    return check_unless_none


def check_text(value: str) -> None:
    """Refuse line breaks and the like."""
    if not value.isprintable():
        raise ValueError("has a character that does not print")


def _check_filled(value: str) -> None:
    if not value:
        raise ValueError("is empty")
    check_text(value)


def _check_path(value: str) -> None:
    if "\0" in value:
        raise ValueError("has a zero byte, which no path can have")


def _check_texts(values: Sequence[str]) -> None:
    for value in values:
        check_text(value)


def _check_port(value: int) -> None:
    if not 0 <= value <= 65535:
        raise ValueError("not a port: 0 to 65535")


def _at_least(least: float, words: str) -> Callable[[Any], None]:
    def check(value: float) -> None:
        if not math.isfinite(value) or value < least:
            raise ValueError(f"must be {words}")

    return check


def _between(least: int, most: int) -> Callable[[Any], None]:
    def check(value: float) -> None:
        if not least <= value <= most:
            raise ValueError(f"must be from {least} to {most}")

    return check


def _check_positive(value: float) -> None:
    if not math.isfinite(value) or value <= 0:
        raise ValueError("must be more than 0")


def _one_of(known: Sequence[str]) -> Callable[[Any], None]:
    def check(value: str) -> None:
        if value not in known:
            raise ValueError(f"unknown; {suggest(value, known)}")

    return check


def each(check_item: Callable[[Any], object]) -> Callable[[Any], None]:
    """Make the check of a list from that of its items."""

    def check(values: Sequence[Any]) -> None:
        for value in values:
            check_item(value)

    return check


def whole(least: int = 1, most: int | None = None) -> Kind:
    """Make the kind for whole numbers of at least *least*, and at most *most*."""
    schema: dict[str, object] = {"type": "integer", "minimum": least}
    if most is None:
        check = _at_least(least, f"at least {least}")
    else:
        schema["maximum"] = most
        check = _between(least, most)
    return Kind(
        words="whole number",
        metavar="NUMBER",
        schema=schema,
        parse=parse_whole,
        check=check,
    )


def size(least: int = 0) -> Kind:
    """Make the kind for sizes of at least *least* bytes."""
    return Kind(
        words="bytes; `8MiB` and `10MB` are understood",
        metavar="BYTES",
        schema={"type": ["integer", "string"]},
        parse=parse_bytes,
        check=_at_least(least, f"at least {least}"),
    )


def choice(*known: str, aliases: Mapping[str, str] | None = None) -> Kind:
    """Make the kind for one word out of *known*."""

    def parse(raw: object) -> str:
        word = parse_text(raw).lower()
        return (aliases or {}).get(word, word)

    return Kind(
        words="one of " + ", ".join(f"`{word}`" for word in known),
        metavar="|".join(known),
        schema={"enum": [*known, *(aliases or {})]},
        parse=parse,
        check=_one_of(known),
        known=known,
    )


def choices(*known: str, none: str | None = None) -> Kind:
    """Make the kind for any of *known*; the word *none* stands for none of them."""

    def parse(raw: object) -> tuple[str, ...]:
        words = tuple(dict.fromkeys(word.lower() for word in parse_strings(raw)))
        if none not in words:
            return words
        if len(words) > 1:
            raise ValueError(f"{none} stands alone; leave it out, or all the others")
        return ()

    def check_item(word: str) -> None:
        if word not in known:
            raise ValueError(f"unknown {word!r}; {suggest(word, known)}")

    return Kind(
        words="any of " + ", ".join(f"`{word}`" for word in known),
        metavar="|".join(known if none is None else (*known, none)),
        schema={"type": "array", "items": {"enum": list(known)}},
        parse=parse,
        check=each(check_item),
        check_item=check_item,
        is_list=True,
        known=known,
    )


TEXT: Final = Kind(
    words="text",
    metavar="TEXT",
    schema={"type": "string"},
    parse=parse_text,
    check=check_text,
)

FILLED_TEXT: Final = attrs.evolve(TEXT, check=_check_filled)

OPTIONAL_TEXT: Final = attrs.evolve(
    TEXT, parse=optional_text, check=unless_none(check_text)
)

PATH: Final = Kind(
    words="path",
    metavar="PATH",
    schema={"type": "string"},
    parse=optional_text,
    check=unless_none(_check_path),
)

FACT: Final = Kind(
    words="true or false",
    metavar="",
    schema={"type": "boolean"},
    parse=parse_fact,
    is_fact=True,
)

PORT: Final = Kind(
    words="port",
    metavar="PORT",
    schema={
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": 65535},
            {"const": "__random__"},
        ]
    },
    parse=parse_port,
    check=unless_none(_check_port),
)

SECONDS: Final = Kind(
    words="seconds; `500ms` and `5m` are understood",
    metavar="SECONDS",
    schema={"type": ["number", "string"]},
    parse=parse_seconds,
    check=_check_positive,
)

SECONDS_OR_ZERO: Final = attrs.evolve(SECONDS, check=_at_least(0, "0 or more"))

WHOLE_SECONDS: Final = Kind(
    words="whole seconds",
    metavar="SECONDS",
    schema={"type": ["integer", "string"]},
    parse=parse_whole_seconds,
    check=_at_least(1, "at least 1"),
)

STRINGS: Final = Kind(
    words="list of strings, separated by commas or spaces",
    metavar="TEXT",
    schema={"type": "array", "items": {"type": "string"}},
    parse=parse_strings,
    check=_check_texts,
    is_list=True,
)
