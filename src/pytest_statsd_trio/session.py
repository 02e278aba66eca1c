"""One server for all tests of a run, and each test's part of what it receives."""

import contextlib
import threading
from collections.abc import Generator

from pytest_statsd_trio.barrier import Barrier
from pytest_statsd_trio.endpoint import Endpoint, open_socket_folder
from pytest_statsd_trio.fixture import DogStatsd
from pytest_statsd_trio.markers import open_marker_sockets
from pytest_statsd_trio.quiet import silence_thread
from pytest_statsd_trio.recorder import Recorder
from pytest_statsd_trio.waiting import Waiter
from statsd_trio import ServerThread


class Session:
    """A running server that serves one test after another."""

    def __init__(
        self,
        server: ServerThread,
        endpoint: Endpoint,
        recorder: Recorder,
        timeout_seconds: float,
    ) -> None:
        self._server = server
        self._endpoint = endpoint
        self._recorder = recorder
        self._timeout_seconds = timeout_seconds
        self._barrier = Barrier(open_marker_sockets(endpoint), recorder)
        self._waiter = Waiter(self._barrier, recorder)

    @contextlib.contextmanager
    def begin_test(self) -> Generator[DogStatsd]:
        """Begin a test with nothing received; what comes after its end is late."""
        self._collect()
        self._recorder.begin()
        try:
            yield DogStatsd(
                self._endpoint,
                self._recorder,
                self._waiter,
                self._server.ledger,
                self._timeout_seconds,
            )
        finally:
            self._collect()
            self._recorder.end()

    def close(self) -> None:
        """Close what the barrier uses."""
        self._barrier.close()

    def _collect(self) -> None:
        """Take in what is on its way."""
        self._waiter.settle(self._timeout_seconds)


@contextlib.contextmanager
def open_session(
    timeout_seconds: float, *, counts_telemetry: bool = False
) -> Generator[Session]:
    """Run a server for as long as the block lasts.

    Raises:
        OSError: if the system has no port or no path left.
    """
    recorder = Recorder(counts_telemetry=counts_telemetry)
    with open_socket_folder() as folder:
        paths = next(folder)
        config = recorder.make_config(paths.datagram, paths.stream)
        before = set(threading.enumerate())
        with contextlib.ExitStack() as quiet, ServerThread(config) as server:
            for thread in set(threading.enumerate()) - before:
                quiet.enter_context(silence_thread(thread))
            endpoint = Endpoint(server.udp_address, paths)
            session = Session(server, endpoint, recorder, timeout_seconds)
            with contextlib.closing(session):
                yield session
