"""What a pattern caught, and texts that refer to it."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_REFERENCE: Final = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


class Groups(NamedTuple):
    """What a pattern caught: the whole name first, then each group."""

    numbered: tuple[str, ...]
    named: Mapping[str, str]


def expand(template: str, groups: Groups) -> str:
    """Fill in *template*'s references with *groups*.

    ``$1x`` is a reference to a group named ``1x``; ``${1}x`` is what one means.
    A reference to a group that does not exist, or took no part, is empty.

    Source: Go, package regexp, Expand.
    """

    def replace(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        # Nine digits, since Python refuses to convert thousands of them; a leading
        # zero makes a name of a number, as in Go.
        if name.isdecimal() and (name == "0" or not name.startswith("0")):
            number = int(name[:9])
            return groups.numbered[number] if number < len(groups.numbered) else ""
        return groups.named.get(name, "")

    return _REFERENCE.sub(replace, template)
