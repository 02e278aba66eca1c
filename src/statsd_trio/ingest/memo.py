"""What was learnt of a line's text apart from its value: text in, `Spelling` out.

Three rules bound it, whatever is sent:

* a text is kept from its second sight on, so a new text in every line is never kept;
* when it is full nothing is added, so a flood of texts evicts nobody;
* it has two generations: `rotate` forgets what was not used since the last call.
"""

from typing import NamedTuple

from statsd_trio.aggregation.context import Context
from statsd_trio.ingest.stale import Stale


class Spelling(NamedTuple):
    """What a metric line's text apart from its value means.

    Attributes:
        kind: of the metric, an index into `aggregation.context.TYPES`.
        context: None where the rules filter the line.
        sample_rate: in (0, 1].
    """

    kind: int
    context: Context | None
    sample_rate: float


class Memo:
    """A bounded memory from text to `Spelling`."""

    def __init__(self, max_entries: int, stale: Stale) -> None:
        """Keep at most *max_entries* in each of two generations.

        Args:
            stale: gets what is forgotten.
        """
        self._max_entries = max_entries
        self._stale = stale
        self._young: dict[bytes, Spelling] = {}
        self._old: dict[bytes, Spelling] = {}
        # Hashes, since a text seen once need not be known by more: a clash only
        # keeps a text one sight early.
        self._seen_once: set[int] = set()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, text: bytes) -> Spelling | None:
        """Look *text* up, and mark it as used."""
        spelling = self._young.get(text)
        if spelling is None and text in self._old:
            spelling = self._young[text] = self._old.pop(text)
        return spelling

    def offer(self, text: bytes, spelling: Spelling) -> None:
        """Keep what *text* means if it was offered before and there is room."""
        if len(self._young) >= self._max_entries:
            return
        mark = hash(text)
        if mark in self._seen_once:
            self._seen_once.discard(mark)
            self._young[text] = spelling
        elif len(self._seen_once) < self._max_entries:
            self._seen_once.add(mark)

    def rotate(self) -> None:
        """Forget what was neither added nor used since the last call."""
        self._stale.throw(self._old)
        self._stale.throw(self._seen_once)
        self._old, self._young = self._young, {}
        self._seen_once = set()

    def clear(self) -> None:
        """Forget everything, as when the rules change."""
        self.rotate()
        self.rotate()
