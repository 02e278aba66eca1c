"""The same server for programs that are not Trio: `serve` in a thread of its own."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TypeVar

import trio

from statsd_trio.config import Config
from statsd_trio.ledger import Ledger
from statsd_trio.server import Server, serve
from statsd_trio.sinks.sink import Sink

_T = TypeVar("_T")


class ServerThread:
    """Runs a server from entering the block until leaving it.

    Its methods may be called from any thread. A child that the program forks has no
    server: the block's end does nothing there, and every other use is an error.

    Raises:
        ConfigError: on entering, as `serve`.
        OSError: on entering, as `serve`.
        BaseExceptionGroup: on leaving, if a stage of the server had failed.
    """

    def __init__(
        self,
        config: Config,
        *,
        sinks: Sequence[Sink] | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Take what `serve` takes; nothing starts before the block is entered."""
        self._config = config
        self._sinks = sinks
        self._wall_clock = wall_clock
        self._thread = threading.Thread(
            target=self._run, name="statsd-trio", daemon=True
        )
        self._process = 0
        self._is_started = threading.Event()
        self._server: Server | None = None
        self._scope = trio.CancelScope()
        self._token: trio.lowlevel.TrioToken | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self._process = os.getpid()
        self._thread.start()
        self._is_started.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if os.getpid() != self._process:
            return
        self._call(self._scope.cancel)
        self._thread.join()
        if self._error is not None:
            raise self._error

    @property
    def addresses(self) -> tuple[object, ...]:
        """The bound addresses, one a listener: ``(host, port)`` or a path."""
        return self._find_server().addresses

    def ledger(self) -> Ledger:
        """Tell what became of everything, after the block's end too."""
        return self._call(self._find_server().ledger)

    def flush(self) -> None:
        """Take what was read so far and see it off, as `Server.flush`."""
        server = self._find_server()
        trio.from_thread.run(server.flush, trio_token=self._token)

    def submit(self, packet: bytes) -> bool:
        """Queue *packet* as if it had come from a socket; False if refused."""
        server = self._find_server()
        return self._call(lambda: server.submit(packet))

    def _find_server(self) -> Server:
        if self._server is None:
            raise RuntimeError("the server runs only inside the `with` block")
        if os.getpid() != self._process:
            raise RuntimeError(
                "this process was forked and has no server of its own; "
                "start a ServerThread after the fork"
            )
        return self._server

    def _call(self, function: Callable[[], _T]) -> _T:
        try:
            return trio.from_thread.run_sync(function, trio_token=self._token)
        except trio.RunFinishedError:
            self._thread.join()
            return function()  # nobody else can be using it any more

    def _run(self) -> None:
        try:
            trio.run(self._serve)
        except BaseException as error:  # noqa: ASYNC103, BLE001
            self._error = error  # raised again by `__exit__`
        finally:
            self._is_started.set()

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with self._scope:
            await serve(
                self._config,
                sinks=self._sinks,
                wall_clock=self._wall_clock,
                task_status=_Started(self._take_server),
            )

    def _take_server(self, server: Server) -> None:
        self._server = server
        self._is_started.set()


class _Started:
    """What `serve` reports to in place of a nursery."""

    def __init__(self, take_server: Callable[[Server], None]) -> None:
        self._take_server = take_server

    def started(self, value: Server | None = None) -> None:
        if value is not None:
            self._take_server(value)
