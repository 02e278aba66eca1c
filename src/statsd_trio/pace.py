"""When a long piece of work lets others run: the one place that decides it."""

import time
from collections.abc import Callable, Iterable
from typing import Final

import trio

SLICE_SECONDS: Final = 0.0005


class Pace:
    """Measures how long a task has held the event loop.

    Work that may take longer than a millisecond is a generator that yields after each
    small step, and `run` drives it; or it looks at `is_over` itself and awaits `rest`.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Begin a slice.

        Args:
            clock: seconds, which go on while work is done; Trio's own clock may not.
        """
        self._clock = clock
        self._slice_end = clock() + SLICE_SECONDS

    def begin(self) -> None:
        """Begin a slice, after something that let others run."""
        self._slice_end = self._clock() + SLICE_SECONDS

    def is_over(self) -> bool:
        """Whether the slice is used up, and `rest` is due."""
        return self._clock() >= self._slice_end

    async def rest(self, *, is_shielded: bool = False) -> None:
        """Let others run.

        Args:
            is_shielded: no cancel comes in, and no Ctrl-C, which even a shielded scope
                and protected code lets in at a checkpoint of the main task.
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
        """Do all *steps*, and let others run whenever a slice is used up.

        Args:
            steps: does a small piece of work for each item.
            on_rested: called each time after others could run.
            is_shielded: neither a cancel nor a Ctrl-C comes between two steps.
        """
        for _ in steps:
            if self.is_over():
                await self.rest(is_shielded=is_shielded)
                if on_rested is not None:
                    on_rested()
