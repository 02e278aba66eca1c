"""What arrived, as values: hooks of the server in, `Received` out."""

import attrs

from statsd_trio.errors import Reason
from statsd_trio.protocol import Event, Sample, ServiceCheck


@attrs.frozen
class Rejected:
    """A line that DogStatsD does not allow.

    Attributes:
        line: as it was sent.
        column: 0-based offset in bytes of the first byte that is wrong.
        sender: who sent it, as text for a person; "" where the transport cannot tell.
    """

    line: bytes
    reason: Reason
    column: int
    message: str
    sender: str = ""


@attrs.frozen
class Received:
    """All that arrived during a stretch of time, in the order of its arrival.

    Attributes:
        telemetry: what clients report of themselves; it is no part of the rest.
    """

    metrics: tuple[Sample, ...] = ()
    events: tuple[Event, ...] = ()
    service_checks: tuple[ServiceCheck, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    telemetry: tuple[Sample, ...] = ()

    def __len__(self) -> int:
        return (
            len(self.metrics)
            + len(self.events)
            + len(self.service_checks)
            + len(self.rejected)
        )
