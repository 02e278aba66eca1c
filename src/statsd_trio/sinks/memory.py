"""A sink that keeps what it is given, for tests and for looking."""

from statsd_trio.aggregation.snapshot import Snapshot


class MemorySink:
    """Keeps every snapshot.

    Attributes:
        snapshots: in the order they came.
    """

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []

    async def __call__(self, snapshot: Snapshot, /) -> None:
        """Keep *snapshot*."""
        self.snapshots.append(snapshot)
