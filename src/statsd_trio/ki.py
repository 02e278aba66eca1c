"""Protection from a Ctrl-C that comes in mid-work."""

from types import CodeType
from typing import Protocol, TypeVar

import trio


class _HasCode(Protocol):
    __code__: CodeType


_Function = TypeVar("_Function", bound=_HasCode)


def protect_from_ki(function: _Function) -> _Function:
    """Decorate *function* so that a Ctrl-C never interrupts it, nor what it calls.

    Trio raises KeyboardInterrupt wherever the program happens to be, unless that is
    protected. Then it waits for the main task's next checkpoint, and a task of ours
    sees it as a cancel, like any other stop.

    A task that *function* starts is not protected by it: what runs in that task needs
    the decorator too.
    """
    return trio.lowlevel.enable_ki_protection(function)
