"""Restart a listener that fails, without affecting the other listeners."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

import trio

from statsd_trio.counters import ListenerCounters

logger = logging.getLogger(__name__)

# A problem that is over in a moment is hardly noticed; a lasting one is logged twice a
# minute.
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0


def count_failure(counters: ListenerCounters, error: OSError) -> None:
    """Record that a listener fails, for the ledger and the health check."""
    counters.failures += 1
    counters.failure = error.strerror or str(error)


async def retry(
    work: Callable[[], Awaitable[None]], counters: ListenerCounters
) -> NoReturn:
    """Run *work* until cancelled, and run it again whenever it raises an `OSError`.

    The pauses grow up to `LONGEST_PAUSE_SECONDS`, and start short again once *work* has
    run for that long. A failure is counted and logged, and until the next try the
    health check gives it as the reason why the listener is not ready.
    """
    pause = FIRST_PAUSE_SECONDS
    while True:
        started = trio.current_time()
        try:
            await work()
        except OSError as error:
            if trio.current_time() - started >= LONGEST_PAUSE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            count_failure(counters, error)
            logger.error(  # noqa: TRY400 - an operator needs no traceback
                "%s: receiving failed: %s. Trying again in %g seconds",
                counters.name,
                counters.failure,
                pause,
            )
        await trio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        logger.info("%s: trying to receive again", counters.name)
        # If it still fails, that is found out at once.
        counters.failure = ""
