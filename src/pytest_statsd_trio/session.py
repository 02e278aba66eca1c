"""Run a server for tests, and provide what a test needs to see what it receives.

There are two ways to run one. Outside of Trio, one server runs in a thread for all
tests of a run, and each test gets its part of what arrives. In a Trio test, a server
runs in the test's own loop, on the test's clock, and ends with the test.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Final

import attrs
import trio
from trio.testing import MockClock

from pytest_statsd_trio.endpoint import (
    Endpoint,
    SocketPaths,
    open_marker_sockets,
    open_socket_folder,
)
from pytest_statsd_trio.received import Recorder
from pytest_statsd_trio.waiting import (
    BlockingPauses,
    TrioPauses,
    Waiter,
    run_blocking,
)
from statsd_trio import Ledger, Server, ServerThread, Snapshot, serve
from statsd_trio.sinks.memory import MemorySink

# When virtual time begins: the edge of a bucket, for any usual width of buckets.
EPOCH: Final = 1_700_000_000 - 1_700_000_000 % 3600


@attrs.frozen
class Session:
    """A running server, with ways to see what it receives.

    Attributes:
        read_ledger: returns the server's ledger, which covers all tests so far.
        collect: receives what is on its way, without any event loop; returns the
            transports that did not answer.
        flushed: what a server in a Trio test has aggregated so far.
    """

    endpoint: Endpoint
    recorder: Recorder
    waiter: Waiter
    read_ledger: Callable[[], Ledger]
    timeout_seconds: float
    collect: Callable[[], list[str]]
    flushed: Sequence[Snapshot] = ()


@contextlib.contextmanager
def open_session(
    timeout_seconds: float, *, counts_telemetry: bool = False
) -> Generator[Session]:
    """Run a server in a thread for as long as the block lasts.

    Raises:
        OSError: if the system has no free port or path.
    """
    pauses = BlockingPauses()
    recorder = Recorder(pauses.notify, counts_telemetry=counts_telemetry)
    with open_socket_folder() as folder:
        paths = next(folder)
        config = recorder.make_config(paths.datagram, paths.stream)
        before = set(threading.enumerate())
        with contextlib.ExitStack() as quiet, ServerThread(config) as server:
            for thread in set(threading.enumerate()) - before:
                quiet.enter_context(_silence_thread(thread))
            endpoint = Endpoint(server.udp_address, paths)
            waiter = Waiter(open_marker_sockets(endpoint), recorder, pauses)
            with contextlib.closing(waiter):
                yield Session(
                    endpoint,
                    recorder,
                    waiter,
                    server.ledger,
                    timeout_seconds,
                    collect=lambda: run_blocking(waiter.settle(timeout_seconds)),
                )


@contextlib.contextmanager
def begin_test(session: Session) -> Generator[None]:
    """Begin a test with nothing received; what arrives after its end is late."""
    session.collect()
    session.recorder.begin()
    try:
        yield
    finally:
        session.collect()
        session.recorder.end()


async def open_trio_session(
    nursery: trio.Nursery,
    paths: SocketPaths,
    timeout_seconds: float,
    *,
    counts_telemetry: bool,
) -> Session:
    """Start a server in *nursery*, which ends it, and close the waiter after that.

    With Trio's mock clock, the server's buckets follow virtual time from `EPOCH` on.

    Raises:
        OSError: if the system has no free port or path.
    """
    pauses = TrioPauses()
    recorder = Recorder(pauses.notify, counts_telemetry=counts_telemetry)
    memory = MemorySink()
    server: Server = await nursery.start(
        partial(
            serve,
            recorder.make_config(paths.datagram, paths.stream),
            sinks=[memory],
            wall_clock=_make_wall_clock(),
        )
    )
    endpoint = Endpoint(server.udp_address, paths)
    waiter = Waiter(open_marker_sockets(endpoint), recorder, pauses)
    return Session(
        endpoint,
        recorder,
        waiter,
        server.ledger,
        timeout_seconds,
        # Outside of its loop the server has stopped, and has received everything by
        # then.
        collect=list,
        flushed=memory.snapshots,
    )


def _make_wall_clock() -> Callable[[], float]:
    if not isinstance(trio.lowlevel.current_clock(), MockClock):
        return time.time
    began = trio.current_time()
    return lambda: EPOCH + trio.current_time() - began


@contextlib.contextmanager
def _silence_thread(thread: threading.Thread) -> Generator[None]:
    """Drop what *thread* logs through the loggers of the server.

    A test may check what its program logs, and a warning about a line of another test
    would show up in it. Servers that a test starts itself log as usual.
    """

    def is_other(record: logging.LogRecord) -> bool:
        return record.thread != thread.ident

    # A filter acts on one logger only, not on the loggers below it.
    loggers = [
        logging.getLogger(name)
        for name in list(logging.root.manager.loggerDict)
        if name.startswith("statsd_trio.")
    ]
    for logger in loggers:
        logger.addFilter(is_other)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_other)
