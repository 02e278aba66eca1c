"""Connect ingestion and aggregation as the server does, but without sockets."""

import time

from benchmarks.servers.serving import Report
from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.counters import ContextCounters, LineCounters, SampleCounters
from statsd_trio.engine.choose import choose_engine
from statsd_trio.ingest import Ingest
from statsd_trio.ingest.rejections import Rejections
from statsd_trio.rules import Rules


class Stages:
    """A processor and its aggregator, with the counters that they fill."""

    def __init__(
        self,
        *,
        interval_seconds: int = 10,
        max_contexts: int = 100_000,
        learns: bool = True,
        engine: str = "auto",
    ) -> None:
        self.interval_seconds = interval_seconds
        self.lines = LineCounters()
        self.samples = SampleCounters()
        self.contexts = ContextCounters()
        rejections = Rejections(self.lines)
        self.aggregator = Aggregator(
            AggregationSettings(
                interval_seconds=interval_seconds, max_contexts=max_contexts
            ),
            self.samples,
            self.contexts,
            make_engine=choose_engine(engine).make,
            max_heads=2 * max_contexts if learns else 0,
        )
        self.ingest = Ingest(
            self.aggregator,
            Rules(),
            self.lines,
            rejections,
            wall_clock=time.time,
            monotonic_clock=time.perf_counter,
        )

    def forget_values(self) -> None:
        """Flush everything, and throw the snapshot away."""
        source = self.ingest.take_snapshot(include_open=True, final=True)
        for _ in source.build():
            pass

    def complete(self, report: Report) -> None:
        """Add the counters to *report*."""
        report.aggregated = self.samples.aggregated
        report.refused = dict(self.samples.dropped)
        report.contexts = self.contexts.peak
