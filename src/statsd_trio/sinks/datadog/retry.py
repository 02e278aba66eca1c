"""The arithmetic of retrying: what an answer means, when to try again, what to keep.

The rules are the Agent's: a circuit an endpoint, whose wait doubles with each error
and shrinks by two steps with each success, and the newest payload first. Ours are
that requests in flight together count as one error, that one probe at a time tries a
circuit that is open, and that a payload waits for itself too, so that one that
always fails does not keep the circuit open for the others.

Time and chance are passed in: *now* is any clock that only goes forward, *fraction*
is a random number in [0, 1).
"""

import bisect
import email.utils
import enum
import math
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

# Source: datadog-agent, pkg/config/setup/common_settings.go: forwarder_backoff_*,
# forwarder_recovery_interval.
_BACKOFF_FACTOR: Final = 2.0
_BACKOFF_BASE_SECONDS: Final = 2.0
_BACKOFF_MAX_SECONDS: Final = 64.0
_RECOVERY_STEPS: Final = 2
MAX_ERRORS: Final = int(math.log2(_BACKOFF_MAX_SECONDS / _BACKOFF_BASE_SECONDS)) + 1

# What an intake may ask for at most: more would be a way to silence a server.
MAX_RETRY_AFTER_SECONDS: Final = 3600.0


class Verdict(enum.Enum):
    """What becomes of a payload after an answer."""

    DELIVERED = enum.auto()
    RETRY = enum.auto()
    REFUSED = enum.auto()


def judge_status(status: int) -> Verdict:
    """Tell what *status* means for the payload.

    A redirect that was not followed is tried again: nothing was delivered. 404 is
    tried again on purpose, since an intake region or a proxy may be late.

    Source: datadog-agent, comp/forwarder/defaultforwarder, transaction.go.
    """
    if 200 <= status < 300:
        return Verdict.DELIVERED
    if status in {400, 403, 413}:
        return Verdict.REFUSED
    return Verdict.RETRY


def parse_retry_after(value: str, wall_now: float) -> float | None:
    """Read a Retry-After header: seconds from now, None where it says nothing.

    Args:
        value: a number of seconds or an HTTP date.
        wall_now: unix seconds, for a date.
    """
    # No wait that is honoured takes more to say.
    value = value.strip()[:100]
    if value.isascii() and value.isdigit():
        seconds = float(value)
    else:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - wall_now
        except (ValueError, OverflowError):
            return None
    if seconds <= 0:
        return None
    return min(seconds, MAX_RETRY_AFTER_SECONDS)


def compute_backoff(errors: int, fraction: float) -> float:
    """Give the seconds to wait after *errors* errors.

    Uniform between half of ``2 * 2**errors`` and all of it; exactly 64 beyond that.

    Source: datadog-agent, pkg/util/backoff/backoff.go.
    """
    if errors <= 0:
        return 0.0
    longest = _BACKOFF_BASE_SECONDS * 2.0 ** min(errors, MAX_ERRORS)
    if longest > _BACKOFF_MAX_SECONDS:
        return _BACKOFF_MAX_SECONDS
    shortest = longest / _BACKOFF_FACTOR
    return shortest + (longest - shortest) * fraction


class Ticket:
    """One request that is under way.

    Attributes:
        generation: how many errors the circuit had counted when it started.
    """

    def __init__(self, generation: int) -> None:
        self.generation = generation


class Circuit:
    """Tells when an endpoint may be tried.

    Attributes:
        errors: how far the backoff has gone; 0 is closed.
        blocked_until: no request starts before, while the circuit is open.
    """

    def __init__(self) -> None:
        self.errors = 0
        self.blocked_until = -math.inf
        self._generation = 0
        self._probe: Ticket | None = None

    @property
    def is_open(self) -> bool:
        """Whether the endpoint failed and has not recovered."""
        return self.errors > 0

    @property
    def is_probing(self) -> bool:
        """Whether a request is trying the open circuit."""
        return self._probe is not None

    def may_send(self, now: float) -> bool:
        """Tell whether a request may start."""
        if not self.is_open:
            return True
        return not self.is_probing and now >= self.blocked_until

    def start(self) -> Ticket:
        """Note that a request starts; its end is told with the ticket."""
        ticket = Ticket(self._generation)
        if self.is_open:
            self._probe = ticket
        return ticket

    def fail(
        self, ticket: Ticket, now: float, fraction: float, retry_after: float | None
    ) -> None:
        """Note that a request failed; those in flight with it count no more."""
        self.cancel(ticket)
        if ticket.generation == self._generation:
            self._generation += 1
            self.errors = min(self.errors + 1, MAX_ERRORS)
            self.blocked_until = now + compute_backoff(self.errors, fraction)
        if retry_after is not None:
            # The circuit may be closed here, by the success of a neighbour.
            self.errors = max(self.errors, 1)
            self.blocked_until = max(self.blocked_until, now + retry_after)

    def succeed(self, ticket: Ticket, now: float, fraction: float) -> None:
        """Note that the endpoint answered as one that works."""
        self.cancel(ticket)
        if self.is_open:
            self.errors = max(self.errors - _RECOVERY_STEPS, 0)
            self.blocked_until = now + compute_backoff(self.errors, fraction)

    def cancel(self, ticket: Ticket) -> None:
        """Note that a request ended and says nothing about the endpoint."""
        if ticket is self._probe:
            self._probe = None


class Waiting(Protocol):
    """What a `RetryQueue` needs to know of what waits in it."""

    @property
    def order(self) -> tuple[int, int]:
        """Greater for what is newer; unique."""
        ...

    @property
    def size(self) -> int:
        """Bytes held."""
        ...

    @property
    def not_before(self) -> float:
        """When this may be tried, by the clock of *now*."""
        ...


T = TypeVar("T", bound=Waiting)


def _get_order(item: Waiting) -> tuple[int, int]:
    return item.order


class RetryQueue(Generic[T]):
    """Holds what waits to be sent, within a number of bytes.

    Attributes:
        size: bytes held.
    """

    def __init__(self, max_bytes: int) -> None:
        self.size = 0
        self._max_bytes = max_bytes
        self._items: list[T] = []  # oldest first

    def __len__(self) -> int:
        return len(self._items)

    def push(self, item: T) -> None:
        """Add *item* where its age puts it; may go over the bound."""
        bisect.insort(self._items, item, key=_get_order)
        self.size += item.size

    def take_overflow(self, down_to: float = 1.0) -> list[T]:
        """Take the oldest off, if there is more than the bound allows.

        Args:
            down_to: the part of the bound that is left filled.
        """
        taken: list[T] = []
        if self.size > self._max_bytes:
            while self._items and self.size > self._max_bytes * down_to:
                taken.append(self._take(0))
        return taken

    def take_newest(self, is_eligible: Callable[[T], bool]) -> T | None:
        """Take the newest that *is_eligible*, None if there is none."""
        for index in range(len(self._items) - 1, -1, -1):
            if is_eligible(self._items[index]):
                return self._take(index)
        return None

    def take_all(self) -> list[T]:
        """Take everything, oldest first."""
        taken, self._items, self.size = self._items, [], 0
        return taken

    def has(self, is_eligible: Callable[[T], bool]) -> bool:
        """Tell whether anything *is_eligible*."""
        return any(is_eligible(item) for item in self._items)

    def find_next_time(self) -> float:
        """Tell when the first of what waits may be tried, infinity for never."""
        return min((item.not_before for item in self._items), default=math.inf)

    def _take(self, index: int) -> T:
        item = self._items.pop(index)
        self.size -= item.size
        return item
