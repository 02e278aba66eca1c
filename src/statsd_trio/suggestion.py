"""Which known word was probably meant by one that is not known."""

import difflib
from collections.abc import Iterable, Sequence


def find_nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the one of *known* that was probably meant by *word*, if one is near."""
    near = difflib.get_close_matches(word, list(known), 1)
    return near[0] if near else None


def suggest(word: str, known: Sequence[str]) -> str:
    """Return words on which of *known* was meant, or which there are."""
    near = find_nearest(word, known)
    return f"known are {', '.join(known)}" if near is None else f"did you mean {near}?"
