"""Queue payloads within a number of bytes, the newest of each route first.

All routes share the limit, and none can push out the others: each route has a part
reserved for it, and the others may use what it leaves free. If the limit is exceeded,
payloads are removed from the least important route that exceeds its part, the oldest
first.
"""

import bisect
import heapq
import itertools
import math
from collections import deque
from collections.abc import Collection
from typing import Final

from statsd_trio.sinks.delivery.payload import Route
from statsd_trio.sinks.delivery.transaction import Transaction

# However small a payload is, it counts for at least this part of the limit. This bounds
# the memory besides the bodies, and the time to throw payloads away.
_MAX_PAYLOADS: Final = 20_000

# This many are removed at once, which takes about a millisecond.
_MAX_TAKEN: Final = 1000


def _get_order(transaction: Transaction) -> tuple[int, int]:
    return transaction.order


class _RouteQueue:
    """The payloads of one route."""

    def __init__(self) -> None:
        self._ready: deque[Transaction] = deque()  # the oldest first
        # Payloads that wait after an error of their own; they are few, because an error
        # also blocks the route for a while.
        self._resting: list[tuple[float, int, Transaction]] = []
        self._serial = itertools.count()

    def __len__(self) -> int:
        return len(self._ready) + len(self._resting)

    def push(self, transaction: Transaction) -> None:
        if transaction.not_before > -math.inf:
            entry = (transaction.not_before, next(self._serial), transaction)
            heapq.heappush(self._resting, entry)
        else:
            self._insert(transaction)

    def find_newest(self, now: float) -> Transaction | None:
        while self._resting and self._resting[0][0] <= now:
            self._insert(heapq.heappop(self._resting)[2])
        return self._ready[-1] if self._ready else None

    def take_newest(self) -> Transaction:
        return self._ready.pop()

    def take_oldest(self) -> Transaction:
        oldest = min(self._resting, key=lambda entry: entry[2].order, default=None)
        if oldest is None or (self._ready and self._ready[0].order <= oldest[2].order):
            return self._ready.popleft()
        self._resting.remove(oldest)
        heapq.heapify(self._resting)
        return oldest[2]

    def take_all(self) -> list[Transaction]:
        taken = [*self._ready, *(entry[2] for entry in self._resting)]
        self._ready.clear()
        self._resting.clear()
        return taken

    def find_next_time(self) -> float:
        if self._ready:
            return -math.inf
        return self._resting[0][0] if self._resting else math.inf

    def _insert(self, transaction: Transaction) -> None:
        ready = self._ready
        if not ready or ready[-1].order <= transaction.order:
            ready.append(transaction)
        elif transaction.order <= ready[0].order:
            ready.appendleft(transaction)
        else:
            bisect.insort(ready, transaction, key=_get_order)


class PayloadQueue:
    """The payloads of all routes of one endpoint and key."""

    def __init__(self, routes: Collection[Route], max_bytes: float = math.inf) -> None:
        """Hold payloads of *routes*, the most important route first."""
        self._routes = tuple(routes)
        self._max_bytes = max_bytes
        self._least_bytes = (
            0 if max_bytes == math.inf else -(-max_bytes // _MAX_PAYLOADS)
        )
        self._queues = {route: _RouteQueue() for route in self._routes}
        self._sizes: dict[Route, float] = dict.fromkeys(self._routes, 0)

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    @property
    def size(self) -> float:
        """The bytes that the payloads count for."""
        return sum(self._sizes.values())

    def count(self, route: Route) -> int:
        """Return how many payloads of *route* wait."""
        return len(self._queues[route])

    def push(self, transaction: Transaction) -> None:
        """Add *transaction* in the order of age; this may exceed the limit."""
        route = transaction.payload.route
        self._queues[route].push(transaction)
        self._sizes[route] += max(transaction.size, self._least_bytes)

    def find_newest(self, route: Route, now: float) -> Transaction | None:
        """Return the newest payload of *route* that may be tried; it stays here."""
        return self._queues[route].find_newest(now)

    def take_newest(self, route: Route) -> Transaction:
        """Remove and return what `find_newest` has returned."""
        return self._note_taken(self._queues[route].take_newest())

    def take_overflow(self, down_to: float = 1.0) -> list[Transaction]:
        """Remove and return some of the payloads that exceed the limit.

        Args:
            down_to: the part of the limit that stays filled after it was exceeded.
        """
        taken: list[Transaction] = []
        if self.size <= self._max_bytes:
            return taken
        bound = self._max_bytes * down_to
        while self.size > bound and len(taken) < _MAX_TAKEN:
            route = next(
                route
                for route in reversed(self._routes)
                if self._sizes[route] > bound * route.share
            )
            taken.append(self._note_taken(self._queues[route].take_oldest()))
        return taken

    def _note_taken(self, transaction: Transaction) -> Transaction:
        route = transaction.payload.route
        self._sizes[route] -= max(transaction.size, self._least_bytes)
        return transaction

    def take_all(self) -> list[Transaction]:
        """Take everything."""
        self._sizes = dict.fromkeys(self._routes, 0)
        return [one for queue in self._queues.values() for one in queue.take_all()]

    def find_next_time(self, route: Route) -> float:
        """Return when a payload of *route* may be tried; infinity if none waits."""
        return self._queues[route].find_next_time()


class WaitingPayloads:
    """Everything of one endpoint and key that waits in memory.

    New payloads wait apart from those that failed or whose route is blocked, so that
    the first try of a payload needs no room in the retry queue. Payloads from the spool
    wait apart too: they are also in a file, and need no room at all.
    """

    def __init__(
        self, routes: Collection[Route], *, new_bytes: float, retry_bytes: float
    ) -> None:
        self._new = PayloadQueue(routes, new_bytes)
        self._retries = PayloadQueue(routes, retry_bytes)
        self._loaded = PayloadQueue(routes)
        self._queues = (self._new, self._retries, self._loaded)

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues)

    def count(self, route: Route) -> int:
        """Return how many payloads of *route* wait."""
        return sum(queue.count(route) for queue in self._queues)

    def push_new(self, transaction: Transaction) -> None:
        """Add a payload that can be tried soon, and needs no room for retries."""
        queue = self._new if transaction.file is None else self._loaded
        queue.push(transaction)

    def push(self, transaction: Transaction) -> None:
        """Add a payload that has failed, whose route is blocked, or that has a file."""
        queue = self._retries if transaction.file is None else self._loaded
        queue.push(transaction)

    def take_newest(self, route: Route, now: float) -> Transaction | None:
        """Take the newest payload of *route* that may be tried, if there is one."""
        found = [
            (transaction.order, number)
            for number, queue in enumerate(self._queues)
            if (transaction := queue.find_newest(route, now)) is not None
        ]
        return self._queues[max(found)[1]].take_newest(route) if found else None

    def take_overflow(self, down_to: float = 1.0) -> list[Transaction]:
        """Remove and return some of what the retry queue has no room for.

        Args:
            down_to: the part of its limit that stays filled after it was exceeded.
        """
        for transaction in self._new.take_overflow():
            self._retries.push(transaction)
        return self._retries.take_overflow(down_to)

    def take_all(self) -> list[Transaction]:
        """Take everything."""
        return [one for queue in self._queues for one in queue.take_all()]

    def find_next_time(self, route: Route) -> float:
        """Return when a payload of *route* may be tried; infinity if none waits."""
        return min(queue.find_next_time(route) for queue in self._queues)
