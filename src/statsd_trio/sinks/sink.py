"""What a sink is, and what the server needs of a destination around it."""

from collections.abc import Awaitable
from typing import Protocol

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.ledger import SinkLedger


class SinkError(Exception):
    """A sink could not deliver all of a snapshot, for a reason outside the program.

    It is logged in one line, without a traceback, as an `OSError` is.

    Attributes:
        reason: what the ledger counts the lost points under.
        delivered: how many points of the snapshot arrived all the same.
        is_final: the sink can never deliver anything again.
    """

    def __init__(
        self, message: str, *, reason: str, delivered: int = 0, is_final: bool = False
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.delivered = delivered
        self.is_final = is_final


class Sink(Protocol):
    """An async callable that takes one snapshot."""

    def __call__(self, snapshot: Snapshot, /) -> Awaitable[None]:
        """Deliver *snapshot*.

        An exception means that none of it arrived, unless it is a `SinkError` that
        says otherwise.
        """
        ...


class Destination(Protocol):
    """A sink with a bounded queue and a ledger, so that none delays another.

    Its life: `run` delivers what is put, until the queue is closed and empty, or the
    time that `close` allows is over, or it is cancelled. When it has ended, every
    point is in a count of the ledger.
    """

    def ledgers(self) -> tuple[SinkLedger, ...]:
        """Return what became of every point, one entry for each endpoint."""
        ...

    def put_nowait(self, snapshot: Snapshot) -> None:
        """Queue *snapshot*, evicting and counting the oldest if there is no room."""
        ...

    async def run(self) -> None:
        """Deliver what is queued to its end.

        It also ends when nothing can ever be delivered again; what is put after that
        is refused and counted.
        """
        ...

    async def join(self) -> None:
        """Wait until all that was put is delivered, refused or kept for a retry.

        Needs `run` to be running.
        """
        ...

    def close(self, seconds: float) -> None:
        """Put nothing more; let `run` deliver the rest for *seconds* at most.

        What is left then is spooled if there is a spool, which may take a second
        more, and counted as abandoned otherwise.
        """
        ...
