"""Deliver payloads to one endpoint with one key, however the intake behaves.

Every payload is in exactly one place: waiting in memory, in flight, or on its way to
the spool. In all of these it is ``pending``. When it leaves, it is added to exactly one
count of the ledger.

If a task is cancelled during its request, the request may have arrived. The payload is
doubtful from then on, and is counted as resent when it is sent again.
"""

import itertools
import logging
from collections.abc import Collection
from typing import Final

import trio

from statsd_trio.aggregation.snapshot import SnapshotPoints
from statsd_trio.ki import protect_from_ki
from statsd_trio.ledger import SinkLedger
from statsd_trio.sinks.delivery.answer import Answer
from statsd_trio.sinks.delivery.counts import DeliveryCounts
from statsd_trio.sinks.delivery.intake import Intake, IntakeKind
from statsd_trio.sinks.delivery.payload import Dropped, Payload, Route
from statsd_trio.sinks.delivery.payload_queue import WaitingPayloads
from statsd_trio.sinks.delivery.retry import Attempt, Outcome, compute_backoff
from statsd_trio.sinks.delivery.route_state import RouteState
from statsd_trio.sinks.delivery.schedule import Schedule
from statsd_trio.sinks.delivery.settings import DeliverySettings
from statsd_trio.sinks.delivery.spool import Spool
from statsd_trio.sinks.delivery.spooler import GRACE_SECONDS, Spooler
from statsd_trio.sinks.delivery.transaction import Transaction
from statsd_trio.sinks.stop_time import StopTime

logger = logging.getLogger(__name__)

# How much may wait for its first try while the intake is slow: several intervals of a
# hundred thousand series. Beyond that, the oldest payloads wait with the retries.
_NEW_BYTES: Final = 8 * 1024 * 1024

# Source: datadog-agent, forwarder_flush_to_disk_mem_ratio.
_KEPT_IN_MEMORY: Final = 0.5

# The part of the time for a stop that is kept for the spool.
_SPOOLING_PART: Final = 0.2

# An intake with this answer may lack the route altogether.
_UNKNOWN_ROUTE: Final = frozenset({404, 405, 501})


class Delivery:
    """The queues, circuits and counts of one endpoint and key.

    Attributes:
        name: the name in the ledger; it never contains the key.
        routes: where payloads are sent; those of other routes are not passed to it.
    """

    def __init__(
        self,
        name: str,
        intake: Intake,
        *,
        kind: IntakeKind,
        routes: Collection[Route] | None = None,
        is_additional: bool = False,
        settings: DeliverySettings,
        spool: Spool | None = None,
    ) -> None:
        self.name = name
        self.routes = frozenset(kind.routes if routes is None else routes)
        self._kind = kind
        self._intake = intake
        self._settings = settings
        self._counts = DeliveryCounts(
            name, kind, self.routes, is_additional=is_additional
        )
        used = [route for route in kind.routes if route in self.routes]
        self._waiting = WaitingPayloads(
            used, new_bytes=_NEW_BYTES, retry_bytes=settings.retry_queue_bytes
        )
        self._schedule = Schedule(
            [RouteState(route) for route in used],
            self._waiting,
            settings.max_concurrent_requests,
        )
        # Payloads that had their last try, or were interrupted by the end.
        self._left: list[Transaction] = []
        self._spooler = (
            Spooler(spool, self._counts.points, self._counts.losses) if spool else None
        )
        self._serial = itertools.count()
        self._changed = trio.lowlevel.ParkingLot()

    def ledger(self) -> SinkLedger:
        """Return what became of every point, and how the routes are doing."""
        states = self._schedule.states.values()
        ledger = self._counts.ledger(states, self._intake.key_state)
        return ledger if self._spooler is None else self._spooler.add_counts(ledger)

    def expect(self, points: SnapshotPoints) -> None:
        """Count a snapshot whose payloads will follow."""
        self._counts.expect(points)

    def evict(self, points: SnapshotPoints) -> None:
        """Count a snapshot that made room for others before it became payloads."""
        self._counts.evict_snapshot(points)

    def put_nowait(self, step: Payload | Dropped, time: int) -> None:
        """Queue a payload of the snapshot of *time*; older ones may have to make room.

        An item that does not fit into any payload is counted. Items for other routes
        are ignored.
        """
        if step.route not in self.routes:
            return
        if isinstance(step, Dropped):
            self._counts.drop(step)
            return
        transaction = Transaction(step, (time, next(self._serial)))
        self._schedule.push(transaction, trio.current_time())
        self._make_room()
        self._changed.unpark_all()

    @protect_from_ki
    async def run(self, stop: StopTime) -> None:
        """Send until every payload had a last try after `close`, or *stop* is over.

        What is left is spooled if there is a spool, and counted as abandoned otherwise.
        """
        part = 1.0
        if self._spooler is not None:
            self._spooler.stop, part = stop, 1.0 - _SPOOLING_PART
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._intake.run)
                nursery.start_soon(self._report)
                if self._spooler is not None:
                    nursery.start_soon(
                        self._spooler.run, self._schedule, self._changed.unpark_all
                    )
                with stop.limit(part=part):
                    await self._send_all()
                nursery.cancel_scope.cancel()
            # More may come from snapshots that are only encoded for the spool.
            with stop.limit(extra_seconds=GRACE_SECONDS, shield=True):
                while not self._schedule.is_last:
                    await self._changed.park()
        finally:
            self._left += self._waiting.take_all()
            if self._spooler is not None:
                with stop.limit(extra_seconds=GRACE_SECONDS, shield=True):
                    await self._spooler.store(  # noqa: ASYNC102 - it is shielded
                        self._left
                    )
            self._counts.abandon(len(self._left))
            self._log_losses()

    async def join(self) -> None:
        """Wait until everything is delivered, refused, or kept to be tried later."""
        while self._schedule.is_busy(trio.current_time()):
            await self._changed.park()

    def close(self) -> None:
        """End the delivery: `run` gives each payload one last try, and returns."""
        self._schedule.is_last = True
        self._changed.unpark_all()

    async def _send_all(self) -> None:
        async with trio.open_nursery() as requests:
            while not self._schedule.is_over:
                transaction = self._schedule.start_next(trio.current_time())
                if transaction is not None:
                    # This is done now, not when the task begins, so that there is only
                    # one probe at a time.
                    state = self._schedule.states[transaction.payload.route]
                    requests.start_soon(
                        self._send, transaction, state, state.circuit.start()
                    )
                    continue
                with trio.move_on_at(self._schedule.find_next_time()):
                    await self._changed.park()

    def _make_room(self) -> None:
        """Spool the payloads that memory has no room for, or count them as lost.

        The oldest half is spooled at once, so that there are few large files. If too
        much waits to be written already, the rest is lost, because memory is limited.
        """
        kept = _KEPT_IN_MEMORY
        while self._spooler is not None and not self._spooler.is_full:
            overflow = self._waiting.take_overflow(kept)
            if not overflow:
                break
            self._spooler.offer(overflow)
            kept = 1.0
        for evicted in self._waiting.take_overflow():
            self._counts.evict(evicted.payload, self._settings.retry_queue_bytes)

    @protect_from_ki
    async def _send(
        self, transaction: Transaction, state: RouteState, attempt: Attempt
    ) -> None:
        """Send once, and move the payload to where the answer says."""
        is_last = self._schedule.is_last
        try:
            answer = await self._intake.post(
                transaction.payload,
                transaction.order[0],
                self._settings.request_timeout_seconds,
            )
        except BaseException:
            # Cancelled during the request, which may therefore have arrived.
            state.circuit.cancel(attempt)
            transaction.doubt()
            self._left.append(transaction)
            raise
        finally:
            self._schedule.finish(state)
        if transaction.is_doubtful and (answer.status is not None or answer.is_lost):
            self._counts.points.resent += transaction.payload.points
        fraction = self._settings.choose_fraction()
        outcome = self._kind.classify(answer)
        if outcome is Outcome.RETRY:
            self._note_error(state, attempt, answer, fraction)
            if answer.is_lost:
                transaction.doubt()
            if is_last:
                self._left.append(transaction)
            else:
                self._keep(transaction, fraction)
        else:
            if state.note_answer(attempt, trio.current_time(), fraction):
                logger.info("%s: %s is answering again", self.name, state.route.value)
            self._count(state, transaction, answer, outcome)
        self._changed.unpark_all()
        if self._spooler is not None:
            self._spooler.wake()

    def _note_error(
        self, state: RouteState, attempt: Attempt, answer: Answer, fraction: float
    ) -> None:
        """Record an answer, or its absence, after which a payload is tried again."""
        now = trio.current_time()
        if state.note_error(
            attempt, answer, now, self._settings.wall_clock(), fraction
        ):
            hint = ""
            if answer.status in _UNKNOWN_ROUTE:
                word = state.route.word
                hint = f"; if it never takes {word}, leave them out of routes"
            logger.warning(
                "%s: %s; payloads are kept and tried again%s",
                self.name,
                state.describe(),
                hint,
            )

    def _keep(self, transaction: Transaction, fraction: float) -> None:
        """Keep *transaction*, which failed, for another try."""
        transaction.errors += 1
        pause = compute_backoff(transaction.errors, fraction)
        transaction.not_before = trio.current_time() + pause
        self._waiting.push(transaction)
        self._make_room()

    def _count(
        self,
        state: RouteState,
        transaction: Transaction,
        answer: Answer,
        outcome: Outcome,
    ) -> None:
        """Count *transaction*, which was accepted or refused."""
        if outcome is Outcome.DELIVERED:
            self._counts.deliver(transaction.payload, answer)
            state.note_accepted()
        else:
            self._counts.refuse(transaction.payload, answer)
            snapshot_time, _ = transaction.order
            state.note_refused(
                answer.describe(), snapshot_time, self._settings.wall_clock()
            )
        if self._spooler is not None:
            self._spooler.finish(transaction)

    @protect_from_ki
    async def _report(self) -> None:
        """Log the losses of each interval, until cancelled."""
        while True:
            await trio.sleep(self._settings.report_seconds)
            self._log_losses()
            for state in self._schedule.states.values():
                state.note_interval()

    def _log_losses(self) -> None:
        if self._spooler is not None:
            self._spooler.report()
        self._counts.losses.log()
