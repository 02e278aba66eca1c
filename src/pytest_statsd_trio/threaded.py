"""`dogstatsd_async` outside of Trio: the waits of `dogstatsd`, each in a thread."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import trio

from pytest_statsd_trio.waiting import Outcome, Waiter

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ThreadedWaiter:
    """Waits as *waiter*, while the loop of the caller runs on."""

    def __init__(self, waiter: Waiter) -> None:
        self._waiter = waiter

    async def wait_until(self, is_met: Callable[[], bool], seconds: float) -> Outcome:
        """Wait until *is_met*, for *seconds* at most."""
        return await _run_in_thread(self._waiter.wait_until, is_met, seconds)

    async def settle(self, seconds: float) -> list[str]:
        """Wait until all that was sent is recorded; return who gave no answer."""
        return await _run_in_thread(self._waiter.settle, seconds)


async def _run_in_thread(
    function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
) -> _T:
    if trio.lowlevel.in_trio_run():
        # Another plugin than pytest-trio may run tests with Trio.
        return await trio.to_thread.run_sync(lambda: function(*args, **kwargs))
    return await asyncio.to_thread(function, *args, **kwargs)
