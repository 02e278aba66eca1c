"""A sink that keeps all snapshots in memory, for tests and experiments."""

from statsd_trio.aggregation.snapshot import Snapshot


class MemorySink:
    """Keeps every snapshot.

    Attributes:
        snapshots: the snapshots in the order in which they arrived.
    """

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []

    async def __call__(self, snapshot: Snapshot, /) -> None:
        """Keep *snapshot*."""
        self.snapshots.append(snapshot)
