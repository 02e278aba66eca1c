"""Ingestion and aggregation, joined as the server joins them, with a set clock."""

from collections.abc import Callable
from typing import Any

import attrs

from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.aggregation.warnings import Warned
from statsd_trio.counters import ContextCounters, LineCounters, SampleCounters
from statsd_trio.engine.engine import MakeEngine
from statsd_trio.errors import ParseError
from statsd_trio.ingest.ingest import Ingest
from statsd_trio.ingest.rejections import Rejections
from statsd_trio.protocol.messages import Event, Sample, ServiceCheck
from statsd_trio.rules import Rules
from statsd_trio.transports.packet import Origin, Packet

UDP = Origin("udp", "udp://127.0.0.1:8125", "127.0.0.1:4000")
EPOCH = 1_700_000_000


@attrs.define
class Stage:
    """Both, with their counters, and what was rejected or warned of."""

    ingest: Ingest
    aggregator: Aggregator
    lines: LineCounters
    samples: SampleCounters
    contexts: ContextCounters
    rejected: list[tuple[str, int, bytes]]
    now: list[float]
    warnings: list[Warned] = attrs.field(factory=list[Warned])

    def process(self, *packets: bytes) -> None:
        for data in packets:
            self.process_packet(Packet(data, UDP))

    def process_packet(self, packet: Packet) -> None:
        for _ in self.ingest.process_packet(packet):
            pass

    def take(self, *, include_open: bool = True, final: bool = True) -> Snapshot:
        builder = self.ingest.take_snapshot(include_open=include_open, final=final)
        for _ in builder.build():
            pass
        self.warnings += builder.warnings
        return builder.snapshot

    def check(self) -> None:
        """Check the identities of lines and samples."""
        lines, samples = self.lines, self.samples
        assert lines.read == (
            lines.metrics
            + lines.events
            + lines.service_checks
            + sum(lines.rejected.values())
            + lines.filtered
        )
        assert samples.parsed == samples.aggregated + sum(samples.dropped.values())


def open_stage(
    make_engine: MakeEngine,
    *,
    rules: Rules | None = None,
    max_heads: int = 1000,
    max_contexts: int = 1000,
    eol_required: frozenset[str] = frozenset(),
    on_sample: Callable[[Sample], Sample | None] | None = None,
    on_event: Callable[[Event | ServiceCheck], None] | None = None,
    monotonic_clock: Callable[[], float] = lambda: 0.0,
    **settings: Any,
) -> Stage:
    """Join the stages; *settings* are those of the aggregation."""
    rejected: list[tuple[str, int, bytes]] = []

    def note(error: ParseError, line: bytes, _: Origin) -> None:
        rejected.append((error.reason, error.column, line))

    lines, samples, contexts = LineCounters(), SampleCounters(), ContextCounters()
    rejections = Rejections(lines, note)
    aggregator = Aggregator(
        AggregationSettings(max_contexts=max_contexts, **settings),
        samples,
        contexts,
        make_engine=make_engine,
        max_heads=max_heads,
    )
    now = [float(EPOCH)]
    ingest = Ingest(
        aggregator,
        rules or Rules(),
        lines,
        rejections,
        wall_clock=lambda: now[0],
        monotonic_clock=monotonic_clock,
        eol_required=eol_required,
        on_sample=on_sample,
        on_event=on_event,
    )
    ingest.advance()
    return Stage(ingest, aggregator, lines, samples, contexts, rejected, now)
