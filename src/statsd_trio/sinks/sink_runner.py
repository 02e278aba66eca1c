"""Makes a `Destination` of any sink: its own queue, its own counts, its own task."""

import logging
import math
import time
from collections.abc import Callable
from typing import Final

import trio

from statsd_trio.aggregation.snapshot import Snapshot, SnapshotPoints
from statsd_trio.counters import SinkCounters
from statsd_trio.errors import describe_os_error
from statsd_trio.ki import protect_from_ki
from statsd_trio.ledger import SinkLedger
from statsd_trio.sinks.sink import Sink, SinkError
from statsd_trio.sinks.snapshot_queue import Entry, SnapshotQueue

logger = logging.getLogger(__name__)

DEFAULT_MAX_SNAPSHOTS: Final = 8

# Failures that come faster than this share a line of the log.
_REPORT_SECONDS: Final = 5.0


class SinkRunner:
    """Hands snapshots to a sink one by one, oldest first.

    What the sink raises means that none of that snapshot arrived: it is counted as
    refused, by the name of the exception, and the next one is tried. A `SinkError`
    may say that a part of it arrived, or that nothing ever will again.
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
        self._queue = SnapshotQueue(
            max_snapshots, on_put=self._expect, on_evicted=self._evict
        )
        self._scope = trio.CancelScope()
        # Why nothing can be delivered any more.
        self._end_reason = ""
        # What failed since the last line of the log about it.
        self._unreported = 0
        self._last_failure = ""
        self._next_report = -math.inf

    def ledgers(self) -> tuple[SinkLedger, ...]:
        """Return what became of every point."""
        return (self._counters.freeze(),)

    def put_nowait(self, snapshot: Snapshot) -> None:
        """Queue *snapshot*, evicting and counting the oldest if there is no room."""
        self._queue.put_nowait(snapshot)
        if self._end_reason:
            self._refuse_queued()

    @protect_from_ki
    async def run(self) -> None:
        """Deliver what is queued to its end; what is left at a cancel is abandoned.

        It also ends when the sink says that it can never deliver again.
        """
        try:
            with self._scope:
                while not self._end_reason:
                    entry = await self._queue.take()
                    if entry is None:
                        break
                    await self._deliver(entry)
                    await self._queue.finish(entry)
        finally:
            self._abandon()

    async def join(self) -> None:
        """Wait until all that was put is delivered or refused."""
        await self._queue.join()

    def close(self, seconds: float) -> None:
        """Put nothing more; let `run` deliver the rest for *seconds* at most."""
        self._queue.close()
        self._scope.deadline = trio.current_time() + seconds

    def _expect(self, points: SnapshotPoints) -> None:
        self._counters.snapshotted += points.total
        self._counters.pending += points.total

    def _evict(self, points: SnapshotPoints) -> None:
        self._counters.pending -= points.total
        self._counters.evicted += points.total
        logger.warning(
            "%s: lost %d points in a snapshot: the sink is too slow",
            self._counters.name,
            points.total,
        )

    def _abandon(self) -> None:
        counters = self._counters
        if self._unreported:
            self._report(None)
        if counters.pending:
            logger.warning(
                "%s: abandoned %d points at stop", counters.name, counters.pending
            )
        counters.abandoned += counters.pending
        counters.pending = 0

    async def _deliver(self, entry: Entry) -> None:
        counters = self._counters
        points = entry.points.total
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
        points = self._queue.drop_nowait()
        self._counters.pending -= points
        self._counters.refused[self._end_reason] += points
