"""What the HTTP views need from a server."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

from statsd_trio.aggregation.ranking import ContextRanking
from statsd_trio.ledger import Ledger


class ViewedServer(Protocol):
    """A server, as far as the views show it."""

    def ledger(self) -> Ledger:
        """Return the server's ledger."""
        ...

    def find_unready(self) -> Sequence[str]:
        """Return the reasons why it is not ready, one line per reason."""
        ...

    def find_conditions(self) -> Mapping[str, str]:
        """Return problems that do not make the server unready, by name."""
        ...

    def rank_contexts(self) -> Awaitable[ContextRanking]:
        """Return the names and tag keys with the most contexts, at most a screenful."""
        ...
