"""Dictionaries and sets that are forgotten, and freed a part at a time."""

from typing import Any, Final

# Emptied at once, a hundred thousand entries take 10 ms; these take some 0.1 ms, and
# are more than a slice of work can learn.
FREED_AT_ONCE: Final = 512


class Stale:
    """What was forgotten, but not freed yet."""

    def __init__(self) -> None:
        self._holders: list[dict[Any, Any] | set[Any]] = []

    def __len__(self) -> int:
        return sum(map(len, self._holders))

    def throw(self, holder: dict[Any, Any] | set[Any]) -> None:
        """Take *holder*, which its owner forgets."""
        if holder:
            self._holders.append(holder)

    def free_some(self) -> None:
        """Free a part."""
        left = FREED_AT_ONCE
        while left and self._holders:
            holder = self._holders[-1]
            freed = min(left, len(holder))
            pop = holder.popitem if isinstance(holder, dict) else holder.pop
            for _ in range(freed):
                pop()
            left -= freed
            if not holder:
                self._holders.pop()
