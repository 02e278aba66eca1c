"""Makes a `Destination` of any sink: its own queue, its own counts, its own task."""

import logging
import math
import time
from collections.abc import Callable
from typing import Final

import trio

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.errors import describe_os_error
from statsd_trio.ledger import SinkCounters, SinkLedger
from statsd_trio.sinks.backlog import Backlog, Entry
from statsd_trio.sinks.sink import Sink, SinkError

logger = logging.getLogger(__name__)

DEFAULT_MAX_SNAPSHOTS: Final = 8

# Failures that come faster than this share a line of the log.
_REPORT_SECONDS: Final = 5.0


class Outlet:
    """Hands snapshots to a sink one by one, oldest first.

    What the sink raises means that none of that snapshot arrived: it is counted as
    refused, by the name of the exception, and the next one is tried. A `SinkError`
    may say that a part of it arrived, or that nothing ever will again. A snapshot
    whose call was cancelled is handed over once more by `finish`, and counts as
    resent.
    """

    def __init__(
        self,
        name: str,
        sink: Sink,
        *,
        max_snapshots: int = DEFAULT_MAX_SNAPSHOTS,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._sink = sink
        self._wall_clock = wall_clock
        self._counters = SinkCounters(name)
        self._backlog = Backlog(
            max_snapshots, on_counted=self._expect, on_evicted=self._evict
        )
        self._current: Entry | None = None
        self._is_finishing = False
        # Why nothing can be delivered any more.
        self._end_reason = ""
        # What failed since the last line of the log about it.
        self._unreported = 0
        self._last_failure = ""
        self._next_report = -math.inf
        self._working = trio.Lock()
        self._changed = trio.lowlevel.ParkingLot()

    def ledgers(self) -> tuple[SinkLedger, ...]:
        """Tell what became of every point."""
        self._backlog.count_nowait()
        return (self._counters.freeze(),)

    def put_nowait(self, snapshot: Snapshot) -> None:
        """Queue *snapshot*, evicting and counting the oldest if there is no room."""
        self._backlog.put_nowait(snapshot)
        if self._end_reason:
            self._refuse_queued()
        self._changed.unpark_all()

    async def run(self) -> None:
        """Deliver what is queued, until cancelled or all of `finish` is done.

        It also ends when the sink says that it can never deliver again.
        """
        await self._work()

    async def settle(self) -> None:
        """Wait until all that was put is delivered or refused."""
        while self._has_work():
            await self._changed.park()

    async def finish(self) -> None:
        """Deliver all that is queued; works beside `run` and without it."""
        self._is_finishing = True
        self._changed.unpark_all()
        await self._work()

    async def abandon(self) -> None:
        """Count what is left as abandoned."""
        self._backlog.count_nowait()
        counters = self._counters
        if self._unreported:
            self._report(None)
        if counters.pending:
            logger.warning(
                "%s: abandoned %d points at stop", counters.name, counters.pending
            )
        counters.abandoned += counters.pending
        counters.pending = 0

    def _expect(self, points: int) -> None:
        self._counters.snapshotted += points
        self._counters.pending += points

    def _evict(self, points: int) -> None:
        self._counters.pending -= points
        self._counters.evicted += points
        logger.warning(
            "%s: lost %d points in a snapshot: the sink is too slow",
            self._counters.name,
            points,
        )

    def _has_work(self) -> bool:
        return bool(self._backlog) or self._current is not None

    async def _work(self) -> None:
        """Do the work, or wait for whoever does it and go on where it was cut off."""
        async with self._working:
            if self._current is not None:
                # Its call was cancelled, so that some of it may have arrived.
                self._counters.resent += self._current.points or 0
                await self._deliver(self._current)
            while not self._end_reason and (not self._is_finishing or self._backlog):
                if not self._backlog:
                    await self._changed.park()
                    continue
                self._current = await self._backlog.take()
                await self._deliver(self._current)

    async def _deliver(self, entry: Entry) -> None:
        counters = self._counters
        points = entry.points or 0
        try:
            await self._sink(entry.snapshot)
        except SinkError as error:
            delivered = min(error.delivered, points)
            counters.delivered += delivered
            self._fail(points - delivered, error.reason, str(error), None)
            if error.is_final:
                self._end_reason = error.reason
                self._refuse_queued()
        except OSError as error:
            failure = describe_os_error(error)
            self._fail(points, type(error).__name__, failure, None)
        # The one place that takes what somebody else's sink raises.
        except Exception as error:  # noqa: BLE001  (see above)
            name = type(error).__name__
            # Its words may hold what nobody else should read; the log has them.
            self._fail(points, name, f"the sink raised {name}", error)
        else:
            counters.delivered += points
            if points:
                counters.failing_since, counters.failure = None, ""
        counters.pending -= points
        self._current = None
        self._changed.unpark_all()
        await entry.release()

    def _fail(
        self, points: int, reason: str, failure: str, error: Exception | None
    ) -> None:
        """Count *points* as refused, and log *error* with its traceback, if given."""
        counters = self._counters
        counters.refused[reason] += points
        if counters.failing_since is None:
            counters.failing_since = self._wall_clock()
        counters.failure = self._last_failure = failure
        self._unreported += points
        if trio.current_time() >= self._next_report:
            self._report(error)

    def _report(self, error: Exception | None) -> None:
        logger.error(
            "%s: %s; %d points are lost",
            self._counters.name,
            self._last_failure,
            self._unreported,
            exc_info=error,
        )
        self._unreported = 0
        self._next_report = trio.current_time() + _REPORT_SECONDS

    def _refuse_queued(self) -> None:
        points = self._backlog.drop_nowait()
        self._counters.pending -= points
        self._counters.refused[self._end_reason] += points
