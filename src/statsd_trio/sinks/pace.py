"""When a long piece of work should let others run."""

import time
from typing import Final

import trio

_SLICE_SECONDS: Final = 0.001


class Pace:
    """Measures how long a task has held the event loop."""

    def __init__(self) -> None:
        self._slice_end = time.perf_counter() + _SLICE_SECONDS

    def is_over(self) -> bool:
        """Whether the slice is used up, and `rest` is due."""
        return time.perf_counter() >= self._slice_end

    async def rest(self) -> None:
        """Let others run."""
        await trio.lowlevel.checkpoint()
        self._slice_end = time.perf_counter() + _SLICE_SECONDS
