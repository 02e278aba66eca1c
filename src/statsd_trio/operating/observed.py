"""What those who operate a server ask of it."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

from statsd_trio.aggregation.ranking import ContextRanking
from statsd_trio.ledger import Ledger


class ObservedServer(Protocol):
    """What the views ask of a server."""

    def ledger(self) -> Ledger:
        """Tell what became of everything."""
        ...

    def find_unready(self) -> Sequence[str]:
        """Tell why it cannot do its work, a line each."""
        ...

    def find_conditions(self) -> Mapping[str, str]:
        """Return what is wrong though it does its work, by its name."""
        ...

    def rank_contexts(self) -> Awaitable[ContextRanking]:
        """Tell which names and tag keys have most; a screenful at most."""
        ...
