"""The fenced blocks of a page, and what is to be done with each."""

import ast
import configparser
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import yaml

RUNNABLE: Final = ("python", "sh", "console")

# What a comment in front of a block may ask for.
WORDS: Final = (
    "output",
    "background",
    "background output",
    "early in an interval",
    "stop",
    "file",
    "exits with",
    "not run",
)

_BLOCK: Final = re.compile(
    r"^<!-- stop -->$|(?:^<!-- (?P<note>[^\n]*?) -->\n)?"
    r"^(?P<fence>`{3,})(?P<language>[\w-]+)\n(?P<code>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)

# What differs from run to run: a time of day, a moment, a time in unix seconds.
_VOLATILE: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?|\d\d:\d\d:\d\d|\b1[6-9]\d{8}\b"
)
# How far the columns of a table are apart depends on what is in it.
_GAP: Final = re.compile(r"(?<=\S) {2,}")


class Block(NamedTuple):
    """A fenced block of a page, with the comment in front of it.

    Attributes:
        line: where its code begins, counted from 1.
        word: what the comment asks for, one of `WORDS`; "" without a comment.
        value: what the comment says after its colon.
    """

    line: int
    language: str
    code: str
    word: str
    value: str


class Command(NamedTuple):
    """A command of a ``console`` block, and what the page says that it prints."""

    text: str
    shown: str


def find_blocks(text: str) -> Iterator[Block]:
    """Find the fenced blocks of a page, and where something stops, in order.

    A comment that asks for nothing known is none of ours, such as the one that marks
    a generated table.
    """
    for match in _BLOCK.finditer(text):
        if match["fence"] is None:
            yield Block(text.count("\n", 0, match.start()) + 1, "", "", "stop", "")
            continue
        word, _, value = (match["note"] or "").partition(": ")
        if word not in WORDS:
            word = value = ""
        line = text.count("\n", 0, match.start("code")) + 1
        yield Block(line, match["language"], match["code"], word, value)


def split_console(code: str) -> list[Command]:
    r"""Split a ``console`` block into its commands.

    A command begins after ``$ `` and goes on after each line that ends in ``\``.
    """
    commands: list[Command] = []
    is_open = False
    for line in code.splitlines():
        if is_open or line.startswith("$ "):
            before = commands.pop() if is_open else Command("", "")
            text = line if is_open else line.removeprefix("$ ")
            commands.append(Command(f"{before.text}{text}\n", ""))
            is_open = line.endswith("\\")
        elif commands:
            command = commands.pop()
            commands.append(Command(command.text, f"{command.shown}{line}\n"))
    return commands


def matches(shown: str, printed: str, *, is_part: bool = False) -> bool:
    """Return whether *printed* is what the page shows, or with *is_part* holds it.

    ``...`` stands for any text, and a time for any time. Spaces at the end of a line
    do not count, nor does how many separate two columns.
    """
    pattern = ".*?".join(map(_make_pattern, _strip(shown).split("...")))
    search = re.search if is_part else re.fullmatch
    return search(pattern, _strip(printed), re.DOTALL) is not None


def _make_pattern(text: str) -> str:
    pattern = ""
    end = 0
    for volatile in _VOLATILE.finditer(text):
        pattern += _escape(text[end : volatile.start()])
        pattern += re.sub(r"\d", r"\\d", re.escape(volatile[0]))
        end = volatile.end()
    return pattern + _escape(text[end:])


def _escape(text: str) -> str:
    return " {2,}".join(map(re.escape, _GAP.split(text)))


def _strip(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def parse(block: Block) -> None:
    """Parse a block that is not run, where there is a parser for its language.

    Raises:
        ValueError: if it cannot be parsed.
    """
    if parse_code := PARSERS.get(block.language):
        parse_code(block.code)


def _parse_python(code: str) -> None:
    # Part of a program may await outside of a function.
    compile(code, "block", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def _parse_yaml(code: str) -> None:
    try:
        list(yaml.safe_load_all(code))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _parse_json(code: str) -> None:
    json.loads(code)


def _parse_toml(code: str) -> None:
    tomllib.loads(code)


def _parse_unit(code: str) -> None:
    # A unit of systemd may have a key twice, and knows no section without a name.
    unit = configparser.ConfigParser(
        delimiters=("=",), comment_prefixes=("#", ";"), strict=False, interpolation=None
    )
    try:
        unit.read_string(code)
    except configparser.Error as error:
        raise ValueError(str(error)) from error


PARSERS: Final[Mapping[str, Callable[[str], None]]] = {
    "python": _parse_python,
    "yaml": _parse_yaml,
    "json": _parse_json,
    "toml": _parse_toml,
    "ini": _parse_unit,
}
