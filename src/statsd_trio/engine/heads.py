"""Remember the heads of lines, and how to add the values of such lines.

Four rules bound the memory for this, whatever is sent:

* A head is kept the second time it is seen, so a sender with a new head in every line
  fills nothing.
* When the cache is full nothing more is kept, so a flood of heads evicts no others.
* The cache also counts as full when the heads take as much memory as they may.
* There are two generations: `rotate` forgets what was not used since the last call.
"""

from collections.abc import Callable
from typing import Final

from statsd_trio.engine.deferred_free import DeferredFree
from statsd_trio.engine.memory import HEAD_BYTES, Share

# A head that is not used for this long is forgotten, after twice this time at most.
HEAD_SECONDS: Final = 30.0

# This takes about 0.1 ms.
_FREED_AT_ONCE: Final = 512

# Adds the values of a line and returns how many there are. If any value is in doubt it
# raises ValueError and adds none.
AddText = Callable[[bytes], int]


def cut_head(line: bytes) -> bytes:
    """Return *line* without its value.

    A name has no colon, so lines with different names, types, tags or rates have
    different heads.
    """
    name, colon, rest = line.partition(b":")
    return name + colon + rest.partition(b"|")[2]


class HeadCache:
    """Remembers, within limits, which function adds the values of a head."""

    def __init__(self, max_heads: int, memory: Share) -> None:
        """Keep at most *max_heads* new heads in each of two generations.

        Args:
            max_heads: 0 keeps none.
            memory: the share of memory that the heads take from.
        """
        self._memory = memory
        self.young: dict[bytes, AddText] = {}
        self._max_heads = max_heads
        self._old: dict[bytes, AddText] = {}
        # A hash is enough to know that a head was seen: if two heads have the same
        # hash, one of them is only kept a little too early.
        self._seen_once: set[int] = set()
        self._garbage = DeferredFree()
        self._old_heads = DeferredFree(self._give_back)
        self._rotates_at = 0.0

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    def recall(self, head: bytes) -> AddText | None:
        """Return the function for *head* if it was not used since the last rotation.

        It is moved back to the heads in use.
        """
        add_text = self._old.pop(head, None)
        if add_text is not None:
            self.young[head] = add_text
        return add_text

    def is_worth_keeping(self, head: bytes) -> bool:
        """Return whether *head* was seen before and there is room for it."""
        if len(self.young) >= self._max_heads:
            return False
        mark = hash(head)
        if mark in self._seen_once:
            self._seen_once.discard(mark)
            return True
        if len(self._seen_once) < self._max_heads:
            self._seen_once.add(mark)
        return False

    def keep(self, head: bytes, add_text: AddText) -> None:
        """Keep *head* if there is memory for it.

        Ask `is_worth_keeping` first.
        """
        is_known = head in self.young or self._old.pop(head, None) is not None
        if is_known or self._memory.take(HEAD_BYTES + len(head)):
            self.young[head] = add_text

    def advance(self, now: float) -> None:
        """Forget what was not used for a while, if it is time to do so."""
        if not 0 <= self._rotates_at - now <= HEAD_SECONDS:
            self._rotates_at = now + HEAD_SECONDS
            self.rotate()

    def rotate(self) -> None:
        """Forget what was neither learnt nor used since the last call."""
        self._old_heads.add(self._old)
        self._garbage.add(self._seen_once)
        self._old, self.young = self.young, {}
        self._seen_once = set()

    def clear(self) -> None:
        """Forget everything."""
        self.rotate()
        self.rotate()

    def free_some(self) -> bool:
        """Free a part of what was forgotten; return True while more remains."""
        return self._old_heads.free(_FREED_AT_ONCE) or self._garbage.free(
            _FREED_AT_ONCE
        )

    def _give_back(self, head: bytes) -> None:
        self._memory.give_back(HEAD_BYTES + len(head))
