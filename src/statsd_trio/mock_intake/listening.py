"""Open the intake on a port, for one `async with`; this needs the extra ``http``."""

import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Final

import trio
from starlette.types import Receive, Scope, Send

from statsd_trio.mock_intake.intake import MockIntake
from statsd_trio.mock_intake.received import Attempt
from statsd_trio.mock_intake.receiving import MAX_READ_BYTES, Receiving
from statsd_trio.mock_intake.script import Rule
from statsd_trio.mock_intake.views import is_view, make_views
from statsd_trio.web import Limits, serve_web

# A test may open as many connections as it likes, and one that it leaves idle over
# hours of virtual time stays open. The limit for bodies is the intake's own.
_LIMITS: Final = Limits(max_body_bytes=MAX_READ_BYTES + 1024 * 1024)

# A million small series take twice as much, and no test looks at as many.
MAX_KEPT_BYTES: Final = 256 * 1024 * 1024


@asynccontextmanager
async def open_mock_intake(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    script: Iterable[Rule] = (),
    api_keys: Collection[str] | None = None,
    wall_clock: Callable[[], float] = time.time,
    max_kept: int = 1_000_000,
    max_kept_bytes: int = MAX_KEPT_BYTES,
    on_attempt: Callable[[Attempt], None] | None = None,
) -> AsyncGenerator[MockIntake]:
    """Listen like Datadog's intake, until the block ends.

    It listens when the block begins, and is gone when the block ends, even if requests
    are still waiting. Whatever the block raises is passed on unchanged.

    Args:
        host: where to listen; the first address that it resolves to is used.
        port: 0 picks a free port.
        script: the faults to begin with; `MockIntake.play` changes them.
        api_keys: the keys to accept; None accepts every key that is not empty.
        wall_clock: returns the time of attempts.
        max_kept: how many attempts, series, sketches, events and checks are kept of
            each; beyond it the oldest are forgotten.
        max_kept_bytes: how much memory they may take together; beyond it the oldest
            attempts are forgotten, with what they brought.
        on_attempt: called with every attempt, before it is answered. What it raises is
            logged, and does not change an answer.

    Raises:
        OSError: if the port cannot be bound; the message names host and port.
    """
    # A string is a collection of strings too, but is never meant as one here.
    keys = (
        None
        if api_keys is None
        else frozenset([api_keys] if isinstance(api_keys, str) else api_keys)
    )
    failure: Exception | None = None
    async with await _open_listener(host, port) as listener:
        bound_host, bound_port = listener.socket.getsockname()[:2]
        intake = MockIntake(
            (bound_host, bound_port),
            script=script,
            max_kept=max_kept,
            max_kept_bytes=max_kept_bytes,
            on_attempt=on_attempt,
        )
        receiving = Receiving(intake, api_keys=keys, wall_clock=wall_clock)
        views = make_views(intake)

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            chosen = views if is_view(scope["path"]) else receiving
            await chosen(scope, receive, send)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_web, application, [listener], _LIMITS)
            try:
                yield intake
            except Exception as error:  # noqa: BLE001 -- raised below, ungrouped
                failure = error
            finally:
                nursery.cancel_scope.cancel(reason="the mock intake was closed")
    if failure is not None:
        raise failure


async def _open_listener(host: str, port: int) -> trio.SocketListener:
    try:
        first, *others = await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        message = f"cannot listen on {host} port {port}: {error.strerror or error}"
        raise OSError(error.errno, message) from error
    for listener in others:
        await listener.aclose()
    return first
