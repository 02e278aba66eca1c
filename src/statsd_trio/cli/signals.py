"""SIGTERM and SIGINT: the first one stops a command, a second one ends the process."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import trio

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)


class StopSignal:
    """The first of the signals that `catch_stop_signal` catches."""

    def __init__(self) -> None:
        self.is_released = False
        self._number = signal.SIGTERM
        self._came = trio.Event()
        self._token = trio.lowlevel.current_trio_token()

    async def wait(self) -> str:
        """Wait for it, and return its name."""
        await self._came.wait()
        return self._number.name

    def release(self) -> None:
        """Give both signals the system's own effect, so that the next ends the process.

        A command that stops for another reason calls it too.
        """
        self.is_released = True
        for number in _STOPPING:
            signal.signal(number, signal.SIG_DFL)

    def catch(self, number: int, _frame: FrameType | None) -> None:
        """Note that a signal came."""
        # Here, and not in a task: the loop may be held up, so that no task gets to run.
        self.release()
        self._number = signal.Signals(number)
        self._token.run_sync_soon(self._came.set)


@contextmanager
def catch_stop_signal() -> Generator[StopSignal]:
    """Catch the first SIGTERM or SIGINT, within a block of Trio's main thread."""
    stop = StopSignal()
    before = {number: signal.signal(number, stop.catch) for number in _STOPPING}
    try:
        yield stop
    finally:
        if not stop.is_released:
            for number, handler in before.items():
                signal.signal(number, handler)
