"""Samples in, one snapshot an interval out.

Two rules. What the hot path does costs two appends to a lane: text is turned into
numbers later, many at a time, and numbers into a snapshot a slice at a time. And no
bucket is sent twice: one that left, early or in time, is spent, and what comes for it
later goes to the next.

Time is what the caller last said it is (`Aggregator.advance`).
"""

from collections import deque
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Final

import attrs

from statsd_trio.aggregation.adder import Adder
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
from statsd_trio.aggregation.conversion import read_values
from statsd_trio.aggregation.folder import Report
from statsd_trio.aggregation.harvest import Harvest, Stamped
from statsd_trio.aggregation.openbucket import OpenBucket, Slot
from statsd_trio.aggregation.ranking import ContextRanker
from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.aggregation.stamps import Stamps
from statsd_trio.errors import ParseError
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


class Aggregator:
    """Aggregates as the Datadog Agent does.

    Whoever holds slots calls `advance` before using one, and forgets them all when
    `generation` has changed.
    """

    def __init__(
        self,
        settings: AggregationSettings,
        samples: SampleCounters,
        contexts: ContextCounters,
        report: Report,
        *,
        started: float = 0.0,
    ) -> None:
        """Open the first bucket.

        Args:
            settings: what an operator may choose.
            samples: counts of values.
            contexts: counts of contexts.
            report: is told of lines that are found bad after they were counted.
            started: unix time; the first bucket starts with that second, and all
                others on whole intervals.
        """
        self._settings = settings
        self._samples = samples
        self._report = report
        self._adder = Adder(samples, max_bin_count=settings.max_bin_count)
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
        self._stamps = Stamps(settings.interval_seconds, started)
        self._now = 0.0
        self._second = 0.0
        self._open = OpenBucket(self._stamps.start, self._adder, report)
        self._closed: list[Bucket] = []
        self._stamped: Stamped = {}
        self._stamped_points = 0
        self._events: list[Event] = []
        self._service_checks: list[ServiceCheck] = []
        self._told_refused = 0
        self._builders: deque[SnapshotBuilder] = deque()

    @property
    def generation(self) -> int:
        """What goes up whenever the slots handed out are dead."""
        return self._open.generation

    def advance(self, now: float) -> None:
        """Move to the bucket of *now*.

        Slots die at each whole second, so that no context seems idle for longer than
        it is.
        """
        if not 0 <= now - self._second < 1:
            self._move(now)
        self._now = now

    def seal(self) -> None:
        """Fold what waits; every slot handed out is dead."""
        self._open.seal()

    def open_context(self, sample: Sample) -> Context | None:
        """Find or make the context of *sample*.

        None, and its values counted as refused, where the table is full.
        """
        known = len(self._table)
        context = self._table.find(sample, self._stamps.start)
        if context is None:
            self._refuse("max_contexts", len(sample.values))
        elif len(self._table) != known:
            self._heed_rival(context)
        return context

    def put(
        self,
        context: Context,
        sample_rate: float,
        raw: bytes,
        values: Sequence[float] | Sequence[str],
    ) -> Slot | None:
        """Take one value, and tell where more of the same text may go.

        A *context* that has expired meanwhile comes back, or stands for the one that
        took its place; where the table is full, the value is counted as refused.

        Args:
            raw: as it was sent.
            values: what `read_values` made of it, which had to drop none.

        Returns:
            None where the next one must be put as well.
        """
        if context.opened == GONE:
            live = self._revive(context)
            if live is None:
                self._refuse("max_contexts", len(values))
                return None
            context = live
        return self._open.put(context, sample_rate, raw, values, self._now)

    def insert(self, sample: Sample) -> None:
        """Add a sample by value; one with a timestamp bypasses the buckets.

        Whoever made it may have put anything into it: what is no value of its type is
        dropped or reported as if it had been a line's.
        """
        kind = KINDS[sample.type]
        if kind != SET and not _are_numbers(sample.values):
            raw = b":".join([repr(value).encode() for value in sample.values])
            try:
                values, dropped = read_values(kind, raw)
            except ParseError as error:
                self._report.late_rejection(sample.name, error.reason, 1, raw)
                return
            sample = attrs.evolve(
                sample, values=values, dropped=sample.dropped + dropped
            )
        self._adder.drop(sample.dropped)
        if sample.timestamp is not None:
            self._insert_stamped(sample, sample.timestamp)
        elif context := self.open_context(sample):
            if kind == SET:
                self._insert_strings(context, sample)
            else:
                self._open.add(context, sample.sample_rate, sample.values, self._now)

    def _insert_strings(self, context: Context, sample: Sample) -> None:
        for value in sample.values:
            raw = str(value).encode(errors="surrogatepass")
            try:
                values, _ = read_values(SET, raw)
            except ParseError as error:
                self._report.late_rejection(sample.name, error.reason, 1, raw)
            else:
                self._open.add(context, sample.sample_rate, values, self._now)

    def _revive(self, context: Context) -> Context | None:
        known = len(self._table)
        live = self._table.revive(context, self._stamps.start)
        if live is not None and len(self._table) != known:
            self._heed_rival(live)
        return live

    def _heed_rival(self, context: Context) -> None:
        # From now on both go where it is seen which of them came first.
        if context.is_contested:
            self.seal()

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
                self._open.bucket.is_used = True
                self._adder.copy_to_sketch(
                    self._open.bucket, context, values, sample.sample_rate
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
        """Fold a slice of what waits; True while more may remain."""
        return self._open.fold_some()

    def fold(self) -> None:
        """Fold all that waits, at once."""
        self._open.fold()

    def take_snapshot(
        self, *, now: float, include_open: bool, final: bool = False
    ) -> SnapshotBuilder:
        """Detach what is closed; with *include_open*, the open bucket too.

        The open one only if *now* lies in it, or later: what was put into the next
        one by an early flush waits there, unless *final*. Then it is sent with the
        present second, for its own has not come.
        """
        self._move(now)
        self._now = now
        stamps = self._stamps
        if self._open.bucket.is_used and (
            final or (include_open and stamps.start <= now)
        ):
            bucket = self._open.bucket
            if bucket.start > now:
                # The server that comes next would fill the same interval.
                bucket.start = stamps.find_second(now)
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
            settle=self._adder.settle,
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
        bucket = self._open.bucket
        if bucket.is_used:
            self._closed.append(bucket)
            self._stamps.spend(bucket.start)
        self._stamps.move(following)
        self._open.bucket = Bucket(following)

    def _make_idle_bucket(self, now: float) -> list[Bucket]:
        """Make the bucket for zeros of an interval in which nothing came.

        Source: datadog-agent, pkg/aggregator/time_sampler.go.
        """
        start = self._stamps.floor(now) - self._settings.interval_seconds
        if self._stamps.is_spent(start) or start >= self._stamps.start:
            return []
        self._stamps.spend(start)
        return [Bucket(start)]

    def _take_refused(self) -> int:
        """Tell how many values found no room for a context since the last call."""
        before = self._told_refused
        self._told_refused = self._samples.refused["max_contexts"]
        return self._told_refused - before

    def _refuse(self, reason: str, values: int) -> None:
        self._samples.parsed += values
        self._samples.refused[reason] += values


def _are_numbers(values: Sequence[object]) -> bool:
    try:
        return bool(values) and all(
            isinstance(value, (int, float)) and isfinite(value) for value in values
        )
    except OverflowError:  # an integer that is no float
        return False
