"""Keep track of one route of an endpoint and key: its circuit, and its failures."""

import math
from typing import Final

import attrs

from statsd_trio.ledger import RouteLedger
from statsd_trio.sinks.delivery.answer import Answer
from statsd_trio.sinks.delivery.payload import Route
from statsd_trio.sinks.delivery.retry import Attempt, Circuit

# A single payload may be refused for its content. If payloads of two snapshots are
# refused, and none is accepted in between, the route does not work.
_REFUSED_SNAPSHOTS: Final = 2

# After this many intervals without another refusal, the last one no longer counts.
_REMEMBERED_INTERVALS: Final = 3

_WARNING_SECONDS: Final = 10.0


@attrs.define(eq=False)
class RouteState:
    """The state of one route.

    A route is failing from the first error after which a payload must wait for another
    try, or from the first refusal if everything is refused. It works again when a
    payload is accepted.

    Attributes:
        in_flight: how many requests are in progress.
        failing_since: unix seconds; None while it works.
        failure: the last answer, or why there was none; "" while it works.
    """

    route: Route
    circuit: Circuit = attrs.field(factory=Circuit)
    in_flight: int = 0
    failing_since: float | None = None
    failure: str = ""
    _next_warning: float = -math.inf
    _was_accepted: bool = False
    _is_down: bool = False
    _refused_since: float | None = None
    _refused_snapshots: int = 0
    _last_refused: int | None = None
    _quiet_intervals: int = 0

    @property
    def works(self) -> bool:
        """Whether a payload was accepted, and nothing has failed since."""
        return self._was_accepted and self.failing_since is None

    def describe(self) -> str:
        """Describe in a few words what fails."""
        return f"{self.route.value}: {self.failure}"

    def freeze(self) -> RouteLedger:
        """Return a copy of the current state."""
        return RouteLedger(self.route.word, self.failing_since, self.failure)

    def note_accepted(self) -> None:
        """Note that a payload was accepted."""
        self._was_accepted = True
        self._recover()

    def note_answer(self, attempt: Attempt, now: float, fraction: float) -> bool:
        """Note that a payload was accepted or refused, so the intake does answer.

        Returns:
            Whether this closed the circuit.
        """
        was_open = self.circuit.is_open
        self.circuit.succeed(attempt, now, fraction)
        return was_open and not self.circuit.is_open

    def note_error(
        self,
        attempt: Attempt,
        answer: Answer,
        now: float,
        wall_now: float,
        fraction: float,
    ) -> bool:
        """Record an answer, or its absence, after which a payload is tried again.

        Returns:
            Whether to log a warning: this opened the circuit, and the last warning was
                some seconds ago.
        """
        was_open = self.circuit.is_open
        self.circuit.fail(attempt, now, fraction, answer.retry_after)
        self._is_down = True
        self._fail(wall_now, answer.describe())
        if was_open or now < self._next_warning:
            return False
        self._next_warning = now + _WARNING_SECONDS
        return True

    def note_refused(self, failure: str, snapshot_time: int, wall_now: float) -> None:
        """Note that a payload of the snapshot of *snapshot_time* was refused."""
        self._is_down = False
        self._quiet_intervals = 0
        if self._refused_since is None:
            self._refused_since = wall_now
        if snapshot_time != self._last_refused:
            self._last_refused = snapshot_time
            self._refused_snapshots += 1
        if self._refused_snapshots >= _REFUSED_SNAPSHOTS or not self._was_accepted:
            self._fail(self._refused_since, failure)

    def note_interval(self) -> None:
        """Note that an interval has passed."""
        self._quiet_intervals += 1
        if self._quiet_intervals > _REMEMBERED_INTERVALS and not self._is_down:
            self._recover()

    def _fail(self, since: float, failure: str) -> None:
        if self.failing_since is None:
            self.failing_since = since
        self.failure = failure

    def _recover(self) -> None:
        self.failing_since, self.failure = None, ""
        self._is_down = False
        self._refused_since, self._refused_snapshots = None, 0
        self._last_refused = None
