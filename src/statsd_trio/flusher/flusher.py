"""Take a snapshot at the end of each interval, and queue it at every destination."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

import attrs
import trio

from statsd_trio.aggregation.context_table import TypeClash, TypeClashes
from statsd_trio.aggregation.snapshot import Series, Snapshot
from statsd_trio.aggregation.warnings import EngineFailure, MemoryFull, Warned
from statsd_trio.ki import protect_from_ki
from statsd_trio.pace import Pace
from statsd_trio.plural import describe_count
from statsd_trio.sinks.sink import Destination

logger = logging.getLogger(__name__)

# How far the wall clock may be behind Trio's clock at a wake-up and still be waited
# for. If it is further behind, the wall clock was set back, and whatever does not need
# a closed bucket is sent without waiting.
_MAX_LAG_SECONDS: Final = 1.0

_DROPPED: Final = {
    "context_memory": ("value", "of new contexts"),
    "set_memory": ("new string", "of sets"),
    "value_memory": ("value", "of histograms, timers and distributions"),
}

# The longest part of a name that is shown in the log.
_SHOWN_CHARACTERS: Final = 120


class SnapshotSource(Protocol):
    """Builds a snapshot one step at a time."""

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot; complete once `build` is finished."""
        ...

    @property
    def warnings(self) -> Sequence[Warned]:
        """The warnings about it; complete once `build` is finished."""
        ...

    def build(self) -> Iterator[None]:
        """Do the work; yields after each small step."""
        ...


class TakeSnapshot(Protocol):
    """Takes the closed buckets in constant time."""

    def __call__(self, *, include_open: bool, final: bool) -> SnapshotSource:
        """Take what is closed, and what is open if asked; *final* takes everything."""
        ...


class Flusher:
    """Takes a snapshot at the edge of each bucket, and passes it on."""

    def __init__(
        self,
        take_snapshot: TakeSnapshot,
        destinations: Sequence[Destination],
        *,
        interval_seconds: int,
        wall_clock: Callable[[], float],
        describe_self: Callable[[int], tuple[Series, ...]],
        report: Callable[[], None],
        pace: Pace,
        on_step: Callable[[], None] = lambda: None,
        on_snapshot: Callable[[Snapshot], None] = lambda _: None,
    ) -> None:
        """Connect the aggregator to the destinations.

        Args:
            describe_self: returns the server's own metrics for the time of a snapshot.
            report: called after each flush, to log what was rejected in the interval.
            pace: lets other tasks run while a snapshot is built.
            on_step: called after each step of building a snapshot and of freeing what
                the bucket held, and at the end.
            on_snapshot: called with each snapshot that is passed to the destinations.
        """
        self._take_snapshot = take_snapshot
        self._destinations = destinations
        self._interval_seconds = interval_seconds
        self._wall_clock = wall_clock
        self._describe_self = describe_self
        self._report = report
        self._pace = pace
        self._on_step = on_step
        self._on_snapshot = on_snapshot
        # Only one flush runs at a time, so that snapshots arrive in the order of their
        # buckets.
        self._lock = trio.Lock()
        self._flushed_at: float | None = None
        self._is_finished = False

    def measure_silence(self) -> float:
        """Return the seconds since the last flush, or since `run` began.

        0 before that.
        """
        if self._flushed_at is None:
            return 0.0
        return trio.current_time() - self._flushed_at

    @protect_from_ki
    async def run(self) -> None:
        """Flush at every edge of a bucket, until cancelled."""
        self._flushed_at = trio.current_time()
        while True:
            await self._wait_for_edge()
            await self.flush()

    async def flush(self, *, include_open: bool = False, final: bool = False) -> None:
        """Take a snapshot and queue it at every destination.

        Args:
            include_open: whether to send the open bucket too, as far as it may be sent
                early.
            final: whether to send everything; later calls do nothing.
        """
        # What was taken for a snapshot is no longer in any bucket, so a cancel must not
        # interrupt this.
        async with self._lock:
            await trio.lowlevel.checkpoint_if_cancelled()
            if self._is_finished:
                return
            self._is_finished = final
            with trio.CancelScope(shield=True):
                await self._take_and_queue(include_open, final)

    @protect_from_ki
    async def _take_and_queue(self, include_open: bool, final: bool) -> None:
        source = self._take_snapshot(include_open=include_open, final=final)
        self._pace.begin()
        await self._pace.run(self._build(source), is_shielded=True)
        snapshot = source.snapshot
        try:
            if final or not include_open:
                snapshot = _add_series(snapshot, self._describe_self(snapshot.time))
        finally:
            for destination in self._destinations:
                destination.put_nowait(snapshot)
        self._on_snapshot(snapshot)
        self._flushed_at = trio.current_time()
        self._on_step()
        self._report()
        for warning in source.warnings:
            _tell(warning)

    def _build(self, source: SnapshotSource) -> Iterator[None]:
        for _ in source.build():
            self._on_step()
            yield

    async def _wait_for_edge(self) -> None:
        now = self._wall_clock()
        edge = (now // self._interval_seconds + 1) * self._interval_seconds
        # Never sleep longer than an interval of Trio's clock: the wall clock may be set
        # meanwhile, so it must be checked again.
        await trio.sleep(edge - now)
        # ASYNC110 recommends an event, but nothing signals when the wall clock gets
        # there.
        while 0 < (lag := edge - self._wall_clock()) <= _MAX_LAG_SECONDS:  # noqa: ASYNC110
            await trio.sleep(lag)


def _add_series(snapshot: Snapshot, series: tuple[Series, ...]) -> Snapshot:
    points = snapshot.points.series + sum(len(each.points) for each in series)
    return attrs.evolve(
        snapshot,
        series=snapshot.series + series,
        starts=snapshot.starts.union(
            point.timestamp for one in series for point in one.points
        ),
        points=attrs.evolve(snapshot.points, series=points),
    )


def _tell(warning: Warned) -> None:
    if isinstance(warning, TypeClashes):
        logger.warning(
            "metrics arrived %s with another type than before; the two types are "
            "kept apart, as two series. The first: %s",
            describe_count(warning.count, "time"),
            ", ".join(map(_describe_clash, warning.first)),
        )
        return
    if isinstance(warning, EngineFailure):
        logger.warning(
            "the engine %r failed (%s); the plain engine has taken over. At "
            "most the packet in hand was lost. Please report it",
            warning.name,
            warning.message,
        )
        return
    if isinstance(warning, MemoryFull):
        logger.warning(
            "dropped %s: max_memory_bytes = %d is used up; most were dropped of: %s; "
            "most bytes of contexts: %s; tags with most values: %s",
            _list_dropped(warning.dropped),
            warning.limit,
            _list(warning.names),
            _list(warning.ranking.names),
            _list(warning.ranking.tag_keys),
        )
        return
    logger.warning(
        "dropped %s of new contexts: max_contexts = %d is used up; "
        "most contexts: %s; tags with most values: %s",
        describe_count(warning.dropped, "value"),
        warning.limit,
        _list(warning.ranking.names),
        _list(warning.ranking.tag_keys),
    )


def _describe_clash(clash: TypeClash) -> str:
    first, second = (metric_type.name.lower() for metric_type in clash.types)
    return f"{_show(clash.name)} both as {first} and as {second}"


def _list_dropped(dropped: Mapping[str, int]) -> str:
    shown: list[str] = []
    for reason, count in dropped.items():
        noun, of_what = _DROPPED[reason]
        shown.append(f"{describe_count(count, noun)} {of_what} ({reason})")
    return ", ".join(shown)


def _list(counts: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{_show(name)} {count}" for name, count in counts) or "none"


def _show(name: str) -> str:
    shown = repr(name[:_SHOWN_CHARACTERS])
    return shown if len(name) <= _SHOWN_CHARACTERS else f"{shown}..."
