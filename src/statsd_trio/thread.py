"""Run `serve` in a thread of its own, for programs that do not use Trio.

This does not use anyio's portal to wait for the thread, because a stop must outlast a
Ctrl-C: what was received is delivered first. See the page on architecture.
"""

import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

import trio

from statsd_trio.config import Config
from statsd_trio.ledger import Ledger
from statsd_trio.server import Server, serve
from statsd_trio.sinks.sink import Sink

_T = TypeVar("_T")

_NOT_STARTED: Final = (
    "this ServerThread is not running: use it in a `with` block, or call `start()`"
)

_INSIDE_TRIO: Final = (
    "a ServerThread would block the event loop of this Trio program. Run the server in "
    "a nursery instead: `server = await nursery.start(statsd_trio.serve, config)`"
)


class ServerThread:
    """Runs a server in a thread: in a ``with`` block, or from `start` until `stop`.

    Each object runs once; make another one to run again. Its methods may be called from
    any thread. A child process that the program forks has no server: there `stop`, and
    the end of the block, do nothing, and any other use is an error.

    Raises:
        ConfigError: on entering, as `serve`.
        OSError: on entering, as `serve`.
        BaseExceptionGroup: on leaving, if a stage of the server has failed.
    """

    def __init__(
        self,
        config: Config,
        *,
        sinks: Sequence[Sink] | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the arguments of `serve`; nothing is started yet."""
        self._config = config
        self._sinks = sinks
        self._wall_clock = wall_clock
        self._thread = threading.Thread(
            target=self._run, name="statsd-trio", daemon=True
        )
        self._process = 0
        self._is_started = threading.Event()
        self._has_ended = threading.Event()
        self._server: Server | None = None
        self._scope = trio.CancelScope()
        self._token: trio.lowlevel.TrioToken | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server, and return when every address is bound.

        This is for interactive shells, where a ``with`` block is inconvenient. Call
        `stop` at the end, because what was not delivered when the program ends is lost.

        Raises:
            ConfigError: as `serve`.
            OSError: as `serve`.
            RuntimeError: if it was started before, or in a program of Trio's.
        """
        if trio.lowlevel.in_trio_run():
            raise RuntimeError(_INSIDE_TRIO)
        if self._process:
            raise RuntimeError(
                "this ServerThread was started before, and runs only once; "
                "make a new ServerThread"
            )
        self._process = os.getpid()
        self._thread.start()
        try:
            self._is_started.wait()
        except KeyboardInterrupt:
            # Whoever gets this error does not know that there is something to stop.
            self._is_started.wait()
            self._finish()
            raise
        if self._error is not None:
            self._has_ended.wait()
        self._raise_error()

    def stop(self) -> None:
        """Stop the server, and return when what it received is delivered.

        This takes ``shutdown_seconds`` at most. Calling it again does nothing. A Ctrl-C
        during the wait is raised at its end; a second one stops waiting.

        Raises:
            BaseExceptionGroup: if a stage of the server has failed.
            RuntimeError: if it was never started.
        """
        if not self._process:
            raise RuntimeError(_NOT_STARTED)
        if os.getpid() != self._process:
            return
        self._finish()
        self._raise_error()

    @property
    def addresses(self) -> tuple[tuple[str, int] | str, ...]:
        """The ``(host, port)`` of each listener, or the path of a Unix socket."""
        return self._find_server().addresses

    @property
    def udp_address(self) -> tuple[str, int]:
        """The host and port at which UDP is received, as `Server.udp_address`."""
        return self._find_server().udp_address

    @property
    def http_addresses(self) -> tuple[tuple[str, int], ...]:
        """The addresses of the server's HTTP views, as `Server.http_addresses`."""
        return self._find_server().http_addresses

    def ledger(self) -> Ledger:
        """Return the ledger of the server; it can be read after the end, too."""
        return self._call(self._find_server().ledger)

    def flush(self) -> None:
        """Send what was received so far to the sinks, as `Server.flush`.

        Raises:
            RuntimeError: if the server has stopped, before the call or during it. It
                has then delivered what it had, as far as `shutdown_seconds` allowed.
        """
        server = self._find_server()
        has_stopped = False
        try:
            trio.from_thread.run(server.flush, trio_token=self._token)
        except* (trio.RunFinishedError, trio.Cancelled):  # noqa: ASYNC103 - not ours
            has_stopped = True
        if has_stopped:
            raise RuntimeError(
                "the server has stopped, and delivered what it had at its end: "
                "there is nothing left to flush"
            )

    def reload(self, config: Config) -> None:
        """Apply what can change in a running server, as `Server.reload`.

        Raises:
            ConfigError: with every problem of *config*; nothing has changed then.
            RuntimeError: if the server has stopped.
        """
        server = self._find_server()
        try:
            trio.from_thread.run_sync(server.reload, config, trio_token=self._token)
        except trio.RunFinishedError:
            raise RuntimeError(
                "the server has stopped; nothing can be reloaded"
            ) from None

    @contextmanager
    def enter(
        self, open_: Callable[[Server], AbstractAsyncContextManager[_T]]
    ) -> Generator[_T]:
        """Enter the context manager that *open_* returns, in the server's own loop.

        It stays open for the block in this thread, or until the server stops.

        Raises:
            RuntimeError: if the server has stopped.
            Exception: whatever the context manager raises on entering or leaving.
        """
        stay = _Stay(self._find_server(), open_)
        thread = threading.Thread(target=stay.run, args=(self._token,), daemon=True)
        thread.start()
        stay.is_entered.wait()
        try:
            yield stay.get()
        finally:
            stay.leave()
            thread.join()
        stay.raise_error()

    def submit(self, packet: bytes | bytearray | memoryview) -> bool:
        """Queue *packet* as if it had arrived at a socket; return False if refused."""
        server = self._find_server()
        return self._call(lambda: server.submit(packet))

    def _find_server(self) -> Server:
        if self._server is None:
            raise RuntimeError(_NOT_STARTED)
        if os.getpid() != self._process:
            raise RuntimeError(
                "this process was forked and has no server of its own; "
                "start a ServerThread after the fork"
            )
        return self._server

    def _finish(self) -> None:
        """Cancel the server, and wait until it has ended, even if Ctrl-C comes once."""
        interrupt: KeyboardInterrupt | None = None
        while not self._has_ended.is_set():
            try:
                self._call(self._scope.cancel)
                # `join` would not do: up to Python 3.12 it takes the thread for ended
                # if a Ctrl-C comes while it waits.
                self._has_ended.wait()
            except KeyboardInterrupt as error:
                if interrupt is not None:
                    raise
                interrupt = error
        if interrupt is not None:
            raise interrupt

    def _raise_error(self) -> None:
        """Raise the error that ended the server, but only once."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _call(self, function: Callable[[], _T]) -> _T:
        try:
            return trio.from_thread.run_sync(function, trio_token=self._token)
        except trio.RunFinishedError:
            self._has_ended.wait()
            return function()  # nobody else can use it any more

    def _run(self) -> None:
        try:
            trio.run(self._serve)
        except BaseException as error:  # noqa: ASYNC103, BLE001
            self._error = error  # raised again by `start` or `stop`
        finally:
            self._is_started.set()
            self._has_ended.set()

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


class _Stay(Generic[_T]):
    """An asynchronous context manager that is entered in the server's loop."""

    def __init__(
        self, server: Server, open_: Callable[[Server], AbstractAsyncContextManager[_T]]
    ) -> None:
        self._server = server
        self._open = open_
        self._values: list[_T] = []
        self._error: BaseException | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._is_left = trio.Event()
        self.is_entered = threading.Event()

    def run(self, token: trio.lowlevel.TrioToken | None) -> None:
        """Enter, stay until `leave`, and leave; this runs in a thread of its own."""
        self._token = token
        try:
            trio.from_thread.run(self._stay, trio_token=token)
        # The server has stopped, and has left the context manager too.
        except (trio.RunFinishedError, trio.Cancelled):  # noqa: ASYNC103 - not ours
            pass
        except BaseException as error:  # noqa: ASYNC103, BLE001 - raised by `get`
            self._error = error
        finally:
            self.is_entered.set()

    def get(self) -> _T:
        """Return what was entered.

        Raises:
            RuntimeError: if the server has stopped.
        """
        self.raise_error()
        if not self._values:
            raise RuntimeError("the server has stopped; nothing can be opened in it")
        return self._values[0]

    def leave(self) -> None:
        """Leave, unless that has happened already."""
        with suppress(trio.RunFinishedError):
            trio.from_thread.run_sync(self._is_left.set, trio_token=self._token)

    def raise_error(self) -> None:
        """Raise the error of entering or leaving, if there was one."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    async def _stay(self) -> None:
        async with self._open(self._server) as value:
            self._values.append(value)
            self.is_entered.set()
            await self._is_left.wait()


class _Started:
    """Receives what `serve` reports, in place of a nursery."""

    def __init__(self, take_server: Callable[[Server], None]) -> None:
        self._take_server = take_server

    def started(self, value: Server | None = None) -> None:
        if value is not None:
            self._take_server(value)
