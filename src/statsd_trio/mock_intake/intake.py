"""The memory of the intake: what was received, every attempt, and the script."""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import trio

from statsd_trio.mock_intake.received import (
    Attempt,
    ReceivedEvent,
    ReceivedItem,
    ReceivedSeries,
    ReceivedServiceCheck,
    ReceivedSketch,
    Route,
)
from statsd_trio.mock_intake.script import Rule, Script
from statsd_trio.mock_intake.sizes import measure_text

logger = logging.getLogger(__name__)

_Kept = TypeVar("_Kept")

# An attempt, without its texts and items.
_ATTEMPT_BYTES: Final = 1024


class MockIntake:
    """A stand-in for Datadog that listens and remembers.

    It is made by `open_mock_intake`.

    Attributes:
        address: the host and port that it is bound to.
        url: the base URL, without a final slash.
        forgotten: how many attempts and items were removed, because there were more
            than ``max_kept`` of a kind or more than ``max_kept_bytes`` together.
        kept_bytes: the approximate memory of the attempts and items that are kept.
        changes: how often its contents have changed.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        script: Iterable[Rule],
        max_kept: int,
        max_kept_bytes: int,
        on_attempt: Callable[[Attempt], None] | None,
    ) -> None:
        host, port = address
        self.address = address
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self.forgotten = 0
        self.kept_bytes = 0
        self.changes = 0
        self._max_kept = max_kept
        self._max_kept_bytes = max_kept_bytes
        self._attempts: deque[Attempt] = deque()
        # Parallel to the attempts: the memory of each, including all that it brought.
        self._sizes: deque[int] = deque()
        self._series: deque[ReceivedSeries] = deque(maxlen=max_kept)
        self._sketches: deque[ReceivedSketch] = deque(maxlen=max_kept)
        self._events: deque[ReceivedEvent] = deque(maxlen=max_kept)
        self._service_checks: deque[ReceivedServiceCheck] = deque(maxlen=max_kept)
        self._attempt_count = 0
        self._changed = trio.Event()
        self._on_attempt = on_attempt
        self.play(script)

    @property
    def series(self) -> tuple[ReceivedSeries, ...]:
        """The series received, in the order of arrival."""
        return tuple(self._series)

    @property
    def sketches(self) -> tuple[ReceivedSketch, ...]:
        """The sketches received, in the order of arrival."""
        return tuple(self._sketches)

    @property
    def events(self) -> tuple[ReceivedEvent, ...]:
        """The events received, in the order of arrival."""
        return tuple(self._events)

    @property
    def service_checks(self) -> tuple[ReceivedServiceCheck, ...]:
        """The service checks received, in the order of arrival."""
        return tuple(self._service_checks)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every request, in the order of arrival, to a route of the intake or not."""
        return tuple(self._attempts)

    def play(self, script: Iterable[Rule]) -> None:
        """Begin *script* now, in place of the one before; () means no faults."""
        self._script = Script(script, trio.current_time())

    def clear(self) -> None:
        """Forget everything that was received; the script goes on."""
        self._attempts.clear()
        self._sizes.clear()
        self.kept_bytes = 0
        self._series.clear()
        self._sketches.clear()
        self._events.clear()
        self._service_checks.clear()
        self.forgotten = 0
        self.changes += 1
        self._wake_waiters()

    async def wait_for(self, predicate: Callable[["MockIntake"], bool]) -> None:
        """Wait until *predicate* is true; it is called again after every attempt."""
        await trio.lowlevel.checkpoint()
        while not predicate(self):
            await self._changed.wait()

    def take_rule(self, route: Route | None) -> Rule | None:
        """Return the script's rule for a request; for the HTTP server."""
        return self._script.take_rule(route, trio.current_time())

    def next_number(self) -> int:
        """Return the number of the next attempt; for the HTTP server."""
        self._attempt_count += 1
        return self._attempt_count

    def record(self, attempt: Attempt, item_bytes: int) -> None:
        """Remember an attempt and, if it was received, its items.

        Args:
            attempt: the attempt.
            item_bytes: the memory of its items.
        """
        self.changes += 1
        size = item_bytes + _measure_attempt(attempt)
        self._attempts.append(attempt)
        self._sizes.append(size)
        self.kept_bytes += size
        if attempt.is_received:
            for item in attempt.items:
                self._keep(self._choose_kept(item), item)
        while (
            len(self._attempts) > self._max_kept
            or self.kept_bytes > self._max_kept_bytes
        ):
            self._forget_oldest()
        self._wake_waiters()
        if self._on_attempt is None:
            return
        try:
            self._on_attempt(attempt)
        # This is the only place that catches what a caller's function raises: the
        # function may observe, but does not decide any answer.
        except Exception:
            logger.exception("on_attempt failed; the request is still answered")

    def _wake_waiters(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _choose_kept(self, item: ReceivedItem) -> deque[Any]:
        match item:
            case ReceivedSeries():
                return self._series
            case ReceivedSketch():
                return self._sketches
            case ReceivedEvent():
                return self._events
            case ReceivedServiceCheck():
                return self._service_checks

    def _keep(self, kept: deque[_Kept], value: _Kept) -> None:
        if len(kept) == kept.maxlen:
            self.forgotten += 1
        kept.append(value)

    def _forget_oldest(self) -> None:
        """Forget the oldest attempt, and what it brought."""
        attempt = self._attempts.popleft()
        self.kept_bytes -= self._sizes.popleft()
        self.forgotten += 1
        if not attempt.is_received:
            return
        for item in attempt.items:
            kept = self._choose_kept(item)
            # Otherwise newer ones have taken its place already.
            if kept and kept[0] is item:
                kept.popleft()
                self.forgotten += 1


def _measure_attempt(attempt: Attempt) -> int:
    texts = (attempt.method, attempt.path, attempt.query, attempt.encoding)
    return _ATTEMPT_BYTES + measure_text(
        *texts,
        attempt.fault,
        attempt.error,
        *attempt.headers,
        *attempt.headers.values(),
    )
