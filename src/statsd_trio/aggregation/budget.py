"""Divide the memory limit among the kinds of data.

The unused memory is divided every second: each kind may take an equal part of it in
addition to what it has. Any kind may therefore take nearly everything within some
seconds, but never what other kinds already use or the part reserved for each of them.
"""

from collections.abc import Sequence
from typing import Final

# The part of the limit that is reserved for each kind.
_KEPT_PART: Final = 1 / 16


def divide_budget(limit: int, used: Sequence[int]) -> list[int]:
    """Return how many bytes each kind may take if they use *used* at present.

    Together these are at most *limit*, as long as no more than that is used.
    """
    kept = int(limit * _KEPT_PART)
    held = [max(each, kept) for each in used]
    part = max(0, limit - sum(held)) // len(held)
    return [each + part for each in held]
