"""What the servers under test share: they get an order, and report at their end.

A server is a process of its own. It prints its address as JSON once it is bound, runs
until its standard input is closed, drains what waits as it can, and prints a `Report`.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

import attrs
import trio

from benchmarks.watch import Watch, Watched, open_watch

# So that a server whose bench has died ends too.
_MAX_SECONDS: Final = 1200.0


@attrs.frozen
class Serving:
    """How a server is to run.

    Attributes:
        transports: what it listens to, one listener each: udp, unixgram, unixstream
            or tcp. The baselines have the first only, of datagrams.
        folder: where its Unix sockets are.
        core: the CPU to stay on.
        engine: of our own server.
        is_watched: measure stretches without a checkpoint, and a host's task.
    """

    so_rcvbuf: int = 8 * 1024 * 1024
    transports: Sequence[str] = ("udp",)
    folder: str = ""
    core: int | None = None
    engine: str = "auto"
    is_watched: bool = False
    interval_seconds: int = 10
    max_contexts: int = 100_000


@attrs.define
class Report:
    """What a server reports about its run.

    Attributes:
        packets_late: what a stop had no time to take.
        bytes_by_transport: of the packets read.
        aggregated: samples; None for one that does not parse.
        problems: identities of its ledger that do not hold.
        cpu_seconds: user and system, from after start-up to its stop.
        rss_bytes: at the end.
        stopped: on the system's monotonic clock, after the last line was taken in.
    """

    packets: int = 0
    packets_late: int = 0
    bytes_by_transport: dict[str, int] = attrs.field(factory=dict[str, int])
    kernel_dropped: int | None = None
    granted_buffer_bytes: int | None = None
    lines: int = 0
    aggregated: int | None = None
    rejected: dict[str, int] = attrs.field(factory=dict[str, int])
    refused: dict[str, int] = attrs.field(factory=dict[str, int])
    truncated: int = 0
    contexts: int = 0
    waits: int = 0
    longest_wait_seconds: float = 0.0
    queue_peak: int = 0
    problems: list[str] = attrs.field(factory=list[str])
    snapshots: int = 0
    cpu_seconds: float = 0.0
    rss_bytes: int = 0
    peak_rss_bytes: int = 0
    stopped: float = 0.0
    watched: Watched | None = None


class Started:
    """Passed to a server's body, which calls it when it is bound."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch
        self._cpu_before = 0.0

    async def wait_for_stop(self, addresses: Mapping[str, object]) -> None:
        """Print *addresses*, start to count CPU time, and wait for the order to stop.

        Args:
            addresses: of each transport.
        """
        self._cpu_before = _read_cpu_seconds()
        print(json.dumps({"addresses": addresses}), flush=True)
        async with trio.open_nursery() as nursery:
            if self._watch is not None:
                nursery.start_soon(self._watch.tick)
            with trio.move_on_after(_MAX_SECONDS):
                await trio.lowlevel.wait_readable(sys.stdin.fileno())
            nursery.cancel_scope.cancel()

    def complete(self, report: Report) -> None:
        """Add the figures that every server reports."""
        report.stopped = time.monotonic()
        report.cpu_seconds = _read_cpu_seconds() - self._cpu_before
        report.rss_bytes = read_rss_bytes(os.getpid())
        usage = resource.getrusage(resource.RUSAGE_SELF)
        report.peak_rss_bytes = usage.ru_maxrss * 1024
        report.watched = self._watch.tell() if self._watch is not None else None


def read_rss_bytes(pid: int) -> int:
    """Return how much memory process *pid* has in use, on Linux."""
    with open(f"/proc/{pid}/statm") as statm:  # noqa: PTH123 - hundreds of times
        return int(statm.read().split()[1]) * resource.getpagesize()


def _read_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def _run(
    body: Callable[[Serving, Started], Awaitable[Report]], serving: Serving
) -> Report:
    with ExitStack() as stack:
        watch = stack.enter_context(open_watch()) if serving.is_watched else None
        started = Started(watch)
        report = await body(serving, started)
        started.complete(report)
        return report


def main(body: Callable[[Serving, Started], Awaitable[Report]]) -> None:
    """Run one server as the JSON on the command line says."""
    order: dict[str, Any] = json.loads(sys.argv[1])
    serving = Serving(**order)
    if serving.core is not None:
        os.sched_setaffinity(0, {serving.core})
    report = trio.run(_run, body, serving)
    print(json.dumps(attrs.asdict(report)), flush=True)
