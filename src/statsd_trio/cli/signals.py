"""Handle signals: when a command stops, and when a server reloads its configuration.

The first SIGTERM or SIGINT stops a command; a second one ends the process at once. A
server that is stopped like this drains and delivers. Each SIGHUP before that reloads;
during the stop it is ignored. When nobody reads the output of the sinks any more, the
server stops as well.
"""

import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, NoReturn, Protocol

import trio

from statsd_trio.config import Config
from statsd_trio.ledger import Ledger
from statsd_trio.operating.systemd import SystemdNotifier

logger = logging.getLogger(__name__)

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)

# Windows does not have it.
_HANGUP: Final[signal.Signals | None] = getattr(signal, "SIGHUP", None)


class StopSignal:
    """The first signal caught by `catch_stop_signal`."""

    def __init__(self) -> None:
        self.is_released = False
        self._number = signal.SIGTERM
        self._came = trio.Event()
        self._token = trio.lowlevel.current_trio_token()

    async def wait(self) -> str:
        """Wait for the signal, and return its name."""
        await self._came.wait()
        return self._number.name

    def release(self) -> None:
        """Restore the default effect of both signals: the next one ends the process.

        A command that stops for another reason calls this too.
        """
        self.is_released = True
        for number in _STOPPING:
            signal.signal(number, signal.SIG_DFL)

    def catch(self, number: int, _frame: FrameType | None) -> None:
        """Record that a signal arrived."""
        # This is not done in a task: if the loop is held up, no task gets to run.
        self.release()
        self._number = signal.Signals(number)
        self._token.run_sync_soon(self._came.set)

    def catch_hangup(self, number: int, frame: FrameType | None) -> None:
        """Record that the terminal was closed, and ignore further hangups."""
        ignore_hangups()
        self.catch(number, frame)


@contextmanager
def catch_stop_signal(*, with_hangup: bool = False) -> Generator[StopSignal]:
    """Catch the first SIGTERM or SIGINT, within a block of Trio's main thread.

    Args:
        with_hangup: whether SIGHUP stops the command as well, unless the process was
            started to ignore it, as ``nohup`` does. After the block SIGHUP is ignored,
            because a terminal that is closed may send several.
    """
    stop = StopSignal()
    if with_hangup and _HANGUP is not None and ignore_hangups():
        signal.signal(_HANGUP, stop.catch_hangup)
    before = {number: signal.signal(number, stop.catch) for number in _STOPPING}
    try:
        yield stop
    finally:
        if with_hangup:
            ignore_hangups()
        if not stop.is_released:
            for number, handler in before.items():
                signal.signal(number, handler)


def ignore_hangups() -> bool:
    """Ignore SIGHUP until the process ends; return whether this is new."""
    if _HANGUP is None:
        return False
    return signal.signal(_HANGUP, signal.SIG_IGN) is not signal.SIG_IGN


class RunningServer(Protocol):
    """What the command line needs from a server."""

    def ledger(self) -> Ledger:
        """Return the server's ledger."""
        ...

    def wait_sinks_ended(self) -> Awaitable[None]:
        """Wait until no sink can ever deliver anything again."""
        ...

    def reload(self, config: Config, /) -> None:
        """Apply what can change in a running server.

        Raises:
            ConfigError: if the configuration cannot be used; nothing has changed then.
        """
        ...


class Serve(Protocol):
    """`statsd_trio.serve`, as the command line calls it."""

    def __call__(
        self, config: Config, /, *, task_status: trio.TaskStatus[Any]
    ) -> Awaitable[NoReturn]:
        """Serve until cancelled."""
        ...


async def serve_until_signalled(
    serve: Serve,
    config: Config,
    *,
    notifier: SystemdNotifier,
    announce: Callable[[RunningServer], None],
    reload: Callable[[RunningServer], Awaitable[None]],
) -> None:
    """Run *serve* until SIGTERM or SIGINT, and report each step to *notifier*.

    Like a filter, it also ends when nobody reads the output of the sinks any more.

    Args:
        serve: the function to run.
        config: the argument for *serve*.
        notifier: reports each step to the service manager.
        announce: called when the server runs.
        reload: called for each SIGHUP.

    Raises:
        OSError: if an address is taken or forbidden.
        ConfigError: if the server cannot use *config*.
    """
    failure: Exception | None = None
    with _catch_hangups() as hangups, catch_stop_signal() as stop:
        # A signal does not cancel this: a service manager wants signs of life until the
        # last delivery is done.
        async with trio.open_nursery() as outer:
            outer.start_soon(notifier.keep_alive)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(
                    _cancel_on_signal, stop, nursery.cancel_scope, notifier
                )
                try:
                    server: RunningServer = await nursery.start(serve, config)
                except Exception as error:  # noqa: BLE001 - raised below, ungrouped
                    failure = error
                    nursery.cancel_scope.cancel(reason="the server did not start")
                else:
                    announce(server)
                    notifier.notify("READY=1")
                    nursery.start_soon(
                        _cancel_without_readers,
                        server,
                        stop,
                        nursery.cancel_scope,
                        notifier,
                    )
                    if hangups is not None:
                        nursery.start_soon(
                            _reload_on_hangup, hangups, server, reload, notifier
                        )
            outer.cancel_scope.cancel(reason="the server ended")
    if failure is not None:
        raise failure


@contextmanager
def _catch_hangups() -> Generator[AsyncIterator[int] | None]:
    """Catch SIGHUP, if there is one, from before the start until after the stop."""
    if sys.platform == "win32":
        yield None
        return
    # Signals that are left when the receiver closes are raised again, and would end a
    # process that has just stopped cleanly.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with trio.open_signal_receiver(signal.SIGHUP) as hangups:
        yield hangups


async def _reload_on_hangup(
    hangups: AsyncIterator[int],
    server: RunningServer,
    reload: Callable[[RunningServer], Awaitable[None]],
    notifier: SystemdNotifier,
) -> None:
    """Reload at each SIGHUP, until cancelled.

    Source: systemd, sd_notify(3): RELOADING=1 with the monotonic time, then READY=1.
    """
    async for _ in hangups:
        logger.info("SIGHUP: reloading")
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        notifier.notify("RELOADING=1", f"MONOTONIC_USEC={microseconds}")
        await reload(server)
        # READY must not follow STOPPING.
        await trio.lowlevel.checkpoint_if_cancelled()
        notifier.notify("READY=1")


async def _cancel_without_readers(
    server: RunningServer,
    stop: StopSignal,
    scope: trio.CancelScope,
    notifier: SystemdNotifier,
) -> None:
    """Cancel *scope* when nothing can be delivered any more."""
    await server.wait_sinks_ended()
    stop.release()
    logger.info("nobody reads what the sinks write: stopping")
    notifier.notify("STOPPING=1")
    scope.cancel(reason="nobody reads what the sinks write")


async def _cancel_on_signal(
    stop: StopSignal, scope: trio.CancelScope, notifier: SystemdNotifier
) -> None:
    """Cancel *scope* at the first signal."""
    name = await stop.wait()
    logger.info("%s: stopping; a second one ends the process at once", name)
    notifier.notify("STOPPING=1")
    scope.cancel(reason=name)
