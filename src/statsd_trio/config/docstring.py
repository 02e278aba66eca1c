"""Write what ``help(Config)`` says about each field, from the field's metadata."""

import inspect
import textwrap
from collections.abc import Iterable
from typing import Any, Final

import attrs

from statsd_trio.config.option import read_option

_WIDTH: Final = 79

# A default that is longer than this would not help anybody.
_MAX_DEFAULT: Final = 60


def extend_docstring(
    start: str | None, fields: Iterable["attrs.Attribute[Any]"]
) -> str:
    """Return *start* and a section that describes each of *fields*."""
    sections = [inspect.cleandoc(start or ""), "Attributes:"]
    sections += [
        textwrap.fill(
            f"{field.name}: {_describe(field)}",
            _WIDTH,
            initial_indent=" " * 4,
            subsequent_indent=" " * 8,
            break_on_hyphens=False,
        )
        for field in fields
    ]
    return "\n".join([sections[0], "", *sections[1:]])


def _describe(field: "attrs.Attribute[Any]") -> str:
    option = read_option(field)
    if option is None:
        return str(field.metadata["help"])
    words = [option.in_python or option.help]
    if option.type.known:
        words.append(f"Known are {', '.join(option.type.known)}.")
    default = repr(field.default)
    if isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
        default = ""
    if default and len(default) <= _MAX_DEFAULT:
        words.append(f"Default: {default}.")
    if option.is_live:
        words.append("Live.")
    return " ".join(words)
