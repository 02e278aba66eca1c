"""Signals in, a cancelled server out: how long a server runs under the command line.

The first SIGTERM or SIGINT cancels the server, which then drains and delivers; a second
one ends the process at once. Each SIGHUP before that reloads; during the stop it means
nothing. When nobody reads any more what the sinks write, the server stops as well.
"""

import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

import trio

from statsd_trio.cli.signals import StopSignal, catch_stop_signal
from statsd_trio.config import Config
from statsd_trio.ledger import Ledger
from statsd_trio.operating.systemd import Supervisor

logger = logging.getLogger(__name__)


class RunningServer(Protocol):
    """What the command line asks of a server."""

    def ledger(self) -> Ledger:
        """Tell what became of everything."""
        ...

    def wait_sinks_ended(self) -> Awaitable[None]:
        """Wait until no sink can ever deliver anything again."""
        ...

    def reload(self, config: Config, /) -> None:
        """Take over what can change while it runs.

        Raises:
            ConfigError: if it cannot be used; nothing has changed then.
        """
        ...


class Serve(Protocol):
    """`statsd_trio.serve`, as far as the command line calls it."""

    def __call__(
        self, config: Config, /, *, task_status: trio.TaskStatus[Any]
    ) -> Awaitable[NoReturn]:
        """Serve until cancelled."""
        ...


async def serve_until_signalled(
    serve: Serve,
    config: Config,
    *,
    supervisor: Supervisor,
    announce: Callable[[RunningServer], None],
    reload: Callable[[RunningServer], Awaitable[None]],
) -> None:
    """Run *serve* until SIGTERM or SIGINT, and tell *supervisor* how it goes.

    It also ends, as a filter does, when nobody reads any more what the sinks write.

    Args:
        serve: what to run.
        config: for *serve*.
        supervisor: hears of each step.
        announce: called once it runs.
        reload: called for each SIGHUP.

    Raises:
        OSError: if an address is taken or forbidden.
        ConfigError: if the server refuses *config*.
    """
    refusal: Exception | None = None
    with _catch_hangups() as hangups, catch_stop_signal() as stop:
        # Outside of what a signal cancels: a service manager wants signs of life until
        # the last delivery is done.
        async with trio.open_nursery() as outer:
            outer.start_soon(supervisor.keep_alive)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(
                    _cancel_on_signal, stop, nursery.cancel_scope, supervisor
                )
                try:
                    server: RunningServer = await nursery.start(serve, config)
                except Exception as error:  # noqa: BLE001 - raised below, ungrouped
                    refusal = error
                    nursery.cancel_scope.cancel(reason="the server did not start")
                else:
                    announce(server)
                    supervisor.tell("READY=1")
                    nursery.start_soon(
                        _cancel_without_readers,
                        server,
                        stop,
                        nursery.cancel_scope,
                        supervisor,
                    )
                    if hangups is not None:
                        nursery.start_soon(
                            _reload_on_hangup, hangups, server, reload, supervisor
                        )
            outer.cancel_scope.cancel(reason="the server ended")
    if refusal is not None:
        raise refusal


@contextmanager
def _catch_hangups() -> Generator[AsyncIterator[int] | None]:
    """Catch SIGHUP, where there is one, from before the start until after the stop."""
    if sys.platform == "win32":
        yield None
        return
    # What is left when the receiver closes is raised again, and would end a process
    # that has just stopped cleanly.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with trio.open_signal_receiver(signal.SIGHUP) as hangups:
        yield hangups


async def _reload_on_hangup(
    hangups: AsyncIterator[int],
    server: RunningServer,
    reload: Callable[[RunningServer], Awaitable[None]],
    supervisor: Supervisor,
) -> None:
    """Reload at each SIGHUP, until cancelled.

    Source: systemd, sd_notify(3): RELOADING=1 with the monotonic time, then READY=1.
    """
    async for _ in hangups:
        logger.info("SIGHUP: reloading")
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        supervisor.tell("RELOADING=1", f"MONOTONIC_USEC={microseconds}")
        await reload(server)
        # No READY after a STOPPING.
        await trio.lowlevel.checkpoint_if_cancelled()
        supervisor.tell("READY=1")


async def _cancel_without_readers(
    server: RunningServer,
    stop: StopSignal,
    scope: trio.CancelScope,
    supervisor: Supervisor,
) -> None:
    """Cancel *scope* once nothing that is received can be delivered any more."""
    await server.wait_sinks_ended()
    stop.release()
    logger.info("nobody reads what the sinks write: stopping")
    supervisor.tell("STOPPING=1")
    scope.cancel(reason="nobody reads what the sinks write")


async def _cancel_on_signal(
    stop: StopSignal, scope: trio.CancelScope, supervisor: Supervisor
) -> None:
    """Cancel *scope* at the first signal."""
    name = await stop.wait()
    logger.info("%s: stopping; a second one ends the process at once", name)
    supervisor.tell("STOPPING=1")
    scope.cancel(reason=name)
