"""Decide what an answer means, and when to try again.

The rules are the Agent's: each route of an endpoint and key has a circuit, whose wait
doubles with each error and shrinks by two steps with each success. Three rules are our
own. Requests that are in flight together count as one error. Only one probe at a time
tries an open circuit. And a failed payload also waits by itself, so that one that
always fails does not keep the circuit open for the others.

Source: datadog-agent, comp/forwarder/defaultforwarder, blocked_endpoints.go.

Time and chance are passed in: *now* is from any clock that only goes forward, and
*fraction* is a random number in [0, 1).
"""

import email.utils
import enum
import math
from typing import Final

# Source: datadog-agent, pkg/config/setup/common_settings.go: forwarder_backoff_*,
# forwarder_recovery_interval.
_BACKOFF_FACTOR: Final = 2.0
_BACKOFF_BASE_SECONDS: Final = 2.0
_BACKOFF_MAX_SECONDS: Final = 64.0
_RECOVERY_STEPS: Final = 2
MAX_ERRORS: Final = int(math.log2(_BACKOFF_MAX_SECONDS / _BACKOFF_BASE_SECONDS)) + 1

# The longest wait that an intake may ask for; a longer one could be used to silence a
# server.
MAX_RETRY_AFTER_SECONDS: Final = 3600.0


class Outcome(enum.Enum):
    """What to do with a payload after an answer."""

    DELIVERED = enum.auto()
    RETRY = enum.auto()
    REFUSED = enum.auto()


def parse_retry_after(value: str, wall_now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for; None if it is invalid.

    Args:
        value: a number of seconds or an HTTP date.
        wall_now: unix seconds, for a date.
    """
    # Every wait that is respected can be written shorter than this.
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
    """Return the seconds to wait after *errors* errors.

    The time is random between half of ``2 * 2**errors`` and all of it; beyond 64 it is
    exactly 64.

    Source: datadog-agent, pkg/util/backoff/backoff.go.
    """
    if errors <= 0:
        return 0.0
    longest = _BACKOFF_BASE_SECONDS * 2.0 ** min(errors, MAX_ERRORS)
    if longest > _BACKOFF_MAX_SECONDS:
        return _BACKOFF_MAX_SECONDS
    shortest = longest / _BACKOFF_FACTOR
    return shortest + (longest - shortest) * fraction


class Attempt:
    """One request in progress.

    Attributes:
        generation: how many errors the circuit had counted when the request started.
    """

    def __init__(self, generation: int) -> None:
        self.generation = generation


class Circuit:
    """Decides when a route of an endpoint may be tried.

    Attributes:
        errors: how far the backoff has gone; at 0 the circuit is closed.
        blocked_until: while the circuit is open, no request starts before this time.
    """

    def __init__(self) -> None:
        self.errors = 0
        self.blocked_until = -math.inf
        self._generation = 0
        self._probe: Attempt | None = None

    @property
    def is_open(self) -> bool:
        """Whether the route has failed and not recovered."""
        return self.errors > 0

    @property
    def is_probing(self) -> bool:
        """Whether a request is trying the open circuit."""
        return self._probe is not None

    @property
    def next_time(self) -> float:
        """When a request may start; infinity while a probe is in progress."""
        if not self.is_open:
            return -math.inf
        return math.inf if self.is_probing else self.blocked_until

    def is_blocked(self, now: float) -> bool:
        """Return whether requests must wait for the backoff."""
        return self.is_open and now < self.blocked_until

    def may_send(self, now: float) -> bool:
        """Return whether a request may start."""
        if not self.is_open:
            return True
        return not self.is_probing and not self.is_blocked(now)

    def start(self) -> Attempt:
        """Note that a request starts; pass the returned attempt when it ends."""
        attempt = Attempt(self._generation)
        if self.is_open:
            self._probe = attempt
        return attempt

    def fail(
        self, attempt: Attempt, now: float, fraction: float, retry_after: float | None
    ) -> None:
        """Note that a request failed.

        Others in flight with it are not counted again.
        """
        self.cancel(attempt)
        if attempt.generation == self._generation:
            self._generation += 1
            self.errors = min(self.errors + 1, MAX_ERRORS)
            self.blocked_until = now + compute_backoff(self.errors, fraction)
        if retry_after is not None:
            # The circuit may have been closed by the success of another request.
            self.errors = max(self.errors, 1)
            self.blocked_until = max(self.blocked_until, now + retry_after)

    def succeed(self, attempt: Attempt, now: float, fraction: float) -> None:
        """Note that the route answered, and therefore works."""
        self.cancel(attempt)
        if self.is_open:
            self.errors = max(self.errors - _RECOVERY_STEPS, 0)
            self.blocked_until = now + compute_backoff(self.errors, fraction)

    def cancel(self, attempt: Attempt) -> None:
        """Note that a request ended without telling anything about the route."""
        if attempt is self._probe:
            self._probe = None
