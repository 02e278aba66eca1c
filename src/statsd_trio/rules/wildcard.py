"""Match wildcard patterns, in which ``*`` stands for any characters but a dot.

Matching takes linear time.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from statsd_trio.rules.template import Groups

_WILDCARD_PATTERN: Final = re.compile(r"[a-zA-Z0-9\-_*.]+")


def compile_wildcard(pattern: str) -> Callable[[str], Groups | None]:
    """Return a function that matches a name and returns what each star stands for.

    Raises:
        ValueError: if *pattern* cannot be used; the message says why.
    """
    if not _WILDCARD_PATTERN.fullmatch(pattern):
        raise ValueError(
            f"{pattern!r} is not a wildcard pattern; use only letters, digits, '-', "
            "'_', '.' and '*'"
        )
    if "**" in pattern:
        raise ValueError(f"{pattern!r} has consecutive '*'")
    # What stands between the stars, for each part between dots.
    parts = [part.split("*") for part in pattern.split(".")]

    def match(name: str) -> Groups | None:
        segments = name.split(".")
        if len(segments) != len(parts):
            return None
        caught = [name]
        for literals, segment in zip(parts, segments, strict=True):
            stars = _match_segment(literals, segment)
            if stars is None:
                return None
            caught += stars
        return Groups(tuple(caught), {})

    return match


def _match_segment(literals: Sequence[str], segment: str) -> list[str] | None:
    """Return what each star stands for; the first stars take as much as they can.

    Literals are searched from the right. The rightmost place where a literal fits
    leaves the most to the stars before it, so nothing has to be tried twice.
    """
    first, *others = literals
    if not others:
        return [] if segment == first else None
    if not segment.startswith(first):
        return None
    *middle, last = others
    end = len(segment) - len(last)
    if end < len(first) or not segment.endswith(last):
        return None
    stars: list[str] = []
    for literal in reversed(middle):
        start = segment.rfind(literal, len(first), end)
        if start < 0:
            return None
        stars.append(segment[start + len(literal) : end])
        end = start
    stars.append(segment[len(first) : end])
    return stars[::-1]
