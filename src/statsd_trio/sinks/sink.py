"""The interface of a sink, and of the destination that the server makes of it."""

from collections.abc import Awaitable
from typing import Protocol

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.ledger import SinkLedger


class SinkError(Exception):
    """A sink could not deliver a whole snapshot, for a reason outside the program.

    Like an `OSError`, it is logged in one line without a traceback.

    Attributes:
        reason: the reason by which the ledger counts the lost points.
        delivered: how many points of the snapshot were delivered nevertheless.
        is_final: whether the sink can never deliver anything again.
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

        An exception means that nothing of it was delivered, unless it is a `SinkError`
        that says otherwise.
        """
        ...


class Destination(Protocol):
    """A sink with a limited queue and a ledger, so that no sink delays another.

    `run` delivers what is put into the queue, until the queue is closed and empty, the
    time given to `close` is over, or it is cancelled. When it has ended, every point is
    in a count of the ledger.
    """

    def ledgers(self) -> tuple[SinkLedger, ...]:
        """Return what became of every point, one entry for each endpoint."""
        ...

    def put_nowait(self, snapshot: Snapshot) -> None:
        """Queue *snapshot*; without room, the oldest one is evicted and counted."""
        ...

    async def run(self) -> None:
        """Deliver everything that is queued.

        It also ends if nothing can ever be delivered again; what is put after that is
        refused and counted.
        """
        ...

    async def join(self) -> None:
        """Wait until everything put so far is delivered, refused or kept for a retry.

        `run` must be running.
        """
        ...

    def close(self, seconds: float) -> None:
        """End the queue; `run` may deliver the rest for *seconds* at most.

        What is left after that is spooled if there is a spool, which may take a second
        more, and counted as abandoned otherwise.
        """
        ...
