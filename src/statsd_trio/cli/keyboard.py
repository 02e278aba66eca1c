"""Read the keyboard of the terminal that a command runs in, key by key."""

import os
import select
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TextIO

if sys.platform != "win32":
    import termios
    import tty

_QUIT = frozenset(b"qQ")


@contextmanager
def open_keyboard(
    stream: TextIO | None,
) -> Generator[Callable[[float], bool]]:
    """Read the keys of *stream* within the block, without waiting for Enter.

    Yields a function that waits for a number of seconds, and returns True at once if
    *q* is pressed. If *stream* is not a terminal, or on Windows, it only waits. Ctrl-C
    works as usual, and the terminal is restored at the end.
    """
    if sys.platform == "win32" or stream is None or not stream.isatty():
        yield _wait
        return
    descriptor = stream.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield lambda seconds: _wait_for_quit(descriptor, seconds)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _wait(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def _wait_for_quit(descriptor: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            break
        keys = os.read(descriptor, 64)
        # At its end the terminal is gone, and would always be ready to be read.
        if not keys or not _QUIT.isdisjoint(keys):
            return True
    return False
