"""Make text from outside printable, so that it cannot control a terminal."""

import unicodedata


def escape(text: str) -> str:
    """Return *text* with every character that is not printable as an escape."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )


def measure_width(text: str) -> int:
    """Return how many cells of a terminal *text* takes."""
    return sum(
        0 if unicodedata.combining(each) else 1 + _is_wide(each) for each in text
    )


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
