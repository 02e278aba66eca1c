"""Aggregate samples into one snapshot per interval.

An engine holds the values of the open bucket. The aggregator finds the context of a
sample, and resolves conflicts between contexts. No bucket is sent twice: a value that
arrives for a bucket which was already sent, early or in time, is added to the next one.

The current time is what the caller last passed to `Aggregator.advance`.
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

# Over all sets of one bucket; this takes some 100 MB.
MAX_SET_VALUES: Final = 1_000_000


class Aggregator:
    """Aggregates as the Datadog Agent does.

    Attributes:
        engine_failures: how often an engine failed and was replaced.
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
            settings: the settings of the operator.
            samples: counts what becomes of each value.
            contexts: counts contexts.
            started: unix time. The first bucket starts with this second, all others on
                multiples of the interval.
            make_engine: makes the engine.
            max_heads: how many heads the engine keeps; 0 for none, None for two per
                context.
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
        """The name of the engine that runs."""
        return self._engine.name

    @property
    def condensed(self) -> int:
        """How many histogram values were only kept to a sketch's precision so far."""
        return self._engine.condensed

    @property
    def memory_used(self) -> int:
        """The approximate bytes of contexts, heads, strings of sets, and values."""
        return self._table.memory.used + sum(self._engine.memory_used)

    @property
    def memory(self) -> MemoryLedger:
        """The limit of memory, and how much is and was in use."""
        used = self.memory_used
        self._memory_peak = max(self._memory_peak, used)
        return MemoryLedger(self._settings.max_memory_bytes, used, self._memory_peak)

    def advance(self, now: float) -> None:
        """Set the current time, and move to its bucket."""
        self._now = now
        # Buckets begin with a second, and the time of use is noted in seconds.
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
            give_back: called in order with every other line.
        """
        taken = self._engine.take(chunk, give_back)
        _, _, values = taken
        self._samples.parsed += values
        self._samples.aggregated += values
        if self._engine.failure is not None:
            self._replace_engine(self._engine.failure)
        return taken

    def tidy(self) -> bool:
        """Do a small part of the work that was put off.

        Returns True while more remains.
        """
        return self._engine.tidy()

    def learn(
        self, line: bytes, kind: int, context: Context | None, sample_rate: float
    ) -> None:
        """Let `take` add lines with the head of *line* from now on.

        Args:
            line: a good line without a timestamp.
            kind: an index into `TYPES`.
            context: the result of `open_context`; None if the line is filtered.
            sample_rate: the sample rate of the line.
        """
        if self._max_heads and sample_rate >= MIN_LEARNT_RATE:
            self._engine.learn(line, kind, context, sample_rate)

    def forget_heads(self) -> None:
        """Forget every line that was learnt, for example when the rules change."""
        self._engine.forget_heads()

    def open_context(self, sample: Sample) -> Context | None:
        """Return the context of *sample*, making it if needed.

        If the table is full this is None, and the values are counted as dropped.
        """
        known = len(self._table)
        context = self._table.find(sample, self._clock.start)
        if context is None:
            self._drops.drop(self._table.why_full, len(sample.values), sample.name)
        elif len(self._table) != known and context.conflict is not None:
            # The first sample of a bucket decides the type, and only the exact path
            # checks that.
            self._engine.require_exact(context)
            self._engine.require_exact(context.conflict)
        return context

    def insert(self, sample: Sample) -> Context | None:
        """Add *sample*; one with a timestamp bypasses the buckets.

        Returns:
            The context it was added to; None if it was dropped or bypassed the buckets.
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
        """Count the values of *sample* as dropped, because another part failed."""
        self._drops.drop(reason, len(sample.values))

    def add_event(self, event: Event) -> None:
        """Keep *event* for the next snapshot.

        If there are too many, it is only counted.
        """
        self._messages.add_event(event, self._now)

    def add_service_check(self, check: ServiceCheck) -> None:
        """Keep *check* for the next snapshot.

        If there are too many, it is only counted.
        """
        self._messages.add_service_check(check, self._now)

    def take_snapshot(
        self, *, now: float, include_open: bool, final: bool = False
    ) -> SnapshotBuilder:
        """Take the closed buckets; with *include_open*, take the open bucket too.

        The open bucket is only taken if *now* is within it, or later. After an early
        flush, values for a later bucket wait there until its time, unless *final* is
        set; then they are sent with the current second. The builder of the previous
        snapshot must have finished.
        """
        self.advance(now)
        clock = self._clock
        if self._engine.is_used and (final or (include_open and clock.start <= now)):
            start = clock.start
            if start > now:
                # The next server would use the same interval for its own points.
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
        """Change the settings that can change while the server runs.

        Existing contexts keep their tags until they expire, so the caller must forget
        the contexts that it still refers to; otherwise they live on.
        """
        self._settings = attrs.evolve(self._settings, tags=tags, is_blocked=is_blocked)
        self._messages.settings = self._settings
        self._table.replace_tags(tags)

    def rank_contexts(self, limit: int) -> ContextRanker:
        """Return a ranker of names and tag keys, which the caller runs step by step."""
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
            # As in the Agent, the first sample of a bucket decides its type.
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
        """Add a histogram's copy, which ignores the timestamp.

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
        """Open the bucket *following*; keep the open one as *start*, if it was used."""
        is_used = self._engine.is_used
        bucket = self._engine.close()
        if is_used:
            self._closed.append((start, bucket))
            self._clock.mark_sent(start)
        self._clock.move(following)

    def _find_idle_start(self, now: float) -> int | None:
        """Return the start of an interval without samples; None if it was sent.

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
        """Continue with a plain engine, in the next bucket, as after an early flush.

        What the failed engine holds is sent with the next snapshot.
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
        """Divide the memory among the kinds of data again."""
        used = (self._table.memory.used, *self._engine.memory_used)
        self._memory_peak = max(self._memory_peak, sum(used))
        contexts, *others = divide_budget(self._settings.max_memory_bytes, used)
        self._table.memory.limit = contexts
        self._engine.limit_memory(*others)
