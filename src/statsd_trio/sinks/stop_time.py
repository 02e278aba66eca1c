"""How long what runs a sink may take once it is to stop."""

import math
from collections.abc import Generator
from contextlib import contextmanager

import trio


class StopTime:
    """The time that a stop may take: unlimited until `begin` says how much it is."""

    def __init__(self) -> None:
        self._start = math.inf
        self._seconds = 0.0
        # Each with the part of the time, and the seconds beyond it, that it has.
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
        """Cancel the block at the end of the time, whether the stop has begun or not.

        Args:
            part: of the time, after which the block is cancelled.
            extra_seconds: for which the block may go on after that.
            shield: no other cancel reaches the block.
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
            # Trio heeds a deadline a moment later, in which something might begin.
            scope.cancel()
