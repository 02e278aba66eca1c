"""Read the ledger of a running server from the counters of its stages."""

import logging
from collections import Counter
from collections.abc import Sequence

import attrs

from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.counters import (
    ContextCounters,
    LineCounters,
    ListenerCounters,
    SampleCounters,
)
from statsd_trio.ingest import Ingest
from statsd_trio.ki import protect_from_ki
from statsd_trio.ledger import Ledger, QueueLedger
from statsd_trio.plural import describe_count
from statsd_trio.sinks.sink import Destination
from statsd_trio.transports.forward import Forwarder
from statsd_trio.transports.listener import Listener
from statsd_trio.transports.packet_queue import PacketQueue

logger = logging.getLogger(__name__)


@attrs.frozen(eq=False, kw_only=True)
class LedgerSource:
    """The stages that count, and the counters that no stage keeps itself."""

    listeners: Sequence[Listener]
    submitted: ListenerCounters
    queue: PacketQueue
    ingest: Ingest
    lines: LineCounters
    samples: SampleCounters
    contexts: ContextCounters
    aggregator: Aggregator
    destinations: Sequence[Destination]
    forwarder: Forwarder | None

    @protect_from_ki
    def read(self) -> Ledger:
        """Return what became of everything that was processed so far."""
        for listener in self.listeners:
            listener.refresh_counters()
        return Ledger(
            engine=self.aggregator.engine_name,
            memory=self.aggregator.memory,
            listeners=(
                *(listener.counters.freeze() for listener in self.listeners),
                self.submitted.freeze(),
            ),
            queue=QueueLedger(
                capacity=self.queue.capacity,
                used=self.queue.used,
                peak=self.queue.peak,
                dropped=self.ingest.dropped_packets,
            ),
            lines=self.lines.freeze(),
            samples=self.samples.freeze(condensed=self.aggregator.condensed),
            contexts=self.contexts.freeze(),
            sinks=tuple(
                ledger
                for destination in self.destinations
                for ledger in destination.ledgers()
            ),
            forward=None
            if self.forwarder is None
            else self.forwarder.counters.freeze(),
        )


def log_ledger(ledger: Ledger) -> None:
    """Log one line about what a server that has stopped received and delivered."""
    lines, samples = ledger.lines, ledger.samples
    refused: Counter[str] = Counter()
    for listener in ledger.listeners:
        refused.update(listener.refused)
    dropped = sum(listener.kernel_dropped or 0 for listener in ledger.listeners)
    lost = [f"{dropped} dropped by the kernel"]
    lost += [f"{count} {reason}" for reason, count in sorted(refused.items())]
    dropped_bytes = sum(listener.dropped_bytes for listener in ledger.listeners)
    if dropped_bytes:
        lost.append(f"{describe_count(dropped_bytes, 'byte')} of streams left out")
    points = "; ".join(
        f"{sink.name}: {sink.delivered} of"
        f" {describe_count(sink.snapshotted, 'point')} delivered"
        for sink in ledger.sinks
    )
    logger.info(
        "stopped: %s (%s), %s (%d rejected), %s (%d dropped); %s",
        describe_count(
            sum(listener.packets for listener in ledger.listeners), "packet"
        ),
        ", ".join(lost),
        describe_count(lines.read, "line"),
        sum(lines.rejected.values()),
        describe_count(samples.parsed, "sample"),
        sum(samples.dropped.values()),
        points or "no sinks",
    )
