"""What the views need of a server."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

from statsd_trio.aggregation.ranking import ContextRanking
from statsd_trio.ledger import Ledger


class ViewedServer(Protocol):
    """A server, as far as the views show it."""

    def ledger(self) -> Ledger:
        """Return what became of everything."""
        ...

    def find_unready(self) -> Sequence[str]:
        """Return the reasons why it is not ready, one line per reason."""
        ...

    def find_conditions(self) -> Mapping[str, str]:
        """Return what is wrong though it does its work, by its name."""
        ...

    def rank_contexts(self) -> Awaitable[ContextRanking]:
        """Return the names and tag keys with most contexts; a screenful at most."""
        ...
