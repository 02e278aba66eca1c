"""Call a sink with each snapshot, and count the results."""

import logging
import math
import time
from collections.abc import Callable
from typing import Final

import trio

from statsd_trio.aggregation.snapshot import SnapshotPoints
from statsd_trio.counters import SinkCounters
from statsd_trio.errors import describe_os_error
from statsd_trio.ledger import SinkLedger
from statsd_trio.plural import describe_count
from statsd_trio.sinks.sink import Sink, SinkError
from statsd_trio.sinks.snapshot_queue import Entry, SnapshotQueue
from statsd_trio.sinks.stop_time import StopTime

logger = logging.getLogger(__name__)

# Failures that follow each other faster than this share a line in the log.
_REPORT_SECONDS: Final = 5.0


class SinkCaller:
    """A `Consumer` that calls a sink.

    If the sink raises, nothing of that snapshot was delivered: it is counted as
    refused, by the name of the exception, and the next one is tried. A `SinkError` may
    say that a part was delivered, or that nothing ever will be again.
    """

    def __init__(
        self, name: str, sink: Sink, *, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._sink = sink
        self._wall_clock = wall_clock
        self._counters = SinkCounters(name)
        # Why nothing can be delivered any more.
        self._end_reason = ""
        # What has failed since the last line in the log about it.
        self._unreported = 0
        self._last_failure = ""
        self._next_report = -math.inf

    def ledgers(self) -> tuple[SinkLedger, ...]:
        """Return what became of every point."""
        return (self._counters.freeze(),)

    def expect(self, points: SnapshotPoints) -> None:
        """Count a snapshot that was queued; after the end it is counted as refused."""
        self._counters.expect(points.total)
        if self._end_reason:
            self._counters.refuse(points.total, self._end_reason)

    def evict(self, points: SnapshotPoints) -> None:
        """Count a snapshot that made room for others."""
        self._counters.evict(points.total)
        logger.warning(
            "%s: lost %s in a snapshot: the sink is too slow",
            self._counters.name,
            describe_count(points.total, "point"),
        )

    async def run(self, queue: SnapshotQueue, stop: StopTime) -> None:
        """Call the sink until *queue* is closed and empty, or the sink has ended.

        What is left when *stop* is over is counted as abandoned.
        """
        try:
            with stop.limit():
                while not self._end_reason:
                    entry = await queue.take()
                    if entry is None:
                        break
                    await self._deliver(entry)
                    await queue.finish(entry)
        finally:
            self._count_rest(queue)

    async def join(self) -> None:
        """Return at once: what was taken out of the queue has been tried."""
        await trio.lowlevel.checkpoint()

    async def _deliver(self, entry: Entry) -> None:
        counters = self._counters
        points = entry.points.total
        try:
            await self._sink(entry.snapshot)
        except SinkError as error:
            delivered = min(error.delivered, points)
            counters.deliver(delivered)
            self._fail(points - delivered, error.reason, str(error), None)
            if error.is_final:
                self._end_reason = error.reason
        except OSError as error:
            failure = describe_os_error(error)
            self._fail(points, type(error).__name__, failure, None)
        # This is the only place that catches what somebody else's sink raises.
        except Exception as error:  # noqa: BLE001  (see above)
            name = type(error).__name__
            # The error's text may be private, so it is only in the log.
            self._fail(points, name, f"the sink raised {name}", error)
        else:
            counters.deliver(points)
            if points:
                counters.failing_since, counters.failure = None, ""

    def _fail(
        self, points: int, reason: str, failure: str, error: Exception | None
    ) -> None:
        """Count *points* as refused, and log *error* with its traceback, if given."""
        counters = self._counters
        counters.refuse(points, reason)
        if counters.failing_since is None:
            counters.failing_since = self._wall_clock()
        counters.failure = self._last_failure = failure
        self._unreported += points
        if trio.current_time() >= self._next_report:
            self._report(error)

    def _report(self, error: Exception | None) -> None:
        logger.error(
            "%s: %s; %s lost",
            self._counters.name,
            self._last_failure,
            describe_count(self._unreported, "point"),
            exc_info=error,
        )
        self._unreported = 0
        self._next_report = trio.current_time() + _REPORT_SECONDS

    def _count_rest(self, queue: SnapshotQueue) -> None:
        """Count what is left at the end."""
        counters = self._counters
        if self._unreported:
            self._report(None)
        left = counters.pending
        if self._end_reason:
            counters.refuse(left, self._end_reason)
            queue.end()
        elif left:
            logger.warning(
                "%s: abandoned %s at stop",
                counters.name,
                describe_count(left, "point"),
            )
            counters.abandon(left)
