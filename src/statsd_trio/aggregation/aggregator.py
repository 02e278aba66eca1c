"""Samples in, one snapshot an interval out.

An engine holds what the open bucket has; this finds the context of a sample, and
resolves what two contexts may conflict about. No bucket is sent twice: what comes for
one that was sent, early or in time, goes to the next.

Time is what the caller last said it is (`Aggregator.advance`).
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Final

import attrs

from statsd_trio.aggregation.bucket_clock import BucketClock
from statsd_trio.aggregation.budget import divide_budget
from statsd_trio.aggregation.context_table import ContextTable
from statsd_trio.aggregation.dropped_values import DropCounter
from statsd_trio.aggregation.message_buffer import MessageBuffer
from statsd_trio.aggregation.ranking import ContextRanker
from statsd_trio.aggregation.settings import (
    AggregationSettings,
)
from statsd_trio.aggregation.snapshot_builder import SnapshotBuilder, SnapshotParts
from statsd_trio.aggregation.timestamped_points import TimestampedPoints
from statsd_trio.aggregation.warnings import EngineFailure, Warned
from statsd_trio.counters import ContextCounters, SampleCounters
from statsd_trio.engine.context import COUNTER, GAUGE, KINDS, SET, Context
from statsd_trio.engine.engine import (
    MIN_LEARNT_RATE,
    ClosedBucket,
    Engine,
    EngineError,
    MakeEngine,
    Taken,
)
from statsd_trio.engine.guarded import GuardedEngine
from statsd_trio.engine.plain import PlainEngine
from statsd_trio.ledger import MemoryLedger
from statsd_trio.protocol.messages import (
    Event,
    MetricType,
    Sample,
    ServiceCheck,
)

# Over all sets of one bucket: some 100 MB.
MAX_SET_VALUES: Final = 1_000_000


class Aggregator:
    """Aggregates as the Datadog Agent does.

    Attributes:
        engine_failures: how often an engine broke off and was replaced.
    """

    def __init__(
        self,
        settings: AggregationSettings,
        samples: SampleCounters,
        contexts: ContextCounters,
        *,
        started: float = 0.0,
        make_engine: MakeEngine = PlainEngine,
        max_heads: int | None = None,
    ) -> None:
        """Open the first bucket.

        Args:
            settings: what an operator may choose.
            samples: counts what becomes of each value.
            contexts: counts contexts.
            started: unix time; the first bucket starts with that second, and all
                others on whole intervals.
            make_engine: makes the engine.
            max_heads: that the engine keeps; 0 for none, None for two a context.
        """
        self._settings = settings
        self._samples = samples
        self._max_heads = 2 * settings.max_contexts if max_heads is None else max_heads
        self._table = ContextTable(
            hostname=settings.hostname,
            tags=settings.tags,
            limit=settings.max_contexts,
            copy_prefix=(
                settings.histogram_copy_to_distribution_prefix
                if settings.histogram_copy_to_distribution
                else None
            ),
            keeps_values=settings.keeps_histogram_values,
            counters=contexts,
        )
        self._clock = BucketClock(settings.interval_seconds, started)
        self._now = 0.0
        self._second = 0.0
        self.engine_failures = 0
        self._engine = GuardedEngine(self._make(make_engine))
        self._memory_peak = 0
        self._divide_memory()
        self._closed: list[tuple[int, ClosedBucket]] = []
        self._timestamped = TimestampedPoints()
        self._messages = MessageBuffer(settings, samples)
        self._drops = DropCounter(samples)
        self._warnings: list[Warned] = []
        self._snapshots = 0

    @property
    def engine_name(self) -> str:
        """Which engine runs."""
        return self._engine.name

    @property
    def condensed(self) -> int:
        """Values of histograms kept to a sketch's precision only, since the start."""
        return self._engine.condensed

    @property
    def memory_used(self) -> int:
        """Bytes that contexts, heads, strings of sets, and values take, roughly."""
        return self._table.memory.used + sum(self._engine.memory_used)

    @property
    def memory(self) -> MemoryLedger:
        """How much memory there may be and is."""
        used = self.memory_used
        self._memory_peak = max(self._memory_peak, used)
        return MemoryLedger(self._settings.max_memory_bytes, used, self._memory_peak)

    def advance(self, now: float) -> None:
        """Move to the bucket of *now*."""
        self._now = now
        # Buckets begin with a second, and the last use is noted by the second.
        if now // 1 == self._second:
            return
        self._second = now // 1
        start = self._clock.choose(now)
        if start != self._clock.start:
            self._close(self._clock.start, start)
        self._engine.advance(now)
        self._divide_memory()

    def take(self, chunk: bytes, give_back: Callable[[bytes], None]) -> Taken:
        """Add the lines of *chunk* that the engine knows, and count their values.

        Args:
            chunk: as for `Engine.take`.
            give_back: called with every other line, at its place in the order.
        """
        taken = self._engine.take(chunk, give_back)
        _, _, values = taken
        self._samples.parsed += values
        self._samples.aggregated += values
        if self._engine.failure is not None:
            self._replace_engine(self._engine.failure)
        return taken

    def tidy(self) -> bool:
        """Do a small piece of the work that was put off; True while more remains."""
        return self._engine.tidy()

    def learn(
        self, line: bytes, kind: int, context: Context | None, sample_rate: float
    ) -> None:
        """Let `take` add lines with the head of *line* from now on.

        Args:
            line: a good one, without a timestamp.
            kind: an index into `TYPES`.
            context: what `open_context` returned; None where the line is filtered.
            sample_rate: of the line.
        """
        if self._max_heads and sample_rate >= MIN_LEARNT_RATE:
            self._engine.learn(line, kind, context, sample_rate)

    def forget_heads(self) -> None:
        """Forget every line that was learnt, as when the rules change."""
        self._engine.forget_heads()

    def open_context(self, sample: Sample) -> Context | None:
        """Find or make the context of *sample*.

        None, and its values counted as dropped, where the table is full.
        """
        known = len(self._table)
        context = self._table.find(sample, self._clock.start)
        if context is None:
            self._drops.drop(self._table.why_full, len(sample.values), sample.name)
        elif len(self._table) != known and context.conflict is not None:
            # Which of them came first counts, and only the exact way looks at it.
            self._engine.require_exact(context)
            self._engine.require_exact(context.conflict)
        return context

    def insert(self, sample: Sample) -> Context | None:
        """Add *sample*; one with a timestamp bypasses the buckets.

        Returns:
            Where it went; None if it went nowhere, or bypassed the buckets.
        """
        for reason in sample.dropped:
            self._drops.drop(reason, 1)
        if sample.timestamp is not None:
            self._insert_timestamped(sample, sample.timestamp)
            return None
        context = self.open_context(sample)
        if context is not None:
            self._add(context, sample)
        return context

    def drop(self, sample: Sample, reason: str) -> None:
        """Count the values of *sample* as dropped, since somebody else failed."""
        self._drops.drop(reason, len(sample.values))

    def add_event(self, event: Event) -> None:
        """Keep *event* for the next snapshot; it is counted if there are too many."""
        self._messages.add_event(event, self._now)

    def add_service_check(self, check: ServiceCheck) -> None:
        """Keep *check* for the next snapshot; it is counted if there are too many."""
        self._messages.add_service_check(check, self._now)

    def take_snapshot(
        self, *, now: float, include_open: bool, final: bool = False
    ) -> SnapshotBuilder:
        """Detach what is closed; with *include_open*, the open bucket too.

        The open one only if *now* lies in it, or later: what was put into the next
        one by an early flush waits there, unless *final*. Then it is sent with the
        present second, for its own has not come. The builder of the last snapshot must
        be done.
        """
        self.advance(now)
        clock = self._clock
        if self._engine.is_used and (final or (include_open and clock.start <= now)):
            start = clock.start
            if start > now:
                # The server that comes next would fill the same interval.
                start = clock.find_second(now)
            self._close(start, clock.follow(clock.start))
        buckets = sorted(self._closed, key=itemgetter(0))
        idle = None if buckets or not len(self._table) else self._find_idle_start(now)
        self._snapshots += 1
        events, service_checks = self._messages.take()
        parts = SnapshotParts(
            number=self._snapshots,
            time=int(now) if include_open else clock.floor(now),
            now=now,
            buckets=buckets,
            idle=idle,
            timestamped=self._timestamped.take(),
            events=events,
            service_checks=service_checks,
            dropped=self._drops.take(),
            warnings=(*self._table.take_clashes(), *self._warnings),
        )
        self._closed = []
        self._warnings = []
        return SnapshotBuilder(
            self._settings, self._table, self._engine, parts, lambda: self._now
        )

    def replace_settings(
        self, *, tags: tuple[str, ...], is_blocked: Callable[[str], bool] | None
    ) -> None:
        """Change what can change while it runs.

        Contexts that are there keep their tags until they expire; whoever holds one
        forgets it, or it goes on.
        """
        self._settings = attrs.evolve(self._settings, tags=tags, is_blocked=is_blocked)
        self._messages.settings = self._settings
        self._table.replace_tags(tags)

    def rank_contexts(self, limit: int) -> ContextRanker:
        """Rank names and tag keys; the caller steps through it."""
        return ContextRanker(self._table.list_contexts(), limit)

    def _add(self, context: Context, sample: Sample) -> None:
        values = sample.values
        context.last_seen = self._now
        if context.copy is not None:
            context.copy.last_seen = self._now
        conflict = context.conflict
        if conflict is not None and self._engine.is_filled(conflict):
            if context.kind in {GAUGE, SET}:
                self._drops.drop("type_clash", len(values))
                return
            # As in the Agent, where the first sample of a bucket says what it is.
            context = conflict
        self._samples.parsed += len(values)
        dropped = self._engine.add(
            context,
            [str(value).encode() for value in values]
            if context.kind == SET
            else [float(value) for value in values],
            sample.sample_rate,
        )
        self._samples.aggregated += len(values)
        for reason, count in dropped.items():
            self._samples.aggregated -= count
            if reason == "memory":
                self._drops.note_name(sample.name, count)
                full = "set_memory" if context.kind == SET else "value_memory"
                self._samples.dropped[full] += count
            else:
                self._samples.dropped[reason] += count

    def _insert_timestamped(self, sample: Sample, timestamp: int) -> None:
        values = [float(value) for value in sample.values if not isinstance(value, str)]
        kind = KINDS[sample.type]
        if kind not in {COUNTER, GAUGE}:
            self._copy_timestamped(sample, values)
            self._drops.drop("timestamp_unsupported", len(sample.values))
            return
        context = self.open_context(sample)
        if context is None:
            return
        context.last_seen = self._now
        reason = self._timestamped.add(context, timestamp, values)
        if reason:
            self._drops.drop(reason, len(values))
            return
        self._samples.parsed += len(values)
        self._samples.aggregated += len(values)
        self._samples.future += len(values) if timestamp > self._now else 0

    def _copy_timestamped(self, sample: Sample, values: list[float]) -> None:
        """Add a histogram's copy, which heeds no timestamp.

        Source: datadog-agent, comp/dogstatsd/server/impl/enrich.go.
        """
        settings = self._settings
        if (
            sample.type in {MetricType.HISTOGRAM, MetricType.TIMER}
            and settings.histogram_copy_to_distribution
        ):
            copied = attrs.evolve(
                sample,
                name=settings.histogram_copy_to_distribution_prefix + sample.name,
                type=MetricType.DISTRIBUTION,
                timestamp=None,
            )
            context = self._table.find(copied, self._clock.start)
            if context is not None:
                context.last_seen = self._now
                self._engine.add(context, values, sample.sample_rate)

    def _close(self, start: int, following: int) -> None:
        """Open the bucket *following*; the open one is sent as *start*, if used."""
        is_used = self._engine.is_used
        bucket = self._engine.close()
        if is_used:
            self._closed.append((start, bucket))
            self._clock.mark_sent(start)
        self._clock.move(following)

    def _find_idle_start(self, now: float) -> int | None:
        """Find the start of an interval in which nothing came; None if it was sent.

        Source: datadog-agent, pkg/aggregator/time_sampler.go.
        """
        start = self._clock.floor(now) - self._settings.interval_seconds
        if self._clock.is_sent(start) or start >= self._clock.start:
            return None
        self._clock.mark_sent(start)
        return start

    def _make(self, make_engine: MakeEngine) -> Engine:
        settings = self._settings
        return make_engine(
            aggregates=settings.histogram_aggregates,
            percentiles=settings.histogram_percentiles,
            count_divisor=settings.count_divisor,
            max_heads=self._max_heads,
            max_set_values=MAX_SET_VALUES,
            max_bin_count=settings.max_bin_count,
        )

    def _replace_engine(self, failure: EngineError) -> None:
        """Go on with a plain engine, on the next bucket, as after an early flush.

        What the failed one holds goes out with the next snapshot.
        """
        self._warnings.append(EngineFailure(self._engine.name, str(failure)))
        start = self._clock.start
        self._close(start, self._clock.follow(start))
        self._engine.replace(self._make(PlainEngine))
        self.engine_failures += 1
        self._engine.advance(self._now)
        self._divide_memory()
        for context in self._table.list_contexts():
            context.handle = -1
            if context.conflict is not None:
                self._engine.require_exact(context)

    def _divide_memory(self) -> None:
        """Say anew how much memory each kind of thing may take."""
        used = (self._table.memory.used, *self._engine.memory_used)
        self._memory_peak = max(self._memory_peak, sum(used))
        contexts, *others = divide_budget(self._settings.max_memory_bytes, used)
        self._table.memory.limit = contexts
        self._engine.limit_memory(*others)
