"""A program that embeds the server, and treats it badly.

The order names a case. The first line out has the address; the program then runs until
its standard input ends, and prints what it found.
"""

import json
import random
import socket
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import attrs
import trio

from attacks.children.probe import read_peak_rss_bytes
from benchmarks.ledgers import list_accounts
from benchmarks.watch import open_watch
from statsd_trio import Config, Server, serve
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.ledger import Ledger
from statsd_trio.protocol.messages import Sample

# So often a hook raises.
_RAISING: Final = 7

# How long a server runs before it is cancelled, at most: some do not even start.
_MAX_LIFE_SECONDS: Final = 0.05


@attrs.define
class Found:
    """What one case has found.

    Attributes:
        rounds: how many servers ran.
        raised: how often a hook raised.
        delivered: the sum of all counts that the sink was given.
        off_by: how far the two sides of each identity are apart, of all servers.
        lost: values that were refused, by reason.
    """

    rounds: int = 0
    raised: int = 0
    packets: int = 0
    lines: int = 0
    delivered: float = 0.0
    off_by: dict[str, float] = attrs.field(factory=dict[str, float])
    lost: dict[str, int] = attrs.field(factory=dict[str, int])
    problems: list[str] = attrs.field(factory=list[str])
    peak_rss_bytes: int = 0
    longest_stretch_seconds: float = 0.0

    async def take(self, snapshot: Snapshot, /) -> None:
        """Act as a sink."""
        for series in snapshot.series:
            if not series.name.startswith("statsd_trio."):
                self.delivered += sum(point.value for point in series.points)
        await trio.lowlevel.checkpoint()

    def add(self, ledger: Ledger) -> None:
        """Check the ledger of a server that has stopped."""
        self.rounds += 1
        self.packets += sum(listener.packets for listener in ledger.listeners)
        self.lines += ledger.lines.read
        for reason, count in ledger.samples.dropped.items():
            self.lost[reason] = self.lost.get(reason, 0) + count
        for account in list_accounts(ledger):
            if account.off_by:
                before = self.off_by.get(account.what, 0)
                self.off_by[account.what] = before + account.off_by


async def _raise_in_hooks(found: Found) -> None:
    """Let a hook raise, and submit something that is not a packet."""
    calls = 0

    def on_sample(sample: Sample) -> Sample:
        nonlocal calls
        calls += 1
        if calls % _RAISING == 0:
            found.raised += 1
            raise ZeroDivisionError("the hook divides by zero")
        return sample

    config = Config(host="127.0.0.1", port=0, counter_type="count", on_sample=on_sample)
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(partial(serve, config, sinks=[found.take]))
        bad: Any = "text"
        try:
            server.submit(bad)
        except TypeError:
            pass
        else:
            found.problems.append("submit took text")
        _print({"address": server.addresses[0]})
        await trio.to_thread.run_sync(sys.stdin.read)
        nursery.cancel_scope.cancel()
    found.add(server.ledger())


async def _cancel_at_random(found: Found) -> None:
    """Start servers on one socket and cancel them, each at a random moment."""
    rng = random.Random(1)
    is_over = False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 2**20)
        _print({"address": sock.getsockname()})

        async def wait_for_end() -> None:
            nonlocal is_over
            await trio.to_thread.run_sync(sys.stdin.read)
            is_over = True

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_for_end)
            while not is_over:
                await _serve_for(rng.random() * _MAX_LIFE_SECONDS, sock, found)
        # The last one takes what is left.
        await _serve_for(1.0, sock, found)


async def _serve_for(seconds: float, sock: socket.socket, found: Found) -> None:
    """Serve until cancelled after some time, and check the ledger."""
    started = _Started()
    config = Config(host="127.0.0.1", port=None, sockets=(sock,), counter_type="count")
    with trio.move_on_after(seconds):
        await serve(config, sinks=[found.take], task_status=started)
    if started.server is not None:
        found.add(started.server.ledger())


class _Started:
    """Receives what `serve` reports, in place of a nursery."""

    def __init__(self) -> None:
        self.server: Server | None = None

    def started(self, value: Server | None = None) -> None:
        """Keep the server."""
        self.server = value


_CASES: Final[dict[str, Callable[[Found], Awaitable[None]]]] = {
    "raising hook": _raise_in_hooks,
    "random cancels": _cancel_at_random,
}


async def _run(case: str) -> None:
    found = Found()
    with open_watch() as watch:
        await _CASES[case](found)
        found.longest_stretch_seconds = watch.tell().longest_cpu
    found.peak_rss_bytes = read_peak_rss_bytes("self")
    _print(attrs.asdict(found))


def _print(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    trio.run(_run, json.loads(sys.argv[1])["case"])
