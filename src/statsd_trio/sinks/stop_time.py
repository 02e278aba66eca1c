"""Limit how long a sink may take when it has to stop."""

import math
from collections.abc import Generator
from contextlib import contextmanager

import trio


class StopTime:
    """The time that a stop may take: unlimited until `begin` sets it."""

    def __init__(self) -> None:
        self._start = math.inf
        self._seconds = 0.0
        # The scopes, each with its part of the time and its extra seconds.
        self._scopes: dict[trio.CancelScope, tuple[float, float]] = {}

    def begin(self, seconds: float) -> None:
        """Begin the stop, which may take *seconds*."""
        self._start = trio.current_time()
        self._seconds = seconds
        for scope, limit in self._scopes.items():
            self._set_deadline(scope, *limit)

    @contextmanager
    def limit(
        self, *, part: float = 1.0, extra_seconds: float = 0.0, shield: bool = False
    ) -> Generator[trio.CancelScope]:
        """Cancel the block at the end of the time, even if the stop begins later.

        Args:
            part: the part of the time after which the block is cancelled.
            extra_seconds: how much longer the block may take.
            shield: whether to protect the block from other cancels.
        """
        with trio.CancelScope(shield=shield) as scope:
            self._set_deadline(scope, part, extra_seconds)
            self._scopes[scope] = (part, extra_seconds)
            try:
                yield scope
            finally:
                del self._scopes[scope]

    def _set_deadline(
        self, scope: trio.CancelScope, part: float, extra_seconds: float
    ) -> None:
        scope.deadline = self._start + self._seconds * part + extra_seconds
        if scope.deadline <= trio.current_time():
            # Trio acts on a deadline a moment later, and something might begin in that
            # moment.
            scope.cancel()
