"""Decide when a long piece of work lets other tasks run."""

import time
from collections.abc import Callable, Iterable
from typing import Final

import trio

SLICE_SECONDS: Final = 0.0005


class Pace:
    """Measures how long a task has held the event loop.

    Work that may take longer than a millisecond is written as a generator that yields
    after each small step, and is driven by `run`. Alternatively, a task checks
    `is_over` itself and awaits `rest`.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Begin a slice of work.

        Args:
            clock: returns seconds and advances during work, unlike Trio's own clock in
                some tests.
        """
        self._clock = clock
        self._slice_end = clock() + SLICE_SECONDS

    def begin(self) -> None:
        """Begin a slice, after other tasks were able to run."""
        self._slice_end = self._clock() + SLICE_SECONDS

    def is_over(self) -> bool:
        """Whether the slice is used up, so that `rest` should be awaited."""
        return self._clock() >= self._slice_end

    async def rest(self, *, is_shielded: bool = False) -> None:
        """Let other tasks run.

        Args:
            is_shielded: whether to keep out a cancel, and a Ctrl-C, which even a
                shielded scope and protected code allow at a checkpoint of the main
                task.
        """
        if is_shielded:
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            await trio.lowlevel.checkpoint()
        self.begin()

    async def run(
        self,
        steps: Iterable[None],
        on_rested: Callable[[], None] | None = None,
        *,
        is_shielded: bool = False,
    ) -> None:
        """Do all *steps*, and let other tasks run whenever a slice is used up.

        Args:
            steps: does a small piece of work for each item.
            on_rested: called each time after other tasks were able to run.
            is_shielded: whether to keep a cancel or a Ctrl-C from interrupting the
                steps.
        """
        for _ in steps:
            if self.is_over():
                await self.rest(is_shielded=is_shielded)
                if on_rested is not None:
                    on_rested()
