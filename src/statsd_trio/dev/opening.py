"""Open the page beside a running server: bind, watch and serve within a block."""

import errno
import socket
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
)
from functools import partial
from typing import Final, Protocol, overload

import trio

from statsd_trio.config.parsing import split_address
from statsd_trio.dev.application import LIMITS, make_dev_application
from statsd_trio.dev.page_model import HISTORY_BYTES, RECEIVED_BYTES, Child, PageModel
from statsd_trio.engine.choose import choose_engine
from statsd_trio.pace import Pace
from statsd_trio.server import Server
from statsd_trio.transports.addresses import format_host_port
from statsd_trio.transports.binding import bind_name
from statsd_trio.web import serve_web

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8129

# How many ports are tried after the default one, if that is taken.
_MORE_PORTS: Final = 20

# How often figures are added to the page, and how often old ones are removed.
_WORK_SECONDS: Final = 0.5
_SWEEP_SECONDS: Final = 10


# An address that stands for all addresses of the machine cannot be sent to.
_SENDABLE: Final = {
    "0.0.0.0": "127.0.0.1",  # noqa: S104 - not listened on
    "*": "127.0.0.1",
    "::": "::1",
}


class DevPage:
    """A page that shows a server.

    Attributes:
        url: the address of the page.
    """

    def __init__(self, model: PageModel) -> None:
        self._model = model

    @property
    def url(self) -> str:
        """The address of the page."""
        return self._model.url

    @property
    def client(self) -> Mapping[str, str]:
        """Environment variables for a program that should send to the server."""
        return self._model.client

    def describe_rejected(self) -> str:
        """Describe the latest rejected line; "" if there is none."""
        for row in self._model.rejected.list_rows(self._model.wall_clock()):
            return f"'{row['line']}': {row['message']}"
        return ""

    def note_program(self, command: str, pid: int) -> None:
        """Show the program that runs beside the server."""
        self._model.child = Child(command, pid)

    def note_program_end(self, exit_code: int) -> None:
        """Show that the program has ended."""
        if self._model.child is not None:
            self._model.child.exit_code = exit_code


class ThreadedServer(Protocol):
    """A server in a thread of its own, such as `ServerThread`."""

    def enter(
        self, open_: Callable[[Server], AbstractAsyncContextManager[DevPage]], /
    ) -> AbstractContextManager[DevPage]:
        """Enter the context manager that *open_* returns, in the server's loop."""
        ...


@overload
def open_dev_page(
    server: Server,
    page: str | None = None,
    *,
    wall_clock: Callable[[], float] = time.time,
    history_bytes: int = HISTORY_BYTES,
    received_bytes: int = RECEIVED_BYTES,
) -> AbstractAsyncContextManager[DevPage]: ...


@overload
def open_dev_page(
    server: ThreadedServer,
    page: str | None = None,
    *,
    wall_clock: Callable[[], float] = time.time,
    history_bytes: int = HISTORY_BYTES,
    received_bytes: int = RECEIVED_BYTES,
) -> AbstractContextManager[DevPage]: ...


def open_dev_page(
    server: Server | ThreadedServer,
    page: str | None = None,
    *,
    wall_clock: Callable[[], float] = time.time,
    history_bytes: int = HISTORY_BYTES,
    received_bytes: int = RECEIVED_BYTES,
) -> AbstractAsyncContextManager[DevPage] | AbstractContextManager[DevPage]:
    """Show *server* on a page, within a block.

    The server aggregates and delivers as before. In the Trio loop that the server runs
    in, write ``async with``; with a `ServerThread`, write ``with``.

    Args:
        server: the server to show.
        page: ``HOST:PORT`` of the page; by default 127.0.0.1:8129, or the next free
            port.
        wall_clock: returns unix seconds.
        history_bytes: how much memory the history may take; the oldest parts are
            forgotten first.
        received_bytes: how much memory the latest lines may take.

    Raises:
        OSError: if the address is taken or forbidden; the message names it.
        RuntimeError: if the server already has a page, or another watcher.
    """
    open_page = partial(
        _open_page,
        page=page,
        wall_clock=wall_clock,
        history_bytes=history_bytes,
        received_bytes=received_bytes,
    )
    return open_page(server) if isinstance(server, Server) else server.enter(open_page)


@asynccontextmanager
async def _open_page(
    server: Server,
    *,
    page: str | None,
    wall_clock: Callable[[], float],
    history_bytes: int,
    received_bytes: int,
) -> AsyncGenerator[DevPage]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(sock) for sock in await _bind_page(page)]
        host, port = sockets[0].getsockname()[:2]
        named = host if page is None else split_address(page)[0]
        model = PageModel(
            server,
            choose_engine(server.config.engine).make,
            wall_clock,
            history_bytes=history_bytes,
            received_bytes=received_bytes,
        )
        shown = _SENDABLE.get(named, named)
        model.url = f"http://{format_host_port(shown, port)}/"
        model.client = describe_client(server)
        listeners = [trio.SocketListener(sock) for sock in sockets]
        stack.enter_context(server.watch(model))
        async with trio.open_nursery() as nursery:
            application = make_dev_application(model, named)
            nursery.start_soon(serve_web, application, listeners, LIMITS)
            nursery.start_soon(_keep_time, model)
            yield DevPage(model)
            nursery.cancel_scope.cancel(reason="the page is closed")


def describe_client(server: Server) -> dict[str, str]:
    """Return environment variables for a program that sends to *server*.

    They are empty if a program cannot be told the address in this way.
    """
    try:
        host, port = server.udp_address
    except LookupError:
        path = server.config.socket_path
        if path is None:
            return {}
        return {"DD_DOGSTATSD_URL": f"unix://{path}", "DD_DOGSTATSD_SOCKET": path}
    return make_client_environment(_SENDABLE.get(host, host), port)


def make_client_environment(host: str, port: int) -> dict[str, str]:
    """Return the variables from which Datadog's and other clients read the address."""
    return {
        "DD_AGENT_HOST": host,
        "DD_DOGSTATSD_PORT": str(port),
        "DD_DOGSTATSD_URL": f"udp://{format_host_port(host, port)}",
        "STATSD_HOST": host,
        "STATSD_PORT": str(port),
    }


async def _keep_time(model: PageModel) -> None:
    """Measure what arrived, and forget what is too old, until cancelled."""
    pace = Pace()
    second = int(model.wall_clock())
    while True:
        past = model.wall_clock() % _WORK_SECONDS
        # A little late, to be sure that the second has ended.
        await trio.sleep(_WORK_SECONDS - past + 0.002)
        pace.begin()
        await pace.run(model.recorder.work())
        now = int(model.wall_clock())
        if now != second:
            model.tick()
            if now // _SWEEP_SECONDS != second // _SWEEP_SECONDS:
                await pace.run(model.recorder.sweep())
            second = now


async def _bind_page(page: str | None) -> list[trio.socket.SocketType]:
    if page is not None:
        return await _bind(*split_address(page))
    for port in range(DEFAULT_PORT, DEFAULT_PORT + _MORE_PORTS):
        try:
            return await _bind(DEFAULT_HOST, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return await _bind(DEFAULT_HOST, 0)


async def _bind(host: str, port: int) -> list[trio.socket.SocketType]:
    sockets = await bind_name(host, port, socket.SOCK_STREAM, scheme="http")
    return [trio.socket.from_stdlib_socket(sock) for sock in sockets]
