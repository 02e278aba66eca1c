"""Expand templates, such as ``$1.requests``, with what a pattern captured."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_REFERENCE: Final = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


class Groups(NamedTuple):
    """The texts that a pattern captured: the whole name first, then each group."""

    numbered: tuple[str, ...]
    named: Mapping[str, str]


def expand(template: str, groups: Groups) -> str:
    """Return *template* with its references replaced by *groups*.

    ``$1x`` is a reference to a group named ``1x``; write ``${1}x`` for the first group
    followed by an ``x``. A reference to a group that does not exist, or that matched
    nothing, becomes empty.

    Source: Go, package regexp, Expand.
    """

    def replace(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        # Only nine digits are used, because Python refuses to convert thousands of
        # them. As in Go, a number with a leading zero is taken as a group's name.
        if name.isdecimal() and (name == "0" or not name.startswith("0")):
            number = int(name[:9])
            return groups.numbered[number] if number < len(groups.numbered) else ""
        return groups.named.get(name, "")

    return _REFERENCE.sub(replace, template)
