"""Protect code from being interrupted by Ctrl-C."""

from types import CodeType
from typing import Protocol, TypeVar

import trio


class _HasCode(Protocol):
    __code__: CodeType


_Function = TypeVar("_Function", bound=_HasCode)


def protect_from_ki(function: _Function) -> _Function:
    """Decorate *function* so that Ctrl-C interrupts neither it nor what it calls.

    Without this, Trio raises KeyboardInterrupt wherever the program happens to be. In
    protected code it waits for the main task's next checkpoint, and our tasks see it as
    a cancel, like any other stop.

    A task that *function* starts is not protected by this; the function that runs in
    that task needs the decorator too.
    """
    return trio.lowlevel.enable_ki_protection(function)
