"""The ledger: what became of every packet, line, value and point.

Whatever enters is counted once, and whatever leaves is counted once. The following
identities hold whenever the queue is empty:

* packets: ``sent = packets + kernel_dropped + refused["stop"]`` (UDP, same host). The
  last count is what a stop under overload had no time to read.
* bytes of a stream: ``received = bytes + dropped_bytes``; on a Unix socket, add the
  four bytes of the length of each packet
* lines: ``read = metrics + events + service_checks + sum(rejected) + filtered``
* samples: ``parsed = aggregated + sum(dropped)``
* points, for each destination: ``snapshotted = delivered + pending + spooled +
  sum(refused) + evicted + oversize + abandoned + spool_gone``
"""

from collections.abc import Mapping

import attrs


@attrs.frozen
class ListenerLedger:
    """What one listener received, and what it could not receive.

    Attributes:
        dropped_bytes: bytes of a stream that did not become part of a packet: they
            belonged to a frame or line that was too long or incomplete, or a stop had
            no time for them.
        failures: how often the listener failed as a whole and tried again.
        failure: why it cannot receive at present; "" if it can.
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
    """What was forwarded, and what could not be.

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
    """The packets that wait for the processor.

    Attributes:
        capacity: how many packets the queue of each listener can hold.
        used: how many packets the fullest queue holds.
        peak: the most packets that any queue ever held.
        dropped: packets that were taken but not processed, or not completely, because a
            stage of the server failed.
    """

    capacity: int
    used: int
    peak: int
    dropped: int = 0


@attrs.frozen
class LinesLedger:
    """What the lines of all packets were. Empty lines are not counted.

    Attributes:
        unknown_fields: fields that were ignored in accepted lines.
        repaired: lines in which bytes that are not UTF-8 were replaced. Each is also
            part of another count, so this one is in no identity.
        hook_failures: how often each hook of the host program raised.
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
        condensed: how many of the values aggregated into histograms and timers are only
            kept to a sketch's precision, because there were too many.
        events_dropped: events and service checks beyond the limit of one interval. They
            are not samples, and are in no identity of samples.
    """

    parsed: int
    aggregated: int
    dropped: Mapping[str, int]
    future: int
    condensed: int = 0
    events_dropped: int = 0


@attrs.frozen
class ContextsLedger:
    """How many contexts there are, and were."""

    current: int
    peak: int
    expired: int
    type_clashes: int


@attrs.frozen
class MemoryLedger:
    """The memory used by aggregation, in approximate bytes, and its limit.

    This is the memory for contexts, heads of lines, strings of sets, and values of
    histograms, timers and distributions.
    """

    limit_bytes: int = 0
    used_bytes: int = 0
    peak_bytes: int = 0


@attrs.frozen
class RouteLedger:
    """How one route of an intake is doing.

    Attributes:
        name: ``series``, ``sketches``, ``service_checks`` or ``events``.
        failing_since: unix seconds of the first payload that failed or was refused
            since the last accepted one; None while the route works.
        failure: the last answer of the intake, or why there was none; "" while the
            route works.
    """

    name: str
    failing_since: float | None = None
    failure: str = ""


@attrs.frozen
class SinkLedger:
    """What became of the points passed to one destination.

    Attributes:
        spool_gone: points in spool files that this process wrote and that are no longer
            there: another server took the files, somebody removed them, or they could
            not be read.
        api_key: what the intake last said about the key: ``valid``, ``invalid`` or
            ``unknown``; "" if there is no key.
        spool_set_aside: spool files that could not be read and were renamed.
        switched_off: points that this destination does not get because their route is
            switched off, and events and service checks if it only takes metrics. They
            are not passed to it, and are in no identity.
        joined_tags: tags that had the same key as another tag and were joined with it,
            for destinations that allow a key only once per series.
        is_additional: whether this is an additional endpoint, on which readiness does
            not depend.
        failing_since: unix seconds of the first failure after the last delivery; None
            while the destination works. A route without metrics counts only if no other
            route works.
        failure: the last error; "" while the destination works.
        routes: how each route is doing; empty if there are no routes.
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
    """The complete accounts of every packet, line, value and point.

    Attributes:
        engine: the engine that aggregates: ``plain``, or ``native`` with its version.
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
