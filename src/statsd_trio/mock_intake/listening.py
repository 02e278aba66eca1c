"""The intake on its port: Starlette on hypercorn, on Trio, for one `async with`."""

import logging
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import trio
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from starlette.applications import Starlette

from statsd_trio.mock_intake.answering import CONNECTION_KEY
from statsd_trio.mock_intake.connection import Connection
from statsd_trio.mock_intake.intake import MockIntake
from statsd_trio.mock_intake.received import Attempt
from statsd_trio.mock_intake.receiving import Receiving
from statsd_trio.mock_intake.script import Rule
from statsd_trio.mock_intake.views import make_application

logger = logging.getLogger(__name__)

# A connection that a test leaves idle over hours of virtual time stays open.
_KEEP_ALIVE_SECONDS: Final = 7 * 86400.0

# A million small series take twice that; no test looks at as many.
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
    """Listen as Datadog's intake does, until the block is left.

    It listens when the block begins, and is gone when the block ends, whatever
    requests still hang. What the block raises leaves it unchanged.

    Args:
        host: where to listen; the first address that it resolves to.
        port: 0 for any free port.
        script: the faults to begin with; `MockIntake.play` changes them.
        api_keys: the keys to let in; None for every key that is not empty.
        wall_clock: what stamps the attempts.
        max_kept: how many attempts, series, sketches, events and checks are kept
            of each; beyond it the oldest are forgotten.
        max_kept_bytes: how much memory they may take, all together; beyond it the
            oldest attempts are forgotten, with what they brought.
        on_attempt: called with every attempt, before it is answered. What it raises
            is logged, and changes no answer.

    Raises:
        OSError: naming host and port, if the port cannot be had.
    """
    # A string is a collection of strings too, but never meant as one here.
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
        serving = _Serving(make_application(intake, receiving))
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, serving.serve, [listener])
            try:
                yield intake
            except Exception as error:  # noqa: BLE001 -- raised below, ungrouped
                failure = error
            finally:
                serving.close()
                nursery.cancel_scope.cancel(reason="the mock intake was closed")
    if failure is not None:
        raise failure


class _Serving:
    """Runs hypercorn on every connection, and can end them all at once."""

    def __init__(self, application: Starlette) -> None:
        self._application = application
        self._config = Config()
        self._config.errorlog = logger
        self._config.include_server_header = False
        self._config.keep_alive_timeout = _KEEP_ALIVE_SECONDS
        self._context = WorkerContext(None)
        self._connections: set[Connection] = set()

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection until it ends."""
        connection = Connection(stream)
        state = ConnectionState({CONNECTION_KEY: connection})
        # It is annotated as a TLS stream, but takes and asks for less.
        stand_in = cast("trio.SSLStream[trio.SocketStream]", connection)
        self._connections.add(connection)
        try:
            await TCPServer(
                self._run_application, self._config, self._context, state, stand_in
            ).run()
        except Exception:
            # hypercorn's own errors cannot be named. What one client does to it
            # must not end the rehearsal for the others.
            logger.warning("a connection of the mock intake failed", exc_info=True)
        finally:
            self._connections.discard(connection)
            connection.close()

    async def _run_application(
        self, scope: Any, receive: Any, send: Any, sync_spawn: Any, call_soon: Any
    ) -> None:
        """Be what hypercorn calls: an ASGI application, and two ways to a thread."""
        await self._application(scope, receive, send)

    def close(self) -> None:
        """Close every connection.

        Cancelling alone does not: hypercorn shields its writes, and a client
        that does not read would hold the end up for ever.
        """
        for connection in self._connections:
            connection.close()


async def _open_listener(host: str, port: int) -> trio.SocketListener:
    try:
        first, *others = await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        message = f"cannot listen on {host} port {port}: {error.strerror or error}"
        raise OSError(error.errno, message) from error
    for listener in others:
        await listener.aclose()
    return first
