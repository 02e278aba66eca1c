"""What must be awaited: coroutines that a test made and forgot are found at its end."""

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Calls:
    """The calls of one fixture that have not begun to run yet."""

    def __init__(self) -> None:
        self._calls: list[tuple[Coroutine[Any, Any, Any], str]] = []

    def add(self, coroutine: Coroutine[Any, Any, Any], text: str) -> None:
        """Remember *coroutine*, made by the call that *text* shows."""
        self._calls = [call for call in self._calls if _is_waiting(call[0])]
        self._calls.append((coroutine, text))

    def take_forgotten(self) -> list[str]:
        """Take the calls that were never awaited, as text; they cannot run any more."""
        forgotten = [call for call in self._calls if _is_waiting(call[0])]
        self._calls = []
        for coroutine, _ in forgotten:
            # Otherwise Python warns of it, at some later time and in another test.
            coroutine.close()
        return [text for _, text in forgotten]


class _Owner(Protocol):
    @property
    def calls(self) -> Calls: ...


_S = TypeVar("_S", bound=_Owner)


def must_be_awaited(
    method: Callable[Concatenate[_S, _P], Coroutine[Any, Any, _T]],
) -> Callable[Concatenate[_S, _P], Coroutine[Any, Any, _T]]:
    """Remember each call of *method* until it is awaited."""

    @functools.wraps(method)
    def call(self: _S, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, _T]:
        coroutine = method(self, *args, **kwargs)
        frame = inspect.currentframe()
        caller = None if frame is None else frame.f_back
        place = f" in {caller.f_code.co_filename}:{caller.f_lineno}" if caller else ""
        shown = [repr(arg) for arg in args]
        shown += [f"{name}={arg!r}" for name, arg in kwargs.items()]
        self.calls.add(coroutine, f"{method.__name__}({', '.join(shown)}){place}")
        return coroutine

    return cast("Callable[Concatenate[_S, _P], Coroutine[Any, Any, _T]]", call)


def _is_waiting(coroutine: Coroutine[Any, Any, Any]) -> bool:
    return inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED
