"""Decide which payload of one endpoint and key is sent next, and when.

Each route has a circuit, which says when a request may start. Each route may always
have one request in progress, so that none delays another. Beyond that, the most
important route goes first, and its newest payload first, so that recent data can be
seen while an outage is worked off.

Times come from the caller, from any clock that only goes forward.
"""

import math
from collections.abc import Collection

from statsd_trio.sinks.delivery.payload import Route
from statsd_trio.sinks.delivery.payload_queue import WaitingPayloads
from statsd_trio.sinks.delivery.route_state import RouteState
from statsd_trio.sinks.delivery.transaction import Transaction


class Schedule:
    """What waits, what is in progress, and how the routes are doing.

    Attributes:
        states: the states of the routes, the most important first.
        waiting: the payloads that wait in memory.
        is_last: whether every payload may have one last try, whatever the circuits say.
    """

    def __init__(
        self,
        states: Collection[RouteState],
        waiting: WaitingPayloads,
        max_requests: int,
    ) -> None:
        """Start without requests in progress.

        Args:
            states: the states of the routes, the most important first.
            waiting: the payloads that wait in memory.
            max_requests: the most requests at a time; a route without any may have one
                more.
        """
        self.states = {state.route: state for state in states}
        self.waiting = waiting
        self.is_last = False
        self._max_requests = max_requests
        self._in_flight = 0

    @property
    def is_over(self) -> bool:
        """Whether every payload had its last try."""
        return self.is_last and not self._in_flight and not self.waiting

    def push(self, transaction: Transaction, now: float) -> None:
        """Add a new payload."""
        state = self.states[transaction.payload.route]
        if state.circuit.is_blocked(now) and not self.is_last:
            self.waiting.push(transaction)
        else:
            self.waiting.push_new(transaction)

    def start_next(self, now: float) -> Transaction | None:
        """Take the payload to send now, if there is one, and count its request."""
        if self.is_last:
            now = math.inf
        for state in self.states.values():
            may_send = self.is_last or state.circuit.may_send(now)
            if not (may_send and self._has_slot(state)):
                continue
            transaction = self.waiting.take_newest(state.route, now)
            if transaction is not None:
                self._in_flight += 1
                state.in_flight += 1
                return transaction
        return None

    def finish(self, state: RouteState) -> None:
        """Note that a request of the route of *state* has ended."""
        self._in_flight -= 1
        state.in_flight -= 1

    def is_busy(self, now: float) -> bool:
        """Return whether a request is in progress, or may start."""
        return self._in_flight > 0 or any(
            state.circuit.may_send(now)
            and self.waiting.find_next_time(state.route) <= now
            for state in self.states.values()
        )

    def find_next_time(self) -> float:
        """Return when `start_next` may find something, if nothing else changes."""
        if self.is_last:
            return math.inf
        return min(
            (
                max(self.waiting.find_next_time(state.route), state.circuit.next_time)
                for state in self.states.values()
                if self._has_slot(state)
            ),
            default=math.inf,
        )

    def list_idle_routes(self, now: float) -> list[Route]:
        """Return the routes that could send more than is waiting for them."""
        return [
            state.route
            for state in self.states.values()
            if state.circuit.may_send(now)
            and self.waiting.count(state.route) < self._max_requests
            and not self.is_last
        ]

    def _has_slot(self, state: RouteState) -> bool:
        return not state.in_flight or self._in_flight < self._max_requests
