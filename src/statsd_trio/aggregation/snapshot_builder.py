"""Build a snapshot from closed buckets, one small step at a time.

A builder walks through the buckets type by type, and then through the contexts of the
table, where it adds zeros for idle counters and removes contexts that have expired. The
points with their own timestamps come last, because their contexts are in no bucket.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

import attrs

from statsd_trio.aggregation.context_table import ContextTable
from statsd_trio.aggregation.dropped_values import DroppedValues
from statsd_trio.aggregation.expiry import Expiry
from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.aggregation.snapshot import Point, SeriesType, Snapshot
from statsd_trio.aggregation.snapshot_contents import SnapshotContents
from statsd_trio.aggregation.timestamped_points import PointsByContext
from statsd_trio.aggregation.warnings import (
    EngineFailure,
    Warned,
    find_warnings,
)
from statsd_trio.engine.context import COUNTER, GAUGE, TIMER, Context
from statsd_trio.engine.deferred_free import DeferredFree
from statsd_trio.engine.engine import ClosedBucket, Engine, EngineError
from statsd_trio.protocol.messages import Event, ServiceCheck

# How many contexts one step handles: 0.1 to 0.3 ms.
STEP_CONTEXTS: Final = 64

# How many entries one step frees, or how many idle contexts it checks: 0.1 ms.
_STEP_ENTRIES: Final = 256

_T = TypeVar("_T")
_Take = Callable[[ClosedBucket], Sequence[tuple[Context, int, _T]]]

_FORGOTTEN: Final = Context(("", COUNTER, "", ()))


@attrs.frozen(kw_only=True)
class SnapshotParts:
    """The parts of one snapshot, taken out of the aggregator.

    Attributes:
        number: the number of the snapshot, counted from 1.
        time: the time of the snapshot.
        now: when it was taken.
        buckets: closed buckets with the second in which each starts, ascending.
        idle: the start of an interval without samples, if there are no buckets.
        timestamped: points with their own timestamps.
        dropped: what was dropped for lack of room since the last snapshot.
    """

    number: int
    time: int
    now: float
    buckets: Sequence[tuple[int, ClosedBucket]]
    idle: int | None
    timestamped: PointsByContext
    events: Sequence[Event]
    service_checks: Sequence[ServiceCheck]
    dropped: DroppedValues
    warnings: Sequence[Warned]


class SnapshotBuilder:
    """Builds one snapshot; only one builder at a time may work on a table.

    Attributes:
        snapshot: complete once `build` has finished.
        warnings: what an operator should know, complete at the same time.
    """

    def __init__(
        self,
        settings: AggregationSettings,
        table: ContextTable,
        engine: Engine,
        parts: SnapshotParts,
        read_now: Callable[[], float],
    ) -> None:
        """Prepare to build.

        Args:
            read_now: returns the current time, which advances meanwhile.
        """
        self._settings = settings
        self._interval = settings.interval_seconds
        is_rate = settings.counter_type == "rate"
        self._count_type = SeriesType.RATE if is_rate else SeriesType.COUNT
        self._table = table
        self._engine = engine
        self._parts = parts
        self._buckets = parts.buckets
        self._starts = [start for start, _ in parts.buckets]
        if parts.idle is not None:
            self._starts.append(parts.idle)
        self._read_now = read_now
        self._contents = SnapshotContents(parts.number, self._interval)
        self._expiry = Expiry(settings, parts.now)
        self._garbage = DeferredFree()
        self.snapshot = Snapshot(parts.time, self._interval)
        self.warnings: tuple[Warned, ...] = tuple(parts.warnings)

    def build(self) -> Iterator[None]:
        """Do the work; yields after each step of about 0.3 ms."""
        yield from self._build_counters()
        yield from self._build_gauges()
        yield from self._build_sets()
        yield from self._build_histograms()
        yield from self._build_sketches()
        yield from self._sweep()
        yield from self._build_timestamped()
        dropped = self._parts.dropped
        found = yield from find_warnings(dropped, self._table, self._settings)
        self.warnings = (*self.warnings, *found)
        yield from self._free()
        # A name for it before this point would keep the buckets from being freed.
        parts = self._parts
        self.snapshot = self._contents.make_snapshot(
            parts.time, self._starts, parts.events, parts.service_checks
        )

    def _build_counters(self) -> Iterator[None]:
        for contexts in self._walk(lambda b: b.take_counters(STEP_CONTEXTS)):
            for context, totals in contexts:
                self._add_counter(context, totals)
            yield

    def _build_gauges(self) -> Iterator[None]:
        for contexts in self._walk(lambda b: b.take_gauges(STEP_CONTEXTS)):
            for context, values in contexts:
                self._add_gauge(context, values)
            yield

    def _build_sets(self) -> Iterator[None]:
        for contexts in self._walk(lambda b: b.take_sets(STEP_CONTEXTS)):
            for context, sizes in contexts:
                # It is 0 if there was no room for any value.
                points = tuple([Point(start, float(n)) for start, n in sizes if n])
                self._contents.add_series(context, SeriesType.GAUGE, points)
            yield

    def _build_histograms(self) -> Iterator[None]:
        suffixes = tuple(f".{figure}" for figure in self._settings.figures)
        for contexts in self._walk(lambda b: b.take_histograms(STEP_CONTEXTS)):
            for context, rows in contexts:
                self._add_histogram(context, rows, suffixes)
            yield

    def _build_sketches(self) -> Iterator[None]:
        for contexts in self._walk(lambda b: b.take_sketches(STEP_CONTEXTS)):
            for context, sketches in contexts:
                self._contents.add_sketch(context, sketches)
            yield

    def _walk(
        self, take: _Take[_T]
    ) -> Iterator[Iterable[tuple[Context, Sequence[tuple[int, _T]]]]]:
        """Take contexts of one type out of every bucket, a few at a time.

        Each context is returned once, with its data by the start of the bucket.
        """
        if len(self._buckets) == 1:
            ((start, bucket),) = self._buckets
            while taken := self._take(bucket, take):
                yield [(context, [(start, held)]) for context, held in taken]
            return
        merged: dict[Context, list[tuple[int, _T]]] = {}
        for start, bucket in self._buckets:
            while taken := self._take(bucket, take):
                for context, held in taken:
                    merged.setdefault(context, []).append((start, held))
                yield ()
        united = iter(merged.items())
        while contexts := list(islice(united, STEP_CONTEXTS)):
            yield contexts
        self._garbage.add(merged)

    def _take(self, bucket: ClosedBucket, take: _Take[_T]) -> list[tuple[Context, _T]]:
        """Take some contexts out of *bucket*, and note when they were last used."""
        try:
            taken = take(bucket)
        except EngineError as failure:
            self.warnings = (
                *self.warnings,
                EngineFailure(self._engine.name, f"{failure}, in a closed bucket"),
            )
            return []
        for context, seen, _ in taken:
            context.last_seen = max(context.last_seen, seen)
            if context.kind == COUNTER:
                context.last_counted = max(context.last_counted, seen)
        return [(context, held) for context, _, held in taken]

    def _add_counter(
        self, context: Context, totals: Sequence[tuple[int, float]]
    ) -> None:
        """Add the points of *context*, with zeros for buckets without samples."""
        timestamped = self._parts.timestamped.pop(context, None)
        if timestamped is None and len(totals) == len(self._starts):
            values: Iterable[tuple[int, float]] = totals
        else:
            added = timestamped or {}
            for start, total in totals:
                added[start] = added.get(start, 0.0) + total
            # There are no zeros before its first sample, if that came after all of
            # these buckets.
            if self._starts and context.opened <= self._starts[-1]:
                for start in self._starts:
                    if self._expiry.is_filled(context, start):
                        added.setdefault(start, 0.0)
            values = sorted(added.items())
        divisor = self._settings.count_divisor
        self._contents.add_series(
            context,
            self._count_type,
            tuple([Point(start, total / divisor) for start, total in values]),
        )

    def _add_gauge(self, context: Context, values: Sequence[tuple[int, float]]) -> None:
        timestamped = self._parts.timestamped.pop(context, None)
        if timestamped is not None:
            timestamped.update(values)
            values = sorted(timestamped.items())
        points = tuple([Point(start, value) for start, value in values])
        self._contents.add_series(context, SeriesType.GAUGE, points)

    def _add_histogram(
        self,
        context: Context,
        rows: Sequence[tuple[int, Sequence[float]]],
        suffixes: tuple[str, ...],
    ) -> None:
        # A row is empty if no value could be kept.
        starts = [start for start, row in rows if row]
        if not starts:
            return
        unit = "millisecond" if context.kind == TIMER else ""
        is_blocked = self._settings.is_blocked
        columns = zip(*[row for _, row in rows if row], strict=True)
        for suffix, figures in zip(suffixes, columns, strict=True):
            name = context.key[0] + suffix
            if is_blocked is None or not is_blocked(name):
                points = tuple(map(Point, starts, figures))
                # The number of values does not have the unit of the values.
                is_count = suffix == ".count"
                self._contents.add_series(
                    context,
                    self._count_type if is_count else SeriesType.GAUGE,
                    points,
                    name,
                    "" if is_count else unit,
                    is_aggregate=True,
                )

    def _sweep(self) -> Iterator[None]:
        """Add zeros for idle counters, and remove contexts that have expired.

        Contexts added meanwhile are behind those that are checked here.
        """
        number = self._parts.number
        ordered = self._table.ordered
        end = len(ordered)
        kept = 0
        for index in range(end):
            context = ordered[index]
            self._expiry.heed_clock(context, self._read_now())
            if context.kind == COUNTER and context.last_sent != number and self._starts:
                self._add_counter(context, ())
            # If a context with values in the open bucket were removed and added again,
            # they would be sent twice; and a context that is copied needs its copy.
            if self._expiry.is_expired(context) and not (
                self._engine.is_filled(context) or context.copied_from
            ):
                self._table.remove(context)
                self._engine.forget(context)
                if context.own_values is not None:
                    self._engine.forget(context.own_values)
                # Freed now, because freeing a hundred thousand at the end would take 50
                # ms.
                ordered[index] = _FORGOTTEN
            else:
                ordered[kept] = context
                kept += 1
            if index % STEP_CONTEXTS == 0:
                yield
        del ordered[kept:end]
        self._table.shrink()

    def _build_timestamped(self) -> Iterator[None]:
        """Add the points with their own timestamps, which are in no bucket."""
        timestamped = self._parts.timestamped
        while timestamped:
            for context in list(islice(timestamped, STEP_CONTEXTS)):
                if context.kind == GAUGE:
                    self._add_gauge(context, ())
                else:
                    self._add_counter(context, ())
            yield

    def _free(self) -> Iterator[None]:
        yield from self._free_buckets()
        while self._garbage.free(_STEP_ENTRIES) or self._engine.tidy():
            yield

    def _free_buckets(self) -> Iterator[None]:
        """Free the closed buckets, and then release them.

        As long as there is a closed bucket, the engine keeps every context that it may
        contain.
        """
        for _, bucket in self._buckets:
            while bucket.free(_STEP_ENTRIES):
                yield
        self._buckets = ()
        self._parts = attrs.evolve(self._parts, buckets=())
