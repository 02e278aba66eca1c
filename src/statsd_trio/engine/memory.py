"""How many bytes something takes, and how many it may take.

The figures are estimates, made so that adding them up costs next to nothing: they are
right to within some tens of percent.
"""

from typing import Final

import attrs

# Measured with tracemalloc on CPython 3.11, for each as it stands among many.
HEAD_BYTES: Final = 200  # besides its text
STRING_BYTES: Final = 100  # of a set, besides its text
VALUE_BYTES: Final = 10  # kept as it came
BIN_BYTES: Final = 96  # of a sketch or a histogram, or a value with its weight

UNLIMITED: Final = 2**63


@attrs.define
class Share:
    """The memory of one kind of thing.

    Attributes:
        used: bytes at present.
        limit: bytes; `take` does not go beyond it.
    """

    used: int = 0
    limit: int = UNLIMITED

    def take(self, size: int) -> bool:
        """Count *size* bytes more; return False, with nothing done, if too many."""
        used = self.used + size
        if used > self.limit:
            return False
        self.used = used
        return True

    def change(self, size: int) -> bool:
        """Count *size* bytes more or less that are there; return whether they fit."""
        self.used += size
        return self.used <= self.limit

    def give_back(self, size: int) -> None:
        """Count *size* bytes less."""
        self.used -= size


@attrs.frozen
class EngineMemory:
    """What an engine takes."""

    heads: Share = attrs.field(factory=Share)
    sets: Share = attrs.field(factory=Share)
    values: Share = attrs.field(factory=Share)
