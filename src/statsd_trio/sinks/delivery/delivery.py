"""Delivers payloads to one endpoint with one key, however the intake behaves.

Every payload is in exactly one place: waiting in memory, in flight, or on its way to
the spool. All of these are ``pending``. It leaves for exactly one count of the ledger.

Each route has a circuit, which says when a request may start, and may always have one
request under way, so that none delays another. Beyond that the most important route
goes first, and of its payloads the newest, so that what is recent is seen while an
outage is worked off.

A request that was under way when its task was cancelled may have arrived, so its
payload is doubtful from then on, and counts as resent when it is sent again.
"""

import itertools
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Final, Protocol

import attrs
import trio

from statsd_trio.aggregation.snapshot import SnapshotPoints
from statsd_trio.counters import SinkCounters
from statsd_trio.ki import protect_from_ki
from statsd_trio.ledger import SinkLedger
from statsd_trio.sinks.delivery.intake_kind import IntakeKind
from statsd_trio.sinks.delivery.losses import LossReport
from statsd_trio.sinks.delivery.payload import Dropped, Fault, Payload, Route
from statsd_trio.sinks.delivery.payload_queue import WaitingPayloads
from statsd_trio.sinks.delivery.requests import Answer
from statsd_trio.sinks.delivery.retry import (
    Attempt,
    Outcome,
    compute_backoff,
)
from statsd_trio.sinks.delivery.route_state import RouteState
from statsd_trio.sinks.delivery.spooler import GRACE_SECONDS, Spool, Spooler
from statsd_trio.sinks.delivery.transaction import Transaction
from statsd_trio.sinks.stop_time import StopTime

logger = logging.getLogger(__name__)

# What may wait for its first try while the intake is slow: several intervals of a
# hundred thousand series. Beyond it, the oldest wait with the retries.
_NEW_BYTES: Final = 8 * 1024 * 1024

# Source: datadog-agent, forwarder_flush_to_disk_mem_ratio.
_KEPT_IN_MEMORY: Final = 0.5

# At a stop, so much of the time is kept for the spool.
_SPOOLING_PART: Final = 0.2

_WARNING_SECONDS: Final = 10.0

# An intake that answers so may have no such route at all.
_UNKNOWN_ROUTE: Final = frozenset({404, 405, 501})


class Intake(Protocol):
    """Where payloads are sent: an endpoint, with the key that it asks for, if any."""

    @property
    def key_state(self) -> str:
        """Whether the key is ``valid``; "" where there is no key."""
        ...

    def post(
        self, payload: Payload, snapshot_time: int, timeout_seconds: float
    ) -> Awaitable[Answer]:
        """Send *payload*, a part of the snapshot of *snapshot_time*."""
        ...

    async def run(self) -> None:
        """Do what is to be done beside sending, until cancelled."""
        ...


class Delivery:
    """The queues, the circuits and the counts of one endpoint and key.

    Attributes:
        name: as in the ledger; never holds the key.
        routes: where payloads go; those of others are not handed over.
    """

    def __init__(
        self,
        name: str,
        intake: Intake,
        *,
        kind: IntakeKind,
        routes: Collection[Route] | None = None,
        is_additional: bool = False,
        max_concurrent_requests: int,
        request_timeout_seconds: float,
        retry_queue_bytes: int,
        report_seconds: float = 10.0,
        choose_fraction: Callable[[], float] = random.random,
        wall_clock: Callable[[], float] = time.time,
        spool: Spool | None = None,
    ) -> None:
        self.name = name
        self.routes = frozenset(kind.routes if routes is None else routes)
        self._kind = kind
        self._intake = intake
        self._max_concurrent_requests = max_concurrent_requests
        self._request_timeout_seconds = request_timeout_seconds
        self._retry_queue_bytes = retry_queue_bytes
        self._report_seconds = report_seconds
        self._choose_fraction = choose_fraction
        self._wall_clock = wall_clock
        self._counters = SinkCounters(name, is_additional=is_additional)
        self._losses = LossReport(name)
        # The most important first.
        self._states = {
            route: RouteState(route) for route in kind.routes if route in self.routes
        }
        self._waiting = WaitingPayloads(
            self._states, new_bytes=_NEW_BYTES, retry_bytes=retry_queue_bytes
        )
        # What had its last try, or was cut off by the end.
        self._left: list[Transaction] = []
        self._spooler: Spooler | None = None
        if spool is not None:
            self._spooler = Spooler(spool, self._counters, self._losses)
        self._in_flight = 0
        self._serial = itertools.count()
        self._is_closed = False
        self._changed = trio.lowlevel.ParkingLot()

    def ledger(self) -> SinkLedger:
        """Return what became of every point, and how the routes do."""
        states = self._states.values()
        failing = [one for one in states if one.failing_since is not None]
        if any(one.works for one in states):
            failing = [one for one in failing if one.route.carries_metrics]
        worst = min(failing, key=lambda one: one.failing_since or 0.0, default=None)
        ledger = attrs.evolve(
            self._counters.freeze(),
            api_key=self._intake.key_state,
            failing_since=None if worst is None else worst.failing_since,
            failure="" if worst is None else worst.describe(),
            routes=tuple(state.freeze() for state in states),
        )
        return ledger if self._spooler is None else self._spooler.add_counts(ledger)

    def expect(self, points: SnapshotPoints) -> None:
        """Count a snapshot whose payloads will follow."""
        self._counters.expect(self._count_taken(points))
        self._counters.switched_off += sum(
            self._kind.count_points(points, route)
            for route in self._kind.routes
            if route not in self.routes
        )

    def evict(self, points: SnapshotPoints) -> None:
        """Count a snapshot that had to make room before it became payloads."""
        taken = self._count_taken(points)
        self._evict("evicted before they could be encoded", taken)

    def put_nowait(self, step: Payload | Dropped, time: int) -> None:
        """Queue a payload of the snapshot of *time*; older ones may have to go.

        An item that no payload could hold is counted. What belongs to another route
        is left out.
        """
        if step.route not in self.routes:
            return
        if isinstance(step, Dropped):
            self._drop(step)
            return
        transaction = Transaction(step, (time, next(self._serial)))
        circuit = self._states[step.route].circuit
        if circuit.is_blocked(trio.current_time()) and not self._is_closed:
            self._waiting.push(transaction)
        else:
            self._waiting.push_new(transaction)
        self._make_room()
        self._changed.unpark_all()

    @protect_from_ki
    async def run(self, stop: StopTime) -> None:
        """Send until all had a last try after `close`, or *stop* has no time left.

        What is left is spooled if there is a spool, and abandoned otherwise.
        """
        part = 1.0
        if self._spooler is not None:
            self._spooler.stop = stop
            part -= _SPOOLING_PART
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._intake.run)
                nursery.start_soon(self._report)
                if self._spooler is not None:
                    nursery.start_soon(self._spool, self._spooler)
                with stop.limit(part=part):
                    await self._send_all()
                nursery.cancel_scope.cancel()
            # More may come of snapshots that are encoded for the spool alone.
            with stop.limit(extra_seconds=GRACE_SECONDS, shield=True):
                while not self._is_closed:
                    await self._changed.park()
        finally:
            with stop.limit(extra_seconds=GRACE_SECONDS, shield=True):
                await self._store()  # noqa: ASYNC102 - it is shielded
            self._abandon()

    async def join(self) -> None:
        """Wait until all is delivered, refused, or kept for a later try."""
        while self._in_flight or self._has_eligible():
            await self._changed.park()

    def close(self) -> None:
        """Put nothing more; `run` gives each payload one last try, and ends."""
        self._is_closed = True
        self._changed.unpark_all()

    async def _send_all(self) -> None:
        async with trio.open_nursery() as requests:
            while not self._is_over():
                transaction = self._take_next()
                if transaction is not None:
                    # Now, not when its task begins: one probe at a time.
                    state = self._states[transaction.payload.route]
                    requests.start_soon(
                        self._send, transaction, state, state.circuit.start()
                    )
                    continue
                with trio.move_on_at(self._find_next_time()):
                    await self._changed.park()

    async def _store(self) -> None:
        """Spool what is left, if there is a spool."""
        self._left += self._waiting.take_all()
        if self._spooler is not None:
            await self._spooler.store(self._left)

    def _abandon(self) -> None:
        """Count what is left as abandoned."""
        pending = self._counters.pending
        if pending:
            self._counters.abandon(pending)
            self._losses.add("abandoned at the stop", pending, len(self._left))
        self._log_losses()

    def _drop(self, dropped: Dropped) -> None:
        """Count an item that is in no payload."""
        if dropped.fault is Fault.OVERSIZE:
            self._counters.pending -= dropped.points
            self._counters.oversize += dropped.points
        else:
            self._counters.refuse(dropped.points, dropped.fault.value)
        self._losses.add(f"{dropped.route.word}, {dropped.fault}", dropped.points)

    def _count_taken(self, points: SnapshotPoints) -> int:
        return sum(self._kind.count_points(points, route) for route in self.routes)

    def _make_room(self) -> None:
        """Spool, or lose, what memory has no room for.

        The oldest half goes to the spool at once, so that it has few large files.
        When too much waits to be written, what overflows is lost: memory is bounded.
        """
        kept = _KEPT_IN_MEMORY
        while self._spooler is not None and not self._spooler.is_full:
            overflow = self._waiting.take_overflow(kept)
            if not overflow:
                break
            self._spooler.offer(overflow)
            kept = 1.0
        for evicted in self._waiting.take_overflow():
            word, limit = evicted.payload.route.word, self._retry_queue_bytes
            cause = f"{word} evicted, since retry_queue_bytes={limit} are used up"
            self._evict(cause, evicted.payload.points)

    def _evict(self, cause: str, points: int) -> None:
        self._counters.evict(points)
        self._losses.add(cause, points)

    @protect_from_ki
    async def _spool(self, spooler: Spooler) -> None:
        """Keep the disk and memory in balance, until cancelled."""
        while True:
            await spooler.write_offered()
            await spooler.remove_sent()
            loaded: list[Transaction] = []
            for route in self._list_idle_routes():
                if spooler.has_files(route):
                    loaded += await spooler.load(route)
            for transaction in loaded:
                self._waiting.push(transaction)
            if loaded:
                self._changed.unpark_all()
            else:
                await spooler.wait()

    def _list_idle_routes(self) -> list[Route]:
        """List the routes that could send, and have less than they could send."""
        now = trio.current_time()
        return [
            state.route
            for state in self._states.values()
            if state.circuit.may_send(now)
            and self._waiting.count(state.route) < self._max_concurrent_requests
            and not self._is_closed
        ]

    def _take_next(self) -> Transaction | None:
        """Take what is to be sent now, and count it as in flight."""
        now = math.inf if self._is_closed else trio.current_time()
        for state in self._states.values():
            if not self._may_start(state, now):
                continue
            transaction = self._waiting.take_newest(state.route, now)
            if transaction is not None:
                self._in_flight += 1
                state.in_flight += 1
                return transaction
        return None

    def _may_start(self, state: RouteState, now: float) -> bool:
        may_send = self._is_closed or state.circuit.may_send(now)
        return may_send and self._has_slot(state)

    def _has_slot(self, state: RouteState) -> bool:
        return not state.in_flight or self._in_flight < self._max_concurrent_requests

    def _has_eligible(self) -> bool:
        now = trio.current_time()
        return any(
            state.circuit.may_send(now)
            and self._waiting.find_next_time(state.route) <= now
            for state in self._states.values()
        )

    def _find_next_time(self) -> float:
        """Return when to look again though nothing changed."""
        if self._is_closed:
            return math.inf
        return min(
            (
                max(
                    self._waiting.find_next_time(state.route),
                    state.circuit.next_time,
                )
                for state in self._states.values()
                if self._has_slot(state)
            ),
            default=math.inf,
        )

    def _is_over(self) -> bool:
        return self._is_closed and not self._in_flight and not self._waiting

    @protect_from_ki
    async def _send(
        self, transaction: Transaction, state: RouteState, attempt: Attempt
    ) -> None:
        """Try once, and put the payload where the answer says."""
        is_last = self._is_closed
        try:
            answer = await self._intake.post(
                transaction.payload, transaction.order[0], self._request_timeout_seconds
            )
        except BaseException:
            # Cancelled on the way, so that it may have arrived.
            state.circuit.cancel(attempt)
            transaction.doubt()
            self._left.append(transaction)
            raise
        finally:
            self._in_flight -= 1
            state.in_flight -= 1
        if transaction.is_doubtful and (answer.status is not None or answer.is_lost):
            self._counters.resent += transaction.payload.points
        fraction = self._choose_fraction()
        if answer.status is None or (
            self._kind.classify_status(answer.status) is Outcome.RETRY
        ):
            self._note_error(state, attempt, answer, fraction)
            if answer.is_lost:
                transaction.doubt()
            if is_last:
                self._left.append(transaction)
            else:
                self._keep(transaction, fraction)
        else:
            self._note_answer(state, attempt, fraction)
            self._note_outcome(state, transaction, answer, answer.status)
        self._changed.unpark_all()
        if self._spooler is not None:
            self._spooler.wake()

    def _note_error(
        self, state: RouteState, attempt: Attempt, answer: Answer, fraction: float
    ) -> None:
        """Note an answer, or its absence, after which a payload is tried again."""
        now = trio.current_time()
        was_open = state.circuit.is_open
        state.circuit.fail(attempt, now, fraction, answer.retry_after)
        state.note_error(answer.describe(), self._wall_clock())
        if was_open or now < state.next_warning:
            return
        state.next_warning = now + _WARNING_SECONDS
        hint = ""
        if answer.status in _UNKNOWN_ROUTE:
            hint = f"; if it never takes {state.route.word}, leave them out of routes"
        logger.warning(
            "%s: %s; payloads are kept and tried again%s",
            self.name,
            state.describe(),
            hint,
        )

    def _keep(self, transaction: Transaction, fraction: float) -> None:
        """Have *transaction*, which failed, wait for another try."""
        transaction.errors += 1
        pause = compute_backoff(transaction.errors, fraction)
        transaction.not_before = trio.current_time() + pause
        self._waiting.push(transaction)
        self._make_room()

    def _note_answer(
        self, state: RouteState, attempt: Attempt, fraction: float
    ) -> None:
        """Note that the intake took or refused a payload, so that it works."""
        was_open = state.circuit.is_open
        state.circuit.succeed(attempt, trio.current_time(), fraction)
        if was_open and not state.circuit.is_open:
            logger.info("%s: %s answers again", self.name, state.route.value)

    def _note_outcome(
        self, state: RouteState, transaction: Transaction, answer: Answer, status: int
    ) -> None:
        """Count *transaction*, which was taken or refused with *status*."""
        points = transaction.payload.points
        if self._kind.classify_status(status) is Outcome.DELIVERED:
            # What is counted there may be more than the snapshot has.
            refused = min(answer.rejected, points)
            if refused:
                self._counters.refuse(refused, "partial_success")
                cause = f"{state.route.value} took a payload without some of its points"
                self._losses.add(cause, refused, detail=answer.text)
            self._counters.deliver(points - refused)
            state.note_accepted()
        else:
            self._counters.refuse(points, str(status))
            cause = f"{state.route.value} answered {status}"
            self._losses.add(cause, points, detail=answer.text)
            snapshot_time, _ = transaction.order
            state.note_refused(answer.describe(), snapshot_time, self._wall_clock())
        if self._spooler is not None:
            self._spooler.finish(transaction)

    @protect_from_ki
    async def _report(self) -> None:
        """Log the losses of each interval, until cancelled."""
        while True:
            await trio.sleep(self._report_seconds)
            self._log_losses()
            for state in self._states.values():
                state.note_interval()

    def _log_losses(self) -> None:
        if self._spooler is not None:
            self._spooler.report()
        self._losses.log()
