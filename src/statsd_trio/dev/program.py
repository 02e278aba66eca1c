"""Run a program beside the server, with its environment and signals."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import trio

# Variables that Datadog's clients prefer to the address that they should use.
_OTHER_ADDRESSES: Final = ("DD_DOGSTATSD_SOCKET", "DD_DOGSTATSD_PIPE_NAME")

_PASSED_ON: Final = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")


def make_environment(
    environment: Mapping[str, str], client: Mapping[str, str]
) -> dict[str, str]:
    """Return *environment* with clients directed to the address in *client*."""
    kept = {
        name: value
        for name, value in environment.items()
        if not client or name not in _OTHER_ADDRESSES
    }
    return {**kept, **client}


async def run_program(
    command: Sequence[str],
    environment: Mapping[str, str],
    on_started: Callable[[int], None] = lambda _: None,
    on_asked: Callable[[str, int], None] = lambda _name, _left: None,
) -> int:
    """Run *command* to its end; return its exit code as a shell would.

    Signals that reach this process are passed on to the program. It has the same
    standard input and outputs.

    Args:
        command: the program and its arguments.
        environment: the complete environment of the program.
        on_started: called with the program's process id.
        on_asked: called for each signal that asks the program to end, but not for the
            first key of a terminal, with the name of the signal and how many more of
            them kill the program.

    Raises:
        OSError: if the program cannot be started.
    """
    numbers = [getattr(signal, name) for name in _PASSED_ON if hasattr(signal, name)]
    with trio.open_signal_receiver(*numbers) as signals:
        process = await trio.lowlevel.open_process(list(command), env=dict(environment))
        on_started(process.pid)
        async with trio.open_nursery() as nursery:

            async def pass_on() -> None:
                asked = 0
                async for number in signals:
                    asked += number in _STOPS
                    left = _ASKED_TO_KILL - asked
                    if left <= 0:
                        process.kill()
                        continue
                    # A terminal sends the signals of Ctrl-C and Ctrl-\ to both
                    # processes.
                    has_it = number in _KEYS and is_in_foreground()
                    if not has_it:
                        process.send_signal(number)
                    # Most programs end at the first Ctrl-C, which needs no words.
                    if number in _STOPS and not (has_it and asked == 1):
                        on_asked(signal.Signals(number).name, left)

            nursery.start_soon(pass_on)
            try:
                code = await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
            nursery.cancel_scope.cancel(reason="the program ended")
    return code if code >= 0 else 128 - code


def is_in_foreground() -> bool:
    """Return whether a terminal's keys reach this process, and its children."""
    if sys.platform == "win32":
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


# After this many signals that ask a program to end, it is killed.
_ASKED_TO_KILL: Final = 3
_STOPS: Final = {
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGQUIT", "SIGBREAK")
    if hasattr(signal, name)
}

_KEYS: Final = {
    getattr(signal, name)
    for name in ("SIGINT", "SIGQUIT", "SIGBREAK")
    if hasattr(signal, name)
}
