"""How near one name is to another, for the nearest misses."""

import difflib
from typing import Final

_LEAST_RATIO: Final = 0.75


def measure_distance(wanted: str, name: str) -> float | None:
    """Measure from 0, the same, to 1; None for names that have nothing in common.

    A name within the other counts as near: a namespace may be missing, or too much.
    """
    if wanted == name:
        return 0.0
    if wanted.endswith(f".{name}") or name.endswith(f".{wanted}"):
        return 0.1
    matcher = difflib.SequenceMatcher(None, wanted, name)
    # The quick ones are upper bounds: names of another length are soon done with.
    if (
        matcher.real_quick_ratio() < _LEAST_RATIO
        or matcher.quick_ratio() < _LEAST_RATIO
    ):
        return None
    ratio = matcher.ratio()
    return None if ratio < _LEAST_RATIO else 1 - ratio
