"""Dictionaries and sets that are done with, and freed a part at a time."""

from typing import Any


class DeferredFree:
    """Holds what may be freed.

    Freed at once, a dictionary of a hundred thousand entries takes 10 ms.
    """

    def __init__(self) -> None:
        self._holders: list[dict[Any, Any] | set[Any]] = []

    def __len__(self) -> int:
        return sum(map(len, self._holders))

    def add(self, holder: dict[Any, Any] | set[Any]) -> None:
        """Take *holder*, which its owner lets go of."""
        if holder:
            self._holders.append(holder)

    def free(self, limit: int) -> bool:
        """Free up to *limit* entries; True while more remain."""
        while limit > 0 and self._holders:
            holder = self._holders[-1]
            freed = min(limit, len(holder))
            pop = holder.popitem if isinstance(holder, dict) else holder.pop
            for _ in range(freed):
                pop()
            limit -= freed
            if not holder:
                self._holders.pop()
        return bool(self._holders)
