"""Calls what blocks in a worker thread, for which nobody has to wait to the end."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import trio

T = TypeVar("T")


class RunInThread(Protocol):
    """Calls a function where blocking is allowed."""

    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]:
        """Call *function*; a cancel leaves it to itself."""
        ...


async def run_in_thread(function: Callable[[], T]) -> T:
    """Call *function* in a worker thread; a cancel leaves it to itself."""
    return await trio.to_thread.run_sync(function, abandon_on_cancel=True)
