"""The heads of lines that are known, and what takes the value of such a line.

Four rules bound it, whatever is sent:

* a head is kept from its second sight on, so a new head in every line is never kept;
* when it is full nothing is added, so a flood of heads evicts nobody;
* it is full too when the heads take as much memory as they may;
* it has two generations: `rotate` forgets what was not used since the last call.
"""

from collections.abc import Callable
from typing import Final

from statsd_trio.engine.deferred_free import DeferredFree
from statsd_trio.engine.memory import HEAD_BYTES, Share

# A head that is not used for this long is forgotten; for twice that at most.
HEAD_SECONDS: Final = 30.0

# Some 0.1 ms.
_FREED_AT_ONCE: Final = 512

# Takes the values of a line, and returns how many it added; raises ValueError, with
# nothing done, if any is in doubt.
AddText = Callable[[bytes], int]


def cut_head(line: bytes) -> bytes:
    """Return *line* without its value.

    A name holds no colon, so that no two lines that mean something else have one head.
    """
    name, colon, rest = line.partition(b":")
    return name + colon + rest.partition(b"|")[2]


class HeadCache:
    """A bounded memory from heads to what takes the values of their lines.

    Attributes:
        young: the heads that were learnt or used since the last rotation.
    """

    def __init__(self, max_heads: int, memory: Share) -> None:
        """Keep at most *max_heads* new ones in each of two generations.

        Args:
            max_heads: 0 for none.
            memory: takes count of what the heads take.
        """
        self._memory = memory
        self.young: dict[bytes, AddText] = {}
        self._max_heads = max_heads
        self._old: dict[bytes, AddText] = {}
        # Hashes, since a head seen once need not be known by more: a clash only keeps
        # a head one sight early.
        self._seen_once: set[int] = set()
        self._garbage = DeferredFree()
        self._old_heads = DeferredFree(self._give_back)
        self._rotates_at = 0.0

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    def recall(self, head: bytes) -> AddText | None:
        """Find *head* among those that were not used since the last rotation."""
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
        """Keep *head*, which is worth it, if there is memory for it."""
        is_known = head in self.young or self._old.pop(head, None) is not None
        if is_known or self._memory.take(HEAD_BYTES + len(head)):
            self.young[head] = add_text

    def advance(self, now: float) -> None:
        """Forget, when it is time for it, what was not used for a while."""
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
        """Free a part of what was forgotten; True while more remains."""
        return self._old_heads.free(_FREED_AT_ONCE) or self._garbage.free(
            _FREED_AT_ONCE
        )

    def _give_back(self, head: bytes) -> None:
        self._memory.give_back(HEAD_BYTES + len(head))
