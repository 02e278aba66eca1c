"""The intake's memory: what was received, every attempt, and the script."""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

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

logger = logging.getLogger(__name__)

_Kept = TypeVar("_Kept")


class MockIntake:
    """A stand-in for Datadog that listens and remembers.

    Made by `open_mock_intake`.

    Attributes:
        address: (host, port) as bound.
        url: the base URL, without a slash at its end.
        forgotten: how many attempts and items were let go because more than
            ``max_kept`` of a kind had come.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        script: Iterable[Rule],
        max_kept: int,
        on_attempt: Callable[[Attempt], None] | None,
    ) -> None:
        host, port = address
        self.address = address
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self.forgotten = 0
        self._attempts: deque[Attempt] = deque(maxlen=max_kept)
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
        """What was received, in the order it came."""
        return tuple(self._series)

    @property
    def sketches(self) -> tuple[ReceivedSketch, ...]:
        """What was received, in the order it came."""
        return tuple(self._sketches)

    @property
    def events(self) -> tuple[ReceivedEvent, ...]:
        """What was received, in the order it came."""
        return tuple(self._events)

    @property
    def service_checks(self) -> tuple[ReceivedServiceCheck, ...]:
        """What was received, in the order it came."""
        return tuple(self._service_checks)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every request to a route of the intake, or to none, as it came."""
        return tuple(self._attempts)

    def play(self, script: Iterable[Rule]) -> None:
        """Begin *script* now, in place of the one before; () for no faults."""
        self._script = Script(script, trio.current_time())

    def clear(self) -> None:
        """Forget all that came; the script goes on."""
        self._attempts.clear()
        self._series.clear()
        self._sketches.clear()
        self._events.clear()
        self._service_checks.clear()
        self.forgotten = 0
        self._wake_waiters()

    async def wait_for(self, predicate: Callable[["MockIntake"], bool]) -> None:
        """Wait until *predicate* holds; it is asked again after every attempt."""
        await trio.lowlevel.checkpoint()
        while not predicate(self):
            await self._changed.wait()

    def take_rule(self, route: Route | None) -> Rule | None:
        """Find the script's rule for a request, for the HTTP server."""
        return self._script.take_rule(route, trio.current_time())

    def next_number(self) -> int:
        """Number an attempt, for the HTTP server."""
        self._attempt_count += 1
        return self._attempt_count

    def record(self, attempt: Attempt) -> None:
        """Remember an attempt, and its items if it was received."""
        self._keep(self._attempts, attempt)
        if attempt.is_received:
            for item in attempt.items:
                self._keep_item(item)
        self._wake_waiters()
        if self._on_attempt is None:
            return
        try:
            self._on_attempt(attempt)
        # The one place that takes what a caller's function raises: it may look on, but
        # decides no answer.
        except Exception:
            logger.exception("on_attempt failed; the request is answered all the same")

    def _wake_waiters(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _keep_item(self, item: ReceivedItem) -> None:
        match item:
            case ReceivedSeries():
                self._keep(self._series, item)
            case ReceivedSketch():
                self._keep(self._sketches, item)
            case ReceivedEvent():
                self._keep(self._events, item)
            case ReceivedServiceCheck():
                self._keep(self._service_checks, item)

    def _keep(self, kept: deque[_Kept], value: _Kept) -> None:
        if len(kept) == kept.maxlen:
            self.forgotten += 1
        kept.append(value)
