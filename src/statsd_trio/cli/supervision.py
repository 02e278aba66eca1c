"""Signals in, a cancelled server out: how long a server runs under the command line.

The first SIGTERM or SIGINT cancels the server, which then drains and delivers. From
then on both signals have the system's own effect again, so that a second one ends the
process at once, even where no Python code would get to run.
"""

import logging
import signal
from collections.abc import Awaitable, Callable
from typing import Any, Final, NoReturn, Protocol

import trio

from statsd_trio.config import Config
from statsd_trio.ledger import Ledger
from statsd_trio.operating.systemd import Supervisor

logger = logging.getLogger(__name__)

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)


class RunningServer(Protocol):
    """What the command line asks of a server."""

    def ledger(self) -> Ledger:
        """Tell what became of everything."""
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
) -> None:
    """Run *serve* until SIGTERM or SIGINT, and tell *supervisor* how it goes.

    Raises:
        OSError: if an address is taken or forbidden.
        ConfigError: if the server refuses *config*.
    """
    refusal: Exception | None = None
    # Outside of what a signal cancels: a service manager wants signs of life until
    # the last delivery is done.
    async with trio.open_nursery() as outer:
        outer.start_soon(supervisor.keep_alive)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_on_signal, nursery.cancel_scope, supervisor)
            try:
                server: RunningServer = await nursery.start(serve, config)
            except Exception as error:  # noqa: BLE001 - raised below, ungrouped
                refusal = error
                nursery.cancel_scope.cancel(reason="the server did not start")
            else:
                announce(server)
                supervisor.tell("READY=1")
        outer.cancel_scope.cancel(reason="the server ended")
    if refusal is not None:
        raise refusal


async def _cancel_on_signal(scope: trio.CancelScope, supervisor: Supervisor) -> None:
    """Wait for a signal, cancel *scope*, and let the next signal end the process."""
    with trio.open_signal_receiver(*_STOPPING) as signals:
        number = await anext(signals)
    for each in _STOPPING:
        signal.signal(each, signal.SIG_DFL)
    name = signal.Signals(number).name
    logger.info("%s: stopping; a second one ends the process at once", name)
    supervisor.tell("STOPPING=1")
    scope.cancel(reason=name)
