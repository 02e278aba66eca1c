"""The ledger: frozen classes that say what became of everything.

Whatever enters is counted once and whatever leaves is counted once, so that these hold
whenever the queue is empty:

* packets: ``sent = packets + kernel_dropped + refused["stop"]`` (UDP, same host); the
  last is what a stop under overload had no time to take
* bytes of a stream: ``received = bytes + dropped_bytes``, on a Unix socket and the
  four bytes of its length for each packet
* lines: ``read = metrics + events + service_checks + sum(rejected) + filtered``
* samples: ``parsed = aggregated + sum(dropped)``
* points, for each destination: ``snapshotted = delivered + pending + spooled +
  sum(refused) + evicted + oversize + abandoned + spool_gone``
"""

from collections.abc import Mapping

import attrs


@attrs.frozen
class ListenerLedger:
    """What one listener read, and what it could not.

    Attributes:
        dropped_bytes: bytes of a stream that were read, or waited at its end, and
            became no packet: of a frame or a line that was too long or incomplete,
            or that a stop had no time for.
        failures: how often it failed as a whole, and tried again.
        failure: why it does not receive now; "" while it does.
    """

    name: str
    packets: int
    bytes: int
    truncated: int
    kernel_dropped: int | None
    granted_buffer_bytes: int | None
    refused: Mapping[str, int]
    waits: int
    longest_wait_seconds: float
    dropped_bytes: int = 0
    failures: int = 0
    failure: str = ""


@attrs.frozen
class ForwardLedger:
    """What was sent on unchanged, and what could not be.

    Attributes:
        bounced: how often the other end answered that nobody listens there.
    """

    name: str
    packets: int
    bytes: int
    bounced: int
    refused: Mapping[str, int]


@attrs.frozen
class QueueLedger:
    """What waits for the processor, in packets.

    Attributes:
        capacity: of the queue that each listener has.
        used: by the listener that has most.
        peak: the most that any ever had.
        dropped: what was taken and not processed, or not wholly, because a stage of
            the server failed.
    """

    capacity: int
    used: int
    peak: int
    dropped: int = 0


@attrs.frozen
class LinesLedger:
    """What the lines of all packets were. Empty lines are not counted.

    Attributes:
        unknown_fields: fields that were ignored in lines that were taken.
        repaired: lines of which bytes that are not UTF-8 were replaced; each is in
            another count too, and this one stands in no identity.
        hook_failures: how often a hook of the host program raised, by its name.
    """

    read: int
    metrics: int
    events: int
    service_checks: int
    rejected: Mapping[str, int]
    filtered: int
    unknown_fields: int
    repaired: int = 0
    hook_failures: Mapping[str, int] = attrs.field(factory=dict[str, int])


@attrs.frozen
class SamplesLedger:
    """What became of each value of the metric lines.

    Attributes:
        condensed: of those aggregated into histograms and timers, how many are kept
            to a sketch's precision only, because there were too many.
        events_dropped: events and service checks beyond what one interval holds;
            they are no samples and stand in no identity of samples.
    """

    parsed: int
    aggregated: int
    dropped: Mapping[str, int]
    future: int
    condensed: int = 0
    events_dropped: int = 0


@attrs.frozen
class ContextsLedger:
    """How many different series there are and were."""

    current: int
    peak: int
    expired: int
    type_clashes: int


@attrs.frozen
class MemoryLedger:
    """What aggregation takes of the memory that it may take, in bytes, roughly.

    That is contexts, heads of lines, strings of sets, and values of histograms, timers
    and distributions.
    """

    limit_bytes: int = 0
    used_bytes: int = 0
    peak_bytes: int = 0


@attrs.frozen
class RouteLedger:
    """How one route of an intake does.

    Attributes:
        name: ``series``, ``sketches``, ``service_checks`` or ``events``.
        failing_since: unix seconds of the first error, or refusal, after the last
            payload that was accepted; None while the route works.
        failure: what the intake answered last, or why it did not, while it fails.
    """

    name: str
    failing_since: float | None = None
    failure: str = ""


@attrs.frozen
class SinkLedger:
    """What became of the points handed to one destination.

    Attributes:
        spool_gone: points in files of the spool that this process wrote and that are
            not there any more: another server took them, somebody removed them, or
            they could not be read.
        api_key: what the intake last said of the key: ``valid``, ``invalid`` or
            ``unknown``; "" where there is no key.
        spool_set_aside: files of the spool that could not be read and were renamed.
        switched_off: points of routes that this destination does not get, and events
            and service checks where it takes metrics alone. They are not handed to
            it, and stand in no sum.
        joined_tags: tags that shared the key of another one, and were joined with it,
            where a key may stand on a series once.
        is_additional: an additional endpoint, on which readiness does not depend.
        failing_since: unix seconds of the first failure since something was last
            delivered; None while the destination works. A route that carries no
            metrics counts only if no other works.
        failure: what went wrong last, while it fails.
        routes: how each route does; none where there are no routes.
    """

    name: str
    snapshotted: int
    delivered: int
    pending: int
    spooled: int
    refused: Mapping[str, int]
    evicted: int
    oversize: int
    abandoned: int
    resent: int
    spool_gone: int = 0
    api_key: str = ""
    spool_set_aside: int = 0
    switched_off: int = 0
    is_additional: bool = False
    failing_since: float | None = None
    failure: str = ""
    routes: tuple[RouteLedger, ...] = ()
    joined_tags: int = 0


@attrs.frozen
class Ledger:
    """Every packet, line, sample and point, accounted for.

    Attributes:
        engine: which engine aggregates: ``plain``, or ``native`` and its version.
    """

    listeners: tuple[ListenerLedger, ...]
    queue: QueueLedger
    lines: LinesLedger
    samples: SamplesLedger
    contexts: ContextsLedger
    sinks: tuple[SinkLedger, ...]
    forward: ForwardLedger | None = None
    engine: str = "plain"
    memory: MemoryLedger = MemoryLedger()
