"""Tasks that a Ctrl-C does not interrupt in mid-work."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TypeVarTuple

import trio

_Arguments = TypeVarTuple("_Arguments")


def uninterrupted(
    work: Callable[[*_Arguments], Awaitable[None]],
) -> Callable[[*_Arguments], Awaitable[None]]:
    """Make a task of *work* that loses nothing it has in hand to a Ctrl-C.

    Trio raises KeyboardInterrupt wherever the program happens to be, unless that is
    protected: then it waits for the main task's next checkpoint, and reaches this one
    as a cancel, like any other stop. A task that *work* starts is none of this one's
    frames, so each of those has the mark itself.
    """

    @wraps(work)
    @trio.lowlevel.enable_ki_protection
    async def run(*arguments: *_Arguments) -> None:
        await work(*arguments)

    return run
