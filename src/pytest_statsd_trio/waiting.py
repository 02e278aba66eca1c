"""Waiting in a thread that is not the server's, until what arrived will do."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from pytest_statsd_trio.barrier import Barrier
from pytest_statsd_trio.recorder import Recorder

# How long what was sent may take to be taken in, on a machine with much to do.
BARRIER_SECONDS: Final = 2.0


class Outcome(NamedTuple):
    """How a wait ended.

    Attributes:
        silent: the transports by which the server took in nothing.
    """

    is_met: bool
    silent: list[str]


class Waiter:
    """Waits for arrivals at *recorder*, each time behind a barrier."""

    def __init__(self, barrier: Barrier, recorder: Recorder) -> None:
        self._barrier = barrier
        self._recorder = recorder

    def wait_until(self, is_met: Callable[[], bool], seconds: float) -> Outcome:
        """Wait until *is_met*, for *seconds* at most.

        It is asked only when all that was sent is recorded: what was sent together
        is judged together, and a counter is never read half-way. Even with no seconds
        to wait, what was sent before is taken in.
        """
        began = time.monotonic()
        deadline = began + seconds
        while True:
            silent = self._barrier.pass_through(began + max(seconds, BARRIER_SECONDS))
            arrivals = self._recorder.arrivals
            if is_met():
                return Outcome(is_met=True, silent=silent)
            if not self._recorder.wait_for_arrival(arrivals, deadline):
                return Outcome(is_met=False, silent=silent)

    def settle(self, seconds: float) -> list[str]:
        """Wait until all that was sent is recorded; return who gave no answer."""
        deadline = time.monotonic() + max(seconds, BARRIER_SECONDS)
        return self._barrier.pass_through(deadline)
