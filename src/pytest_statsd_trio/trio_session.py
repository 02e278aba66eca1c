"""A server in the loop of one Trio test, on the clock of that test."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

import trio
from trio.testing import MockClock

from pytest_statsd_trio.async_fixture import AsyncDogStatsd
from pytest_statsd_trio.endpoint import Endpoint, SocketPaths
from pytest_statsd_trio.markers import open_marker_sockets
from pytest_statsd_trio.recorder import Recorder
from pytest_statsd_trio.trio_waiting import TrioWaiter
from statsd_trio import Server, serve
from statsd_trio.sinks.memory import MemorySink

# When virtual time begins: the edge of a bucket, for any usual width of buckets.
EPOCH: Final = 1_700_000_000 - 1_700_000_000 % 3600


class TrioSession:
    """What a test uses, and what is to be closed after it."""

    def __init__(self, received: AsyncDogStatsd, waiter: TrioWaiter) -> None:
        self.received = received
        self._waiter = waiter

    def close(self) -> None:
        """Close what the barrier uses; the server ends with its nursery."""
        self._waiter.close()


async def open_trio_session(
    nursery: trio.Nursery,
    paths: SocketPaths,
    timeout_seconds: float,
    *,
    counts_telemetry: bool,
) -> TrioSession:
    """Start a server in *nursery*, which ends it.

    With Trio's mock clock its buckets move on virtual time, from `EPOCH` on.

    Raises:
        OSError: if the system has no port or no path left.
    """
    changed = trio.lowlevel.ParkingLot()
    recorder = Recorder(notify=changed.unpark_all, counts_telemetry=counts_telemetry)
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
    waiter = TrioWaiter(open_marker_sockets(endpoint), recorder, changed)
    received = AsyncDogStatsd(
        endpoint, recorder, waiter, server.ledger, timeout_seconds, memory.snapshots
    )
    return TrioSession(received, waiter)


def _make_wall_clock() -> Callable[[], float]:
    if not isinstance(trio.lowlevel.current_clock(), MockClock):
        return time.time
    began = trio.current_time()
    return lambda: EPOCH + trio.current_time() - began
