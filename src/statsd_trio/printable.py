"""Text from outside, made printable: it cannot steer a terminal."""

import unicodedata


def escape(text: str) -> str:
    """Return *text* with everything that is not printable written as an escape."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )


def measure_width(text: str) -> int:
    """Count the cells of a terminal that *text* takes."""
    return sum(
        0 if unicodedata.combining(each) else 1 + _is_wide(each) for each in text
    )


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
