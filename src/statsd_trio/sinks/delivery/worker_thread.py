"""Call functions that block in a worker thread, which a cancel does not wait for."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import trio

T = TypeVar("T")


class RunInThread(Protocol):
    """Calls a function in a place where blocking is allowed."""

    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]:
        """Call *function*; after a cancel it runs on by itself."""
        ...


async def run_in_thread(function: Callable[[], T]) -> T:
    """Call *function* in a worker thread; after a cancel it runs on by itself."""
    return await trio.to_thread.run_sync(function, abandon_on_cancel=True)
