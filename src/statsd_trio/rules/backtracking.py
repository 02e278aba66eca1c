r"""Estimate how long Python's engine may take over one regular expression.

Python's engine backtracks: wherever a repeat could have ended earlier, it goes back and
tries again. A repeat that can only end in one place, such as ``[^.]+`` before ``\.``,
costs nothing extra. With `d` repeats that may end anywhere, the engine tries all ways
to divide a name of `n` characters among them: at most `n + d` over `d` ways, at 7 ns
each (measured for `d` of 1 to 4 and names of 41 to 256 characters, Python 3.11). If
such a repeat stands within another repeat, the number of ways doubles with each
character, and no name is short enough.

The estimate is an upper bound. Only the first character of what follows a repeat is
considered, so two texts that differ later count as if both could match.
"""

import importlib
import re
from collections.abc import Iterable
from math import comb
from typing import Any, Final, NamedTuple

# The characters that a pattern may tell apart: the ASCII ones, and one for all others.
_CHARACTERS: Final = (*map(chr, range(128)), "\N{REPLACEMENT CHARACTER}")
_ANY: Final = (1 << len(_CHARACTERS)) - 1
_END: Final = 1 << len(_CHARACTERS)

# A repeat of at most this many is treated as if its body were written that many times.
_FEW: Final = 16


class ExplosiveError(ValueError):
    """The pattern could take too long on a name of any length."""


class Effort(NamedTuple):
    """How the time for a name grows with its length.

    Attributes:
        repeats: how many repeats may end anywhere.
        ways: how many ways there are to get through the rest of the pattern.
    """

    repeats: int
    ways: int

    def count_steps(self, length: int) -> int:
        """Return the most steps that a name of *length* characters may take."""
        return self.ways * max(length, comb(length + self.repeats, self.repeats))

    def find_longest(self, steps: int, limit: int) -> int:
        """Return the greatest length, up to *limit*, that takes at most *steps*."""
        lengths = range(limit, 0, -1)
        return next((n for n in lengths if self.count_steps(n) <= steps), 0)


class _Shape(NamedTuple):
    """The properties of a part of a pattern that decide how long it may take.

    Attributes:
        first: the characters that it may begin with, one bit per character.
        is_nullable: whether it matches an empty text.
        repeats: how many repeats may end anywhere.
        ways: how many ways there are to get through the rest of it.
        has_repeat: whether it contains a repeat that may match more or less.
    """

    first: int
    is_nullable: bool
    repeats: int = 0
    ways: int = 1
    has_repeat: bool = False


def measure_effort(pattern: re.Pattern[str]) -> Effort:
    """Return how the time that a search with *pattern* may take grows.

    Raises:
        ExplosiveError: if repeats stand within repeats in a way that makes the time
            double with each character.
    """
    parser: Any = importlib.import_module("re._parser")
    tree = parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
    shape = _measure_sequence(tree, _END)
    # A pattern that is not tied to the start of the name is tried at each character.
    repeats = shape.repeats + (not _is_anchored(tree))
    return Effort(repeats, shape.ways)


def _measure_sequence(items: Iterable[Any], follow: int) -> _Shape:
    """Measure *items*, which are followed by one of the characters *follow*."""
    first, is_nullable, repeats, ways, has_repeat = 0, True, 0, 1, False
    after = follow
    for operation, argument in reversed(list(items)):
        shape = _measure(str(operation), argument, after)
        # A repeat that can only end in one place is still walked through once for each
        # way to divide what came before it.
        if shape.repeats and not repeats and has_repeat:
            repeats = 1
        repeats += shape.repeats
        ways *= shape.ways
        has_repeat = has_repeat or shape.has_repeat
        first = shape.first | (first if shape.is_nullable else 0)
        after = shape.first | (after if shape.is_nullable else 0)
        is_nullable = is_nullable and shape.is_nullable
    return _Shape(first, is_nullable, repeats, ways, has_repeat)


def _measure(operation: str, argument: Any, follow: int) -> _Shape:
    match operation:
        case "SUBPATTERN":
            return _measure_sequence(argument[3], follow)
        case "BRANCH":
            return _measure_branches(argument[1], follow)
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, body = argument
            return _measure_repeat(least, most, list(body), follow)
        case "AT":
            is_end = str(argument) in {"AT_END", "AT_END_STRING"}
            return _Shape(_END, is_nullable=False) if is_end else _Shape(0, True)
        case _:
            return _Shape(_collect(operation, argument), is_nullable=False)


def _measure_branches(branches: Iterable[Any], follow: int) -> _Shape:
    shapes = [_measure_sequence(branch, follow) for branch in branches]
    beginnings = [s.first | (follow if s.is_nullable else 0) for s in shapes]
    seen, are_alike = 0, False
    for beginning in beginnings:
        are_alike = are_alike or bool(seen & beginning)
        seen |= beginning
    ways = [shape.ways for shape in shapes]
    first = 0
    for shape in shapes:
        first |= shape.first
    return _Shape(
        first,
        any(shape.is_nullable for shape in shapes),
        max(shape.repeats for shape in shapes),
        sum(ways) if are_alike else max(ways),
        any(shape.has_repeat for shape in shapes),
    )


def _measure_repeat(least: int, most: int, body: list[Any], follow: int) -> _Shape:
    first = _measure_sequence(body, 0).first
    if most <= 1:
        shape = _measure_sequence(body, follow)
        is_doubtful = least != most and bool(first & follow)
        return shape._replace(
            is_nullable=shape.is_nullable or least == 0,
            ways=shape.ways * (1 + is_doubtful),
        )
    shape = _measure_sequence(body, first | follow)
    is_plain = not shape.repeats and shape.ways == 1
    if not is_plain and most > _FEW:
        raise ExplosiveError
    times = 1 if is_plain else int(most)
    is_fixed = least == most and is_plain
    return _Shape(
        first,
        shape.is_nullable or least == 0,
        shape.repeats * times + (not is_fixed and bool(first & follow)),
        shape.ways**times,
        has_repeat=shape.has_repeat or not is_fixed,
    )


def _is_anchored(items: Iterable[Any]) -> bool:
    for operation, argument in items:
        if str(operation) == "BRANCH":
            return all(_is_anchored(branch) for branch in argument[1])
        if str(operation) == "SUBPATTERN":
            return _is_anchored(argument[3])
        return str(operation) == "AT" and str(argument) in {
            "AT_BEGINNING",
            "AT_BEGINNING_STRING",
        }
    return False


def _collect(operation: str, argument: Any) -> int:
    """Return the characters that one item of a pattern may match, or a few more."""
    match operation:
        case "LITERAL":
            return _add_other_case(_find_bits(argument, argument))
        case "NOT_LITERAL":
            return _leave(_find_bits(argument, argument))
        case "IN":
            return _collect_set(argument)
        case _:
            # This is a dot. Whatever else could get here is refused before, because
            # Go's engine lacks it.
            return _ANY


def _collect_set(items: list[Any]) -> int:
    bits, is_negated = 0, False
    for operation, argument in items:
        match str(operation):
            case "NEGATE":
                is_negated = True
            case "CATEGORY":
                bits |= _CATEGORIES.get(str(argument), 0 if is_negated else _ANY)
            case "RANGE":
                bits |= _find_bits(*argument)
            case _:
                bits |= _find_bits(argument, argument)
    return _leave(bits) if is_negated else _add_other_case(bits)


def _find_bits(low: int, high: int) -> int:
    bits = sum(1 << code for code in range(low, min(high, 127) + 1))
    return bits | (_OTHERS if high > 127 else 0)


def _leave(bits: int) -> int:
    """Return all characters but *bits*.

    The one bit for all characters that are not ASCII stays: only some of them are
    excluded.
    """
    return _ANY & ~bits | _OTHERS


def _add_other_case(bits: int) -> int:
    """Add the other case of each letter, since a flag may ignore the case."""
    return bits | (bits & _UPPER) << 32 | (bits & _LOWER) >> 32


def _select(pattern: str) -> int:
    found = re.compile(pattern, re.ASCII)
    return sum(1 << i for i, each in enumerate(_CHARACTERS) if found.match(each))


_OTHERS: Final = 1 << 128
_UPPER: Final = _select("[A-Z]")
_LOWER: Final = _select("[a-z]")
_CATEGORIES: Final = {
    "CATEGORY_DIGIT": _select(r"\d"),
    "CATEGORY_NOT_DIGIT": _select(r"\D"),
    "CATEGORY_WORD": _select(r"\w"),
    "CATEGORY_NOT_WORD": _select(r"\W"),
    "CATEGORY_SPACE": _select(r"\s"),
    "CATEGORY_NOT_SPACE": _select(r"\S"),
}
