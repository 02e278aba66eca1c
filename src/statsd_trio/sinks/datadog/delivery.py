"""Delivers payloads to one endpoint with one key, however the intake behaves.

Every payload is in exactly one place: waiting in the retry queue, in flight, or on
its way to the spool. All of these are ``pending``. It leaves for exactly one count of
the ledger. The queue is bounded in bytes and spools, or loses, its oldest; the circuit
says when a request may start; the newest goes first, so that what is recent is seen
while an outage is worked off.

A request that was under way when its task was cancelled may have arrived, so its
payload goes back into the queue and counts as resent when it is sent again.
"""

import logging
import math
import random
import time
from collections.abc import Callable
from typing import Final, NoReturn

import trio

from statsd_trio.ledger import SinkCounters, SinkLedger
from statsd_trio.sinks.datadog.http import Answer, Endpoint
from statsd_trio.sinks.datadog.keys import ApiKey
from statsd_trio.sinks.datadog.losses import LossReport
from statsd_trio.sinks.datadog.payloads import Dropped, Fault, Payload
from statsd_trio.sinks.datadog.retry import (
    Circuit,
    RetryQueue,
    Ticket,
    Verdict,
    compute_backoff,
    judge_status,
)
from statsd_trio.sinks.datadog.spooling import SharedSpool, Spooling
from statsd_trio.sinks.datadog.transaction import Transaction

logger = logging.getLogger(__name__)

_REPORT_SECONDS: Final = 10.0

# Source: datadog-agent, forwarder_flush_to_disk_mem_ratio.
_KEPT_IN_MEMORY: Final = 0.5

# How often to look for what other processes left in the spool.
_LOOK_AGAIN_SECONDS: Final = 60.0

# The longest that a stop spends on writing to the spool.
_STORE_SECONDS: Final = 10.0


class Delivery:
    """The queue, the circuit and the counts of one endpoint and key.

    Attributes:
        name: as in the ledger; never holds the key.
    """

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        key: ApiKey,
        *,
        max_concurrent_requests: int,
        request_timeout_seconds: float,
        retry_queue_bytes: int,
        choose_fraction: Callable[[], float] = random.random,
        spool: SharedSpool | None = None,
        spool_target: str = "",
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._endpoint = endpoint
        self._key = key
        self._max_concurrent_requests = max_concurrent_requests
        self._request_timeout_seconds = request_timeout_seconds
        self._choose_fraction = choose_fraction
        self._wall_clock = wall_clock
        self._counters = SinkCounters(name)
        self._losses = LossReport(name)
        self._circuit = Circuit()
        self._queue: RetryQueue[Transaction] = RetryQueue(retry_queue_bytes)
        self._spooling: Spooling | None = None
        if spool is not None:
            self._spooling = Spooling(
                spool,
                spool_target,
                self._counters,
                self._losses,
                max_file_bytes=retry_queue_bytes // 2,
            )
        self._in_flight = 0
        self._serial = 0
        self._is_last = False
        self._next_warning = -math.inf
        self._changed = trio.lowlevel.ParkingLot()

    def ledger(self) -> SinkLedger:
        """Tell what became of every point."""
        return self._counters.freeze()

    def expect(self, points: int) -> None:
        """Count a snapshot whose payloads will follow."""
        self._counters.snapshotted += points
        self._counters.pending += points

    def put_nowait(self, payload: Payload, time: int) -> None:
        """Queue *payload* of the snapshot of *time*; the oldest make room for it."""
        self._serial += 1
        self._push(Transaction(payload, (time, self._serial)))

    def drop(self, dropped: Dropped) -> None:
        """Count an item that is in no payload."""
        self._counters.pending -= dropped.points
        if dropped.fault is Fault.OVERSIZE:
            self._counters.oversize += dropped.points
        else:
            self._counters.refused[dropped.fault.value] += dropped.points
        self._losses.add(dropped.fault.value, dropped.points)

    def evict(self, points: int) -> None:
        """Count a snapshot that had to make room before it became payloads."""
        self._counters.pending -= points
        self._counters.evicted += points
        self._losses.add("evicted", points)

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Send until all had a last try after `expect_no_more`, or cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._report_losses)
            if self._spooling is not None:
                nursery.start_soon(self._spooling.run)
                nursery.start_soon(self._load_spooled, self._spooling)
            async with trio.open_nursery() as requests:
                while not self._is_over():
                    transaction = self._take_next()
                    if transaction is not None:
                        # Now, not when its task begins: one probe at a time.
                        ticket = self._circuit.start()
                        requests.start_soon(self._send, transaction, ticket)
                        continue
                    with trio.move_on_at(self._find_next_time()):
                        await self._changed.park()
            nursery.cancel_scope.cancel()

    def expect_no_more(self) -> None:
        """Let `run` give each payload one last try, however the endpoint behaves."""
        self._is_last = True
        self._changed.unpark_all()

    async def settle(self) -> None:
        """Wait until all is delivered, refused, or kept for a later try."""
        while self._in_flight or self._has_eligible():
            await self._changed.park()

    async def abandon(self) -> None:
        """Spool what is left if there is a spool; count the rest as abandoned."""
        left = self._queue.take_all()
        if self._spooling is not None:
            with trio.move_on_after(_STORE_SECONDS, shield=True):
                await self._spooling.store(left)
        pending = self._counters.pending
        if pending:
            self._counters.abandoned += pending
            self._counters.pending = 0
            self._losses.add("abandoned", pending, len(left))
        self._losses.tell()

    @trio.lowlevel.enable_ki_protection
    async def keep_key_checked(self, interval_seconds: float) -> NoReturn:
        """Check the key at start, each interval, and at once when it is replaced."""
        while True:
            # Taken before the check, so that a replacement during it is noticed.
            replaced = self._key.replaced
            await self.check_key()
            with trio.move_on_after(interval_seconds):
                await replaced.wait()

    async def check_key(self) -> None:
        """Ask the intake whether the key is valid; says so, and never fails."""
        key = await self._key.get()
        if key is None:
            self._counters.api_key = "unknown"
            return
        answer = await self._endpoint.validate(key)
        # Source: datadog-agent, forwarder_health.go: 200, 403, or inconclusive.
        if answer.status == 200:
            self._counters.api_key = "valid"
            logger.info("%s: the API key is valid", self.name)
        elif answer.status == 403:
            self._counters.api_key = "invalid"
            logger.error("%s: the API key is not valid; check DD_API_KEY", self.name)
        else:
            self._counters.api_key = "unknown"
            logger.warning(
                "%s: could not check the API key: %s", self.name, _describe(answer)
            )

    def _push(self, transaction: Transaction) -> None:
        """Queue *transaction*; what overflows is spooled, or lost.

        The oldest half goes to the spool at once, so that it has few large files.
        While that is being written, what overflows is lost: memory is bounded.
        """
        self._queue.push(transaction)
        if self._spooling is not None and not self._spooling.is_busy:
            self._spooling.offer(self._queue.take_overflow(down_to=_KEPT_IN_MEMORY))
        for evicted in self._queue.take_overflow():
            points = evicted.payload.points
            self._counters.pending -= points
            self._counters.evicted += points
            self._losses.add("evicted", points)
            self._forget(evicted)
        self._changed.unpark_all()

    def _forget(self, transaction: Transaction) -> None:
        """Note that *transaction* is delivered or lost."""
        if self._spooling is not None:
            self._spooling.settle(transaction)

    @trio.lowlevel.enable_ki_protection
    async def _load_spooled(self, spooling: Spooling) -> None:
        """Take files back when there is nothing else to send, until cancelled."""
        while True:
            if self._queue or self._circuit.is_open or self._is_last:
                await self._changed.park()
                continue
            loaded = await spooling.load()
            # Past the bound, since the queue was empty: what is in a file need not
            # be written to another.
            for transaction in loaded:
                self._queue.push(transaction)
            self._changed.unpark_all()
            if not loaded:
                with trio.move_on_after(_LOOK_AGAIN_SECONDS):
                    await spooling.wait_written()

    def _take_next(self) -> Transaction | None:
        """Take what is to be sent now and count it as in flight."""
        if self._in_flight >= self._max_concurrent_requests:
            return None
        now = trio.current_time()
        if self._is_last:
            transaction = self._queue.take_newest(lambda item: not item.had_last_try)
            if transaction is not None:
                transaction.had_last_try = True
        elif self._circuit.may_send(now):
            transaction = self._queue.take_newest(lambda item: item.not_before <= now)
        else:
            transaction = None
        if transaction is not None:
            self._in_flight += 1
        return transaction

    def _has_eligible(self) -> bool:
        now = trio.current_time()
        return self._circuit.may_send(now) and self._queue.find_next_time() <= now

    def _find_next_time(self) -> float:
        """Tell when to look again though nothing changed."""
        if self._is_last or self._in_flight >= self._max_concurrent_requests:
            return math.inf
        next_time = self._queue.find_next_time()
        if self._circuit.is_open:
            if self._circuit.is_probing:
                return math.inf
            next_time = max(next_time, self._circuit.blocked_until)
        return next_time

    def _is_over(self) -> bool:
        return (
            self._is_last
            and not self._in_flight
            and not self._queue.has(lambda item: not item.had_last_try)
        )

    @trio.lowlevel.enable_ki_protection
    async def _send(self, transaction: Transaction, ticket: Ticket) -> None:
        """Try once, and put the payload where the answer says."""
        try:
            answer = await self._post(transaction)
        except BaseException:
            # Cancelled on the way, so that it may have arrived.
            self._circuit.cancel(ticket)
            transaction.is_doubtful = True
            self._push(transaction)
            raise
        finally:
            self._in_flight -= 1
        if transaction.is_doubtful and (answer.status is not None or answer.is_lost):
            self._counters.resent += transaction.payload.points
        now = trio.current_time()
        fraction = self._choose_fraction()
        was_open = self._circuit.is_open
        verdict = Verdict.RETRY
        if answer.status is not None:
            verdict = judge_status(answer.status)
        if verdict is Verdict.RETRY:
            self._circuit.fail(ticket, now, fraction, answer.retry_after)
            if self._counters.failing_since is None:
                self._counters.failing_since = self._wall_clock()
            self._counters.failure = _describe(answer)
            if not was_open and now >= self._next_warning:
                self._next_warning = now + _REPORT_SECONDS
                logger.warning(
                    "%s: %s; payloads are kept and tried again",
                    self.name,
                    _describe(answer),
                )
            transaction.errors += 1
            transaction.not_before = now + compute_backoff(transaction.errors, fraction)
            transaction.is_doubtful = transaction.is_doubtful or answer.is_lost
            self._push(transaction)
            return
        self._circuit.succeed(ticket, now, fraction)
        self._counters.failing_since, self._counters.failure = None, ""
        if was_open and not self._circuit.is_open:
            logger.info("%s: answers again", self.name)
        if verdict is Verdict.DELIVERED:
            self._counters.pending -= transaction.payload.points
            self._counters.delivered += transaction.payload.points
            self._forget(transaction)
        elif answer.status == 403 and self._may_use_new_key(transaction):
            transaction.had_new_key = True
            transaction.had_last_try = False
            self._push(transaction)
        else:
            self._refuse(transaction.payload, str(answer.status))
            self._forget(transaction)
        self._changed.unpark_all()

    async def _post(self, transaction: Transaction) -> Answer:
        limit = self._request_timeout_seconds
        key = None
        with trio.move_on_after(limit):
            key = await self._key.get()
        if key is None:
            return Answer(None, error="there is no API key")
        answer = await self._endpoint.post(transaction.payload, key, limit)
        if answer.status == 403 and self._may_use_new_key(transaction):
            with trio.move_on_after(limit):
                await self._key.renew(key)
        return answer

    def _may_use_new_key(self, transaction: Transaction) -> bool:
        return self._key.is_renewable and not transaction.had_new_key

    def _refuse(self, payload: Payload, status: str) -> None:
        self._counters.pending -= payload.points
        self._counters.refused[status] += payload.points
        self._losses.add(f"refused with {status}", payload.points)

    @trio.lowlevel.enable_ki_protection
    async def _report_losses(self) -> None:
        """Tell the losses of each interval, until cancelled."""
        while True:
            await trio.sleep(_REPORT_SECONDS)
            self._losses.tell()


def _describe(answer: Answer) -> str:
    return f"answered {answer.status}" if answer.status is not None else answer.error
