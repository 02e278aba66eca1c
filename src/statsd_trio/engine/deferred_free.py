"""Free large dictionaries and sets in small parts."""

from collections.abc import Callable
from typing import Any


class DeferredFree:
    """Holds dictionaries and sets that are no longer needed, until they are freed.

    To free a dictionary of a hundred thousand entries at once takes 10 ms.
    """

    def __init__(self, on_freed: Callable[[Any], None] | None = None) -> None:
        """Begin without anything to free.

        Args:
            on_freed: called with each member of a set, and each key of a dictionary,
                when it is freed.
        """
        self._holders: list[dict[Any, Any] | set[Any]] = []
        self._on_freed = on_freed

    def __len__(self) -> int:
        return sum(map(len, self._holders))

    def add(self, holder: dict[Any, Any] | set[Any]) -> None:
        """Take over *holder*, which its owner no longer uses."""
        if holder:
            self._holders.append(holder)

    def free(self, limit: int) -> bool:
        """Free up to *limit* entries; return True while more remain."""
        while limit > 0 and self._holders:
            holder = self._holders[-1]
            freed = min(limit, len(holder))
            pop = holder.popitem if isinstance(holder, dict) else holder.pop
            if self._on_freed is None:
                for _ in range(freed):
                    pop()
            else:
                for _ in range(freed):
                    entry = pop()
                    key = entry[0] if isinstance(holder, dict) else entry
                    self._on_freed(key)
            limit -= freed
            if not holder:
                self._holders.pop()
        return bool(self._holders)
