"""The work behind the methods of a fixture, and the ways to run it.

Each method does its work in a coroutine. It runs in the thread of a test that may
block, in another thread while the loop of the test runs on, or in that loop itself.
"""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol, TypeAlias, TypeVar

import trio

from pytest_statsd_trio.expectations import Expectation, NothingExpectation
from pytest_statsd_trio.failure import (
    Circumstances,
    find_losses,
    write_absence,
    write_forgotten,
    write_invalid,
    write_losses,
    write_silence,
    write_unwanted,
)
from pytest_statsd_trio.lines import write_snapshot
from pytest_statsd_trio.session import Session
from pytest_statsd_trio.waiting import run_blocking

_T = TypeVar("_T")

Work: TypeAlias = Callable[[], Coroutine[Any, Any, _T]]


class Checks:
    """Checks of what *session* receives; each one waits until everything has arrived.

    A check waits for as many seconds as it is told, or as the session says.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ledger_before = session.read_ledger()

    async def wait_for(self, expectation: Expectation, seconds: float | None) -> None:
        """Wait until *expectation* is met."""
        __tracebackhide__ = True
        waited = self._choose_seconds(seconds)
        outcome = await self._session.waiter.wait_until(
            lambda: expectation.is_met(self._session.recorder.read()), waited
        )
        if not outcome.is_met:
            raise AssertionError(
                write_absence(expectation, self._look(), outcome.silent, waited)
            )

    async def settle(self, seconds: float | None = None) -> None:
        """Wait until everything that was sent is received."""
        __tracebackhide__ = True
        silent = await self._session.waiter.settle(self._choose_seconds(seconds))
        if silent:
            raise AssertionError(write_silence(silent))

    async def write_snapshot(self, mask: bool | Iterable[str]) -> str:
        """Return everything that was sent as text."""
        __tracebackhide__ = True
        await self.settle()
        return write_snapshot(self._session.recorder.read(), mask)

    async def check_nothing(
        self, expectation: NothingExpectation, seconds: float | None
    ) -> None:
        """Check that nothing was sent which *expectation* describes."""
        __tracebackhide__ = True
        await self.settle(seconds)
        circumstances = self._look()
        if not expectation.is_met(circumstances.received):
            raise AssertionError(write_unwanted(expectation, circumstances))

    async def check_valid(self) -> None:
        """Check that no line was rejected."""
        __tracebackhide__ = True
        await self.settle()
        rejected = self._session.recorder.read().rejected
        if rejected:
            raise AssertionError(write_invalid(rejected))

    async def check_lossless(self) -> None:
        """Check that nothing was lost."""
        __tracebackhide__ = True
        await self.settle()
        losses = list(find_losses(self._ledger_before, self._session.read_ledger()))
        if losses:
            raise AssertionError(write_losses(losses))

    def _look(self) -> Circumstances:
        recorder = self._session.recorder
        return Circumstances(recorder.read(), recorder.late, self._session.endpoint)

    def _choose_seconds(self, seconds: float | None) -> float:
        return self._session.timeout_seconds if seconds is None else seconds


def run_now(work: Work[_T]) -> _T:
    """Do *work* in this thread, which waits for it.

    Raises:
        RuntimeError: if an event loop is running in this thread.
    """
    __tracebackhide__ = True
    loop = _find_running_loop()
    if loop:
        raise RuntimeError(
            f"`dogstatsd` waits in this thread, where {loop} is running and could do "
            "nothing meanwhile: use the fixture `dogstatsd_async`, and `await` its "
            "assertions"
        )
    return run_blocking(work())


def _find_running_loop() -> str:
    if trio.lowlevel.in_trio_run():
        return "Trio"
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return ""
    return "asyncio"


async def run_in_thread(work: Work[_T]) -> _T:
    """Do *work* in a thread that waits for it, while the loop of the test runs on."""
    if trio.lowlevel.in_trio_run():
        # Another plugin than pytest-trio may run tests with Trio.
        return await trio.to_thread.run_sync(run_now, work)
    return await asyncio.to_thread(run_now, work)


async def run_in_loop(work: Work[_T]) -> _T:
    """Do *work* in the loop of the test."""
    return await work()


class Run(Protocol):
    """A way to do work that is awaited."""

    def __call__(self, work: Work[_T], /) -> Coroutine[Any, Any, _T]: ...  # noqa: D102


class Calls:
    """The calls of one test that must be awaited; forgotten ones can be found.

    Args:
        run: does the work of a call.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._calls: list[tuple[Coroutine[Any, Any, Any], str]] = []

    def start(self, work: Work[_T]) -> Coroutine[Any, Any, _T]:
        """Return a coroutine that does *work*, and remember it until it is awaited."""
        coroutine = self._run(work)
        self._calls = [call for call in self._calls if _is_waiting(call[0])]
        self._calls.append((coroutine, _describe_call()))
        return coroutine

    def take_forgotten(self) -> list[str]:
        """Return descriptions of the calls that were never awaited, and close them."""
        forgotten = [call for call in self._calls if _is_waiting(call[0])]
        self._calls = []
        for coroutine, _ in forgotten:
            # Otherwise Python would warn about it at some later time, in another test.
            coroutine.close()
        return [text for _, text in forgotten]


def _is_waiting(coroutine: Coroutine[Any, Any, Any]) -> bool:
    return inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED


def _describe_call() -> str:
    """Describe which method of a fixture was called, and where."""
    frame = inspect.currentframe()
    method = ""
    while frame is not None and frame.f_globals.get("__package__") == __package__:
        method = frame.f_code.co_name
        frame = frame.f_back
    where = f" in {frame.f_code.co_filename}:{frame.f_lineno}" if frame else ""
    return f"{method}(){where}"


def find_problems(
    session: Session, calls: Calls | None = None, *, is_strict: bool
) -> list[str]:
    """Return what is wrong with a test that has ended.

    Args:
        session: the session that the test used.
        calls: the calls that it had to await.
        is_strict: whether rejected lines are a problem.
    """
    problems = list(map(write_forgotten, calls.take_forgotten() if calls else ()))
    if is_strict:
        silent = session.collect()
        if silent:
            problems.append(write_silence(silent))
        rejected = session.recorder.read().rejected
        if rejected:
            problems.append(write_invalid(rejected))
    return problems
