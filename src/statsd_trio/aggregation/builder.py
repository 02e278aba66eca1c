"""Closed buckets in, one snapshot out, a slice at a time.

Builders of one aggregator run in the order they were taken: the sweep over the
contexts, which makes the zeros of idle counters and forgets what expired, is one
that goes on from where the last left the table.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from statsd_trio.aggregation.bucket import Bucket
from statsd_trio.aggregation.cells import Run
from statsd_trio.aggregation.context import (
    COUNTER,
    GAUGE,
    TIMER,
    Context,
    ContextTable,
    TypeClash,
)
from statsd_trio.aggregation.draft import (
    Draft,
    Points,
    describe_sketch,
    order_points,
)
from statsd_trio.aggregation.harvest import ContextsFull, Harvest
from statsd_trio.aggregation.ranking import ContextRanker
from statsd_trio.aggregation.settings import (
    AggregationSettings,
    parse_percentiles,
    select_aggregates,
)
from statsd_trio.aggregation.snapshot import (
    Point,
    SeriesType,
    SketchPoint,
    Snapshot,
)

# How many names and tag keys a warning names.
RANKED: Final = 5

# What it costs to turn 4096 different values into a sketch: 2.6 ms.
_CONDENSING: Final = 640

_FORGOTTEN: Final = Context(("", COUNTER, "", ()))


class SnapshotBuilder:
    """Builds one snapshot.

    Attributes:
        snapshot: once `step` has returned False.
        points: what `Snapshot.count_points` says, counted on the way.
        warnings: what an operator should be told, once `step` has returned False.
    """

    def __init__(
        self,
        settings: AggregationSettings,
        table: ContextTable,
        harvest: Harvest,
        *,
        settle: Callable[[Bucket, Run], None],
        read_now: Callable[[], float],
        read_start: Callable[[], int],
        take_refused: Callable[[], int],
        queue: "deque[SnapshotBuilder]",
    ) -> None:
        self._settings = settings
        self._interval = settings.interval_seconds
        is_rate = settings.counter_type == "rate"
        self._counter_type = SeriesType.RATE if is_rate else SeriesType.COUNT
        self._divisor = settings.interval_seconds if is_rate else 1
        # Shared by all idle counters of the one bucket that most snapshots have.
        self._zero: Points = tuple(Point(b.start, 0.0) for b in harvest.buckets)
        self._aggregates = select_aggregates(settings.histogram_aggregates)
        self._percentiles = parse_percentiles(settings.histogram_percentiles)
        self._suffixes = (
            *(f".{aggregate}" for aggregate in self._aggregates),
            *(f".{percentile}percentile" for percentile in self._percentiles),
        )
        self._table = table
        self._harvest = harvest
        self._settle = settle
        self._read_now = read_now
        self._read_start = read_start
        self._take_refused = take_refused
        self._buckets = harvest.buckets
        self._draft = Draft(settings.interval_seconds)
        self._queue = queue
        self._work = self._build()
        self.snapshot = Snapshot(harvest.time, self._interval)
        self.points = 0
        self.warnings: tuple[TypeClash | ContextsFull, ...] = tuple(harvest.clashes)
        self._is_done = False
        queue.append(self)

    def step(self) -> bool:
        """Do up to 1 ms of work; True while more remains."""
        if self._is_done:
            return False
        first = self._queue[0]
        if first is not self:
            first.step()
            return True
        if next(self._work, self) is None:
            return True
        self._is_done = True
        self._queue.popleft()
        return False

    def _build(self) -> Iterator[None]:
        harvest = self._harvest
        yield from self._settle_runs()
        yield from self._build_counters()
        yield from self._build_gauges()
        yield from self._build_sets()
        yield from self._build_histograms()
        yield from self._build_sketches()
        yield from self._sweep()
        yield from self._build_stamped()
        yield from self._rank_contexts()
        for bucket in harvest.buckets:
            yield from bucket.free()
        self.points = (
            self._draft.points + len(harvest.events) + len(harvest.service_checks)
        )
        self.snapshot = Snapshot(
            time=harvest.time,
            interval_seconds=self._interval,
            series=tuple(self._draft.series),
            sketches=tuple(self._draft.sketches),
            events=tuple(harvest.events),
            service_checks=tuple(harvest.service_checks),
        )
        self._draft = Draft(self._interval)

    def _settle_runs(self) -> Iterator[None]:
        for bucket in self._buckets:
            for runs in bucket.runs.values():
                for run in runs.values():
                    self._draft.cost += _weigh_settling(bucket, run)
                    if run.values:
                        self._settle(bucket, run)
                    if self._draft.is_due():
                        yield

    def _build_counters(self) -> Iterator[None]:
        for context in self._unite([bucket.counters for bucket in self._buckets]):
            if context is not None:
                self._add_counter(context)
            if self._draft.is_due():
                yield

    def _add_counter(self, context: Context) -> None:
        """Add the points of *context*, with zeros for buckets that it missed."""
        divisor = self._divisor
        stamped = self._harvest.stamped.pop(context, None)
        if stamped is None and len(self._buckets) == 1:
            bucket = self._buckets[0]
            total = bucket.counters.get(context)
            if total is not None:
                points: Points = (Point(bucket.start, total.value / divisor),)
            elif self._is_filled(context, bucket.start):
                points = self._zero
            else:
                return
            self._draft.add_series(context, self._counter_type, points)
            return
        totals: dict[int, float] = stamped or {}
        for bucket in self._buckets:
            total = bucket.counters.get(context)
            if total is not None:
                before = totals.get(bucket.start, 0.0)
                totals[bucket.start] = before + total.value
            elif self._is_filled(context, bucket.start):
                totals.setdefault(bucket.start, 0.0)
        if totals:
            rates = {start: total / divisor for start, total in totals.items()}
            self._draft.add_series(context, self._counter_type, order_points(rates))

    def _is_filled(self, context: Context, start: int) -> bool:
        """Tell whether an idle counter is sent as 0.

        Source: datadog-agent, pkg/aggregator/time_sampler.go; but not before its
        first sample, if that came after everything in this snapshot.
        """
        return (
            context.last_counted + self._settings.counter_expiry_seconds > start
            and context.opened <= self._buckets[-1].start
        )

    def _build_gauges(self) -> Iterator[None]:
        for context in self._unite([bucket.gauges for bucket in self._buckets]):
            if context is not None:
                self._add_gauge(context)
            if self._draft.is_due():
                yield

    def _add_gauge(self, context: Context) -> None:
        values = self._harvest.stamped.pop(context, {})
        for bucket in self._buckets:
            value = bucket.gauges.get(context)
            if value is not None:
                values[bucket.start] = value
        self._draft.add_series(context, SeriesType.GAUGE, order_points(values))

    def _build_sets(self) -> Iterator[None]:
        for context in self._unite([bucket.sets for bucket in self._buckets]):
            if context is not None:
                self._add_set(context)
            if self._draft.is_due():
                yield

    def _add_set(self, context: Context) -> None:
        self._draft.cost += 0.25
        sizes = [
            (bucket.start, len(bucket.sets[context].strings))
            for bucket in self._buckets
            if context in bucket.sets
        ]
        # None where there was no room for any.
        points = tuple([Point(start, float(size)) for start, size in sizes if size])
        if points:
            self._draft.add_series(context, SeriesType.GAUGE, points)

    def _build_histograms(self) -> Iterator[None]:
        for context in self._unite([bucket.histograms for bucket in self._buckets]):
            if context is not None:
                self._add_histogram(context)
            if self._draft.is_due():
                yield

    def _add_histogram(self, context: Context) -> None:
        self._draft.cost += 0.25
        starts: list[int] = []
        rows: list[list[float]] = []
        for bucket in self._buckets:
            histogram = bucket.histograms.get(context)
            if histogram is not None and histogram.count:
                self._draft.cost += 2 + histogram.kept / 20
                starts.append(bucket.start)
                rows.append(
                    histogram.summarise(
                        self._aggregates, self._percentiles, self._divisor
                    )
                )
        if not rows:
            return
        unit = "millisecond" if context.kind == TIMER else ""
        is_blocked = self._settings.is_blocked
        for suffix, *figures in zip(self._suffixes, *rows, strict=True):
            name = context.key[0] + suffix
            if is_blocked is None or not is_blocked(name):
                points = tuple(map(Point, starts, figures))
                # How many values there were is no figure of their dimension.
                if suffix == ".count":
                    self._draft.add_series(context, self._counter_type, points, name)
                else:
                    self._draft.add_series(
                        context, SeriesType.GAUGE, points, name, unit
                    )

    def _build_sketches(self) -> Iterator[None]:
        for context in self._unite([bucket.sketches for bucket in self._buckets]):
            if context is not None:
                self._add_sketch(context)
            if self._draft.is_due():
                yield

    def _add_sketch(self, context: Context) -> None:
        self._draft.cost += 0.25
        points: list[SketchPoint] = []
        for bucket in self._buckets:
            sketch = bucket.sketches.get(context)
            if sketch is not None and sketch.count:
                points.append(describe_sketch(sketch, bucket.start))
        if points:
            self._draft.add_sketch(context, tuple(points))

    def _sweep(self) -> Iterator[None]:
        """Send zeros for idle counters and forget what has expired.

        Contexts that come in meanwhile stand behind those that are looked at.
        """
        ordered = self._table.ordered
        end = len(ordered)
        kept = 0
        for index in range(end):
            context = ordered[index]
            self._heed_clock(context)
            if (
                context.kind == COUNTER
                and self._buckets
                and not self._is_in_bucket(context)
            ):
                self._add_counter(context)
            if self._is_expired(context):
                self._table.remove(context)
                # Freed now: a hundred thousand at the end would take 50 ms.
                ordered[index] = _FORGOTTEN
                self._draft.cost += 0.75
            else:
                ordered[kept] = context
                kept += 1
            self._draft.cost += 0.25
            if self._draft.is_due():
                yield
        del ordered[kept:end]
        self._table.shrink()

    def _heed_clock(self, context: Context) -> None:
        """Move what is in the future, since the clock went back, to now.

        Else a context would be kept until the clock is there again, and be sent as
        zeros all the time, or not before.
        """
        now = self._read_now()
        if context.last_seen > now:
            context.last_seen = now
            context.last_counted = min(context.last_counted, now)
        if context.opened > now + self._interval:
            context.opened = int(now) - self._interval

    def _is_in_bucket(self, context: Context) -> bool:
        return any(context in bucket.counters for bucket in self._buckets)

    def _is_expired(self, context: Context) -> bool:
        if context.filled == self._read_start():
            # However late its clock says it is: were it to come back, the open
            # bucket would hold it twice.
            return False
        now = self._harvest.now
        kept_seconds = self._settings.context_expiry_seconds
        return context.last_seen + kept_seconds < now and (
            context.kind != COUNTER
            or context.last_counted
            + kept_seconds
            + self._settings.counter_expiry_seconds
            < now
        )

    def _build_stamped(self) -> Iterator[None]:
        """Send what is stamped and stands in no bucket."""
        stamped = self._harvest.stamped
        while stamped:
            context = next(iter(stamped))
            if context.kind == GAUGE:
                self._add_gauge(context)
            else:
                self._add_counter(context)
            if self._draft.is_due():
                yield

    def _rank_contexts(self) -> Iterator[None]:
        refused = self._take_refused()
        if not refused:
            return
        ranker = ContextRanker(self._table.list_contexts(), RANKED)
        while ranker.step():
            yield
        self.warnings = (
            *self.warnings,
            ContextsFull(refused, self._settings.max_contexts, ranker.ranking),
        )

    def _unite(self, holders: list[Mapping[Context, Any]]) -> Iterator[Context | None]:
        """List every context of *holders* once; None for one that came before."""
        for index, holder in enumerate(holders):
            earlier = holders[:index]
            for context in holder:
                if any(context in other for other in earlier):
                    self._draft.cost += 0.25
                    yield None
                else:
                    yield context


def _weigh_settling(bucket: Bucket, run: Run) -> float:
    """Tell what settling *run* costs, in units of one simple series."""
    values = len(run.values)
    if not values:
        return 0.25
    histogram = bucket.histograms.get(run.context)
    is_condensing = histogram is not None and histogram.will_condense(values)
    return 1.5 + values / 32 + (_CONDENSING if is_condensing else 0)
