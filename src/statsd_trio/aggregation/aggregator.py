"""Samples in, one snapshot an interval out.

Two rules. What the hot path does costs O(1) and no more than appending to a list:
text is turned into numbers later, a slice at a time, and so are numbers into a
snapshot. And no bucket is sent twice: one that left, early or in time, is spent, and
what comes for it later goes to the next.

Time is what the caller last said it is (`Aggregator.advance`).
"""

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from math import isfinite
from typing import Final

import attrs

from statsd_trio.aggregation.bucket import Bucket
from statsd_trio.aggregation.builder import SnapshotBuilder
from statsd_trio.aggregation.context import (
    COUNTER,
    GAUGE,
    GONE,
    KINDS,
    SET,
    Context,
    ContextTable,
)
from statsd_trio.aggregation.epoch import (
    REFUSED,
    Cells,
    Epoch,
    Folder,
    Report,
    make_cells,
)
from statsd_trio.aggregation.harvest import Harvest, Stamped
from statsd_trio.aggregation.ranking import ContextRanker
from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.aggregation.stamps import Stamps
from statsd_trio.ledger import ContextCounters, SampleCounters
from statsd_trio.protocol.messages import (
    Event,
    MetricType,
    Sample,
    ServiceCheck,
)

# For one interval each: points with their own time are some 150 bytes, an event or a
# check is at most a packet.
MAX_STAMPED_POINTS: Final = 500_000
MAX_EVENTS: Final = 10_000
MAX_SERVICE_CHECKS: Final = 10_000

# Source: datadog-agent, pkg/metrics/gauge.go and set.go.
_RATELESS: Final = frozenset({GAUGE, SET})


class Aggregator:
    """Aggregates as the Datadog Agent does.

    Whoever holds lists from `open_cell` calls `advance` before appending to one,
    and forgets them all when it returns True.
    """

    def __init__(
        self,
        settings: AggregationSettings,
        samples: SampleCounters,
        contexts: ContextCounters,
        report: Report,
    ) -> None:
        self._settings = settings
        self._samples = samples
        self._folder = Folder(samples, report, max_bin_count=settings.max_bin_count)
        self._table = ContextTable(
            hostname=settings.hostname,
            tags=settings.tags,
            limit=settings.max_contexts,
            copy_prefix=(
                settings.histogram_copy_to_distribution_prefix
                if settings.histogram_copy_to_distribution
                else None
            ),
            counters=contexts,
        )
        self._stamps = Stamps(settings.interval_seconds, 0.0)
        self._now = 0.0
        self._second = 0.0
        self._is_sealed = False
        self._bucket = Bucket(self._stamps.start)
        self._epoch = Epoch(self._bucket)
        self._sealed: deque[Epoch] = deque()
        self._folding: Iterator[None] | None = None
        self._seals = 0
        self._folds = 0
        self._closed: list[Bucket] = []
        self._stamped: Stamped = {}
        self._stamped_points = 0
        self._events: list[Event] = []
        self._service_checks: list[ServiceCheck] = []
        self._told_refused = 0
        self._builders: deque[SnapshotBuilder] = deque()

    def advance(self, now: float) -> bool:
        """Move to the bucket of *now*; True if lists handed out are dead since.

        True also where `seal` or `take_snapshot` was called since the last call. An
        epoch lasts at most a second, so that no context seems idle for longer than
        it is.
        """
        if not 0 <= now - self._second < 1:
            self._move(now)
        self._now = now
        if self._is_sealed:
            self._is_sealed = False
            return True
        return False

    def seal(self) -> None:
        """End the epoch: every list handed out is dead."""
        epoch = self._epoch
        if epoch.is_empty():
            return
        epoch.time = self._now
        self._bucket.is_used = True
        self._sealed.append(epoch)
        self._seals += 1
        self._epoch = Epoch(self._bucket)
        self._is_sealed = True

    def open_context(self, sample: Sample) -> Context | None:
        """Find or make the context of *sample*.

        None, and its values counted as refused, where the table is full.
        """
        context = self._table.find(sample, self._stamps.start)
        if context is None:
            self._refuse("max_contexts", len(sample.values))
        return context

    def open_cell(
        self, context: Context, sample_rate: float
    ) -> Callable[[bytes], None]:
        """Hand out what takes raw values of *context* until the epoch is sealed.

        A *context* that has expired meanwhile comes back, or stands for the one that
        took its place; where the table is full, what is appended is counted as
        refused when it is folded.
        """
        if context.opened == GONE:
            live = self._table.revive(context, self._stamps.start)
            if live is None:
                return self._epoch.cells[REFUSED].setdefault(context, []).append
            context = live
        context.last_seen = self._now
        context.filled = self._stamps.start
        relations = context.relations
        if relations is not None and relations.copy is not None:
            relations.copy.last_seen = self._now
            relations.copy.filled = self._stamps.start
        kind = context.kind
        if sample_rate == 1.0 or kind in _RATELESS:
            lists = self._epoch.cells[kind]
        else:
            lists = self._open_rate(sample_rate)[kind]
        raws = lists.get(context)
        if raws is None:
            raws = lists[context] = []
        return raws.append

    def _open_rate(self, sample_rate: float) -> Cells:
        cells = self._epoch.sampled.get(sample_rate)
        if cells is None:
            cells = self._epoch.sampled[sample_rate] = make_cells()
        return cells

    def insert(self, sample: Sample) -> None:
        """Add a sample by value; one with a timestamp bypasses the buckets."""
        if sample.timestamp is not None:
            self._insert_stamped(sample, sample.timestamp)
            return
        context = self.open_context(sample)
        if context is None:
            return
        append = self.open_cell(context, sample.sample_rate)
        if context.kind == SET:
            for value in sample.values:
                append(str(value).encode(errors="surrogatepass"))
        else:
            # As text that reads back as the same number, so that it keeps its place
            # among what else came for this context.
            append(b":".join([repr(value).encode() for value in sample.values]))

    def _insert_stamped(self, sample: Sample, timestamp: int) -> None:
        values = [float(value) for value in sample.values if not isinstance(value, str)]
        kind = KINDS[sample.type]
        if kind not in {COUNTER, GAUGE}:
            self._copy_stamped(sample, values)
            self._refuse("timestamp_unsupported", len(sample.values))
            return
        context = self.open_context(sample)
        if context is None:
            return
        context.last_seen = self._now
        points = self._stamped.get(context, {})
        before = points.get(timestamp)
        total = values[-1] if kind == GAUGE else sum(values, before or 0.0)
        if not isfinite(total):
            self._refuse("overflow", len(values))
        elif before is None and self._stamped_points >= MAX_STAMPED_POINTS:
            self._refuse("stamped_points", len(values))
        else:
            self._samples.parsed += len(values)
            self._samples.aggregated += len(values)
            self._samples.future += len(values) if timestamp > self._now else 0
            self._stamped_points += before is None
            points[timestamp] = total
            self._stamped[context] = points

    def _copy_stamped(self, sample: Sample, values: list[float]) -> None:
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
            context = self._table.find(copied, self._stamps.start)
            if context is not None:
                context.last_seen = self._now
                context.filled = self._stamps.start
                self._bucket.is_used = True
                self._folder.copy_to_sketch(
                    self._bucket, context, values, sample.sample_rate
                )

    def add_event(self, event: Event) -> bool:
        """Keep *event* for the next snapshot; False, and counted, if there are many."""
        if len(self._events) >= MAX_EVENTS:
            self._samples.events_refused += 1
            return False
        self._events.append(
            attrs.evolve(
                event,
                timestamp=event.timestamp or int(self._now),
                host=self._settings.hostname if event.host is None else event.host,
                tags=tuple(dict.fromkeys((*event.tags, *self._settings.tags))),
            )
        )
        return True

    def add_service_check(self, check: ServiceCheck) -> bool:
        """Keep *check* for the next snapshot; False, and counted, if there are many."""
        if len(self._service_checks) >= MAX_SERVICE_CHECKS:
            self._samples.events_refused += 1
            return False
        self._service_checks.append(
            attrs.evolve(
                check,
                timestamp=check.timestamp or int(self._now),
                host=self._settings.hostname if check.host is None else check.host,
                tags=tuple(dict.fromkeys((*check.tags, *self._settings.tags))),
            )
        )
        return True

    def fold_some(self) -> bool:
        """Fold some 0.3 ms of what is sealed; True while more may remain."""
        while True:
            if self._folding is None:
                if not self._sealed:
                    return False
                self._folding = self._folder.fold(self._sealed.popleft())
            if next(self._folding, self) is None:
                return True
            self._folding = None
            self._folds += 1

    def take_snapshot(
        self, *, now: float, include_open: bool, final: bool = False
    ) -> SnapshotBuilder:
        """Detach what is closed; with *include_open*, the open bucket too.

        The open one only if *now* lies in it, or later: what was put into the next
        one by an early flush waits there, unless *final*.
        """
        self._move(now)
        self._now = now
        stamps = self._stamps
        if self._bucket.is_used and (
            final or (include_open and stamps.start <= stamps.floor(now))
        ):
            self._close(stamps.follow(stamps.start))
        buckets = sorted(self._closed, key=lambda bucket: bucket.start)
        if not buckets and len(self._table):
            buckets = self._make_idle_bucket(now)
        harvest = Harvest(
            time=int(now) if include_open else stamps.floor(now),
            now=now,
            buckets=buckets,
            stamped=self._stamped,
            events=self._events,
            service_checks=self._service_checks,
            clashes=self._table.clashes,
        )
        self._closed = []
        self._stamped = {}
        self._stamped_points = 0
        self._events = []
        self._service_checks = []
        self._table.clashes = []
        return SnapshotBuilder(
            self._settings,
            self._table,
            harvest,
            fold=partial(self._fold_until, self._seals),
            read_now=lambda: self._now,
            read_start=lambda: self._stamps.start,
            take_refused=self._take_refused,
            queue=self._builders,
        )

    def replace_settings(
        self, *, tags: tuple[str, ...], is_blocked: Callable[[str], bool] | None
    ) -> None:
        """Change what can change while it runs.

        Contexts that are there keep their tags until they expire; whoever holds one
        forgets it, or it goes on.
        """
        self._settings = attrs.evolve(self._settings, tags=tags, is_blocked=is_blocked)
        self._table.replace_tags(tags)

    def rank_contexts(self, limit: int) -> ContextRanker:
        """Rank names and tag keys; the caller steps through it."""
        return ContextRanker(self._table.list_contexts(), limit)

    def _move(self, now: float) -> None:
        self._second = now // 1
        self.seal()
        start = self._stamps.choose(now)
        if start != self._stamps.start:
            self._close(start)

    def _close(self, following: int) -> None:
        """Open the bucket *following*; the open one is spent, if it was used."""
        if self._bucket.is_used:
            self._closed.append(self._bucket)
            self._stamps.spend(self._bucket.start)
        self._stamps.move(following)
        self._bucket = Bucket(following)
        self._epoch = Epoch(self._bucket)

    def _make_idle_bucket(self, now: float) -> list[Bucket]:
        """Make the bucket for zeros of an interval in which nothing came.

        Source: datadog-agent, pkg/aggregator/time_sampler.go.
        """
        start = self._stamps.floor(now) - self._settings.interval_seconds
        if self._stamps.is_spent(start) or start >= self._stamps.start:
            return []
        self._stamps.spend(start)
        return [Bucket(start)]

    def _fold_until(self, seals: int) -> bool:
        return self._folds < seals and self.fold_some()

    def _take_refused(self) -> int:
        """Tell how many values found no room for a context since the last call."""
        before = self._told_refused
        self._told_refused = self._samples.refused["max_contexts"]
        return self._told_refused - before

    def _refuse(self, reason: str, values: int) -> None:
        self._samples.parsed += values
        self._samples.refused[reason] += values
