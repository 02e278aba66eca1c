"""Bytes for everything in, bytes for each kind of thing out.

What is not used is divided each second: every kind gets an equal part of it on top of
what it has. So any of them may take nearly all, if it takes some seconds for that, and
none can take what the others have, nor the part that is kept for each.
"""

from collections.abc import Sequence
from typing import Final

# Of the whole, for each kind: what another kind never gets.
_KEPT_PART: Final = 1 / 16


def divide_budget(limit: int, used: Sequence[int]) -> list[int]:
    """Return how many bytes each kind may take, that uses as many as *used* says.

    Together they are at most *limit*, as long as they use no more.
    """
    kept = int(limit * _KEPT_PART)
    held = [max(each, kept) for each in used]
    part = max(0, limit - sum(held)) // len(held)
    return [each + part for each in held]
