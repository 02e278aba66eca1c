"""Suggest which known word was meant by an unknown one."""

import difflib
from collections.abc import Iterable, Sequence


def find_nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the one of *known* that *word* was probably meant to be, or None."""
    near = difflib.get_close_matches(word, list(known), 1)
    return near[0] if near else None


def suggest(word: str, known: Sequence[str]) -> str:
    """Return a hint: the word of *known* that was meant, or all of them."""
    near = find_nearest(word, known)
    return f"known are {', '.join(known)}" if near is None else f"did you mean {near}?"
