"""The counters that the stages fill while they run.

Each stage is given the counters that it fills. `freeze` copies them into the classes of
the ledger, where the meaning of each count is described.
"""

from collections import Counter
from typing import Any

import attrs

from statsd_trio.ledger import (
    ContextsLedger,
    ForwardLedger,
    LinesLedger,
    ListenerLedger,
    RouteLedger,
    SamplesLedger,
    SinkLedger,
)


@attrs.define
class ListenerCounters:
    """Counts of one listener, filled by its reader."""

    name: str
    packets: int = 0
    bytes: int = 0
    truncated: int = 0
    kernel_dropped: int | None = None
    granted_buffer_bytes: int | None = None
    refused: Counter[str] = attrs.field(factory=Counter[str])
    waits: int = 0
    longest_wait_seconds: float = 0.0
    dropped_bytes: int = 0
    failures: int = 0
    failure: str = ""

    def freeze(self) -> ListenerLedger:
        """Return a copy of the current counts."""
        return ListenerLedger(**_copied(self))


@attrs.define
class ForwardCounters:
    """Counts of forwarded packets, filled by the forwarder."""

    name: str
    packets: int = 0
    bytes: int = 0
    bounced: int = 0
    refused: Counter[str] = attrs.field(factory=Counter[str])

    def freeze(self) -> ForwardLedger:
        """Return a copy of the current counts."""
        return ForwardLedger(**_copied(self))


@attrs.define
class LineCounters:
    """Counts of lines, filled by ingestion."""

    read: int = 0
    metrics: int = 0
    events: int = 0
    service_checks: int = 0
    rejected: Counter[str] = attrs.field(factory=Counter[str])
    filtered: int = 0
    unknown_fields: int = 0
    repaired: int = 0
    hook_failures: Counter[str] = attrs.field(factory=Counter[str])

    def freeze(self) -> LinesLedger:
        """Return a copy of the current counts."""
        return LinesLedger(**_copied(self))


@attrs.define
class SampleCounters:
    """Counts of values, filled by aggregation."""

    parsed: int = 0
    aggregated: int = 0
    dropped: Counter[str] = attrs.field(factory=Counter[str])
    future: int = 0
    events_dropped: int = 0

    def freeze(self, *, condensed: int = 0) -> SamplesLedger:
        """Return a copy of the current counts, with one that the engine keeps."""
        return SamplesLedger(**_copied(self), condensed=condensed)


@attrs.define
class ContextCounters:
    """Counts of contexts, filled by aggregation."""

    current: int = 0
    peak: int = 0
    expired: int = 0
    type_clashes: int = 0

    def freeze(self) -> ContextsLedger:
        """Return a copy of the current counts."""
        return ContextsLedger(**_copied(self))


@attrs.define
class SinkCounters:
    """Counts of points, filled by one destination.

    A point is ``pending`` from `expect` until another method moves it to another count,
    so that the ledger's identity holds at any moment.

    ``resent`` counts points that were sent again because the answer was lost. They are
    in no identity, because the point itself is already in another count.
    """

    name: str
    snapshotted: int = 0
    delivered: int = 0
    pending: int = 0
    spooled: int = 0
    refused: Counter[str] = attrs.field(factory=Counter[str])
    evicted: int = 0
    oversize: int = 0
    abandoned: int = 0
    resent: int = 0
    spool_gone: int = 0
    api_key: str = ""
    spool_set_aside: int = 0
    switched_off: int = 0
    is_additional: bool = False
    failing_since: float | None = None
    failure: str = ""
    routes: tuple[RouteLedger, ...] = ()

    def expect(self, points: int) -> None:
        """Count *points* that the destination should deliver."""
        self.snapshotted += points
        self.pending += points

    def deliver(self, points: int) -> None:
        """Count pending *points* as delivered."""
        self.pending -= points
        self.delivered += points

    def refuse(self, points: int, reason: str) -> None:
        """Count pending *points* as refused for *reason*."""
        self.pending -= points
        self.refused[reason] += points

    def evict(self, points: int) -> None:
        """Count pending *points* as lost for lack of room."""
        self.pending -= points
        self.evicted += points

    def drop_oversize(self, points: int) -> None:
        """Count pending *points* as too large for any payload."""
        self.pending -= points
        self.oversize += points

    def abandon(self, points: int) -> None:
        """Count pending *points* as not delivered when the server stopped."""
        self.pending -= points
        self.abandoned += points

    def freeze(self) -> SinkLedger:
        """Return a copy of the current counts."""
        return SinkLedger(**_copied(self))


def _copied(counters: attrs.AttrsInstance) -> dict[str, Any]:
    copied: dict[str, Any] = {
        field.name: getattr(counters, field.name)
        for field in attrs.fields(type(counters))
    }
    for name in ("refused", "dropped", "rejected", "hook_failures"):
        if name in copied:
            copied[name] = dict(copied[name])
    return copied
