"""Run a server and its senders as processes, and check that the ledger balances."""

import argparse
import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from benchmarks.child import ChildProcess
from benchmarks.sender import Sending, Sent
from benchmarks.servers.serving import Report, Serving
from benchmarks.watch import Watched
from statsd_trio.engine.native import find_native

ENGINES: Final = ("native", "plain")
SINGLE_LOOP: Final = "single loop"
SERVERS: Final = {
    **{f"statsd-trio, {engine}": "benchmarks.servers.ours" for engine in ENGINES},
    SINGLE_LOOP: "benchmarks.servers.single_loop",
    "count newlines": "benchmarks.servers.newlines",
}

# Before the folder of another checkout, whose server runs in turn with these.
_CHECKOUT: Final = "checkout "

# To start, and to build the packets; to stop, and to deliver what was drained.
_START_SECONDS: Final = 90.0
_STOP_SECONDS: Final = 60.0


def list_engines(asked_for: Sequence[str] | None) -> list[str]:
    """Return the engines to measure: *asked_for*, or all that are installed."""
    if asked_for:
        return list(asked_for)
    return [name for name in ENGINES if name == "plain" or find_native() is not None]


def list_servers(options: argparse.Namespace) -> list[str]:
    """Return the servers to measure: those asked for, or ours and the baselines."""
    engines = list_engines(options.engine)
    baselines = [name for name in SERVERS if not is_ours(name)]
    servers: list[str] = options.server or [*map(name_ours, engines), *baselines]
    checkouts: list[Path] = options.against or []
    return [*servers, *(f"{_CHECKOUT}{path}" for path in checkouts)]


def name_ours(engine: str) -> str:
    """Return the name of our server with *engine*."""
    return f"statsd-trio, {engine}"


def is_ours(server: str) -> bool:
    """Return whether *server* is ours, whatever its engine."""
    return server in map(name_ours, ENGINES)


@attrs.frozen
class Outcome:
    """What was sent to one server, and what became of it.

    Attributes:
        seconds: from the first packet sent to the last line taken in.
        problems: books that do not agree; a benchmark that met one fails.
    """

    server: str
    sent: tuple[Sent, ...]
    report: Report
    seconds: float
    problems: tuple[str, ...] = ()

    @property
    def packets_sent(self) -> int:
        """How many packets the kernel accepted from all senders."""
        return sum(sent.packets for sent in self.sent)

    @property
    def lines_sent(self) -> int:
        """How many lines were in those packets."""
        return sum(sent.lines for sent in self.sent)

    @property
    def lines_lost(self) -> int:
        """How many lines were sent that the server never read."""
        return self.lines_sent - self.report.lines

    @property
    def taken_per_second(self) -> float:
        """How many lines per second were read, until the last one."""
        return self.report.lines / self.seconds


def run_once(
    server: str,
    serving: Serving,
    sendings: Sequence[Sending],
    *,
    expected_lines: int | None = None,
    sample: Callable[[int], None] | None = None,
) -> Outcome:
    """Start *server*, send to it, stop it, and check its ledger.

    Args:
        expected_lines: what the server must read when nothing is dropped, where that
            is not what was sent.
        sample: called about once a second with the server's process id.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        serving = attrs.evolve(serving, folder=folder)
        if is_ours(server):
            serving = attrs.evolve(serving, engine=server.rpartition(" ")[2])
        child = stack.enter_context(contextlib.closing(_start(server, serving)))
        addresses = _read_addresses(child)
        senders = [
            stack.enter_context(
                contextlib.closing(
                    ChildProcess(
                        "benchmarks.sender",
                        {
                            **attrs.asdict(sending),
                            "target": addresses[sending.transport],
                        },
                    )
                )
            )
            for sending in sendings
        ]
        for sender in senders:
            sender.read(_START_SECONDS)
        for sender in senders:
            sender.write("go\n")
        longest = max(each.delay_seconds + each.max_seconds for each in sendings)
        with _sampling(sample, child.pid):
            sent = tuple(
                Sent(**sender.read(longest + _STOP_SECONDS)) for sender in senders
            )
        child.close_stdin()
        told = child.read(_STOP_SECONDS)
    watched = told.pop("watched")
    report = Report(**told, watched=Watched(**watched) if watched else None)
    outcome = Outcome(
        server=server,
        sent=sent,
        report=report,
        seconds=report.stopped - min(part.started for part in sent),
    )
    problems = _find_problems(outcome, serving, expected_lines)
    return attrs.evolve(outcome, problems=tuple(problems))


def _start(server: str, serving: Serving) -> ChildProcess:
    order = attrs.asdict(serving)
    if not server.startswith(_CHECKOUT):
        return ChildProcess(SERVERS[server], order)
    folder = Path(server.removeprefix(_CHECKOUT))
    # What every commit's server understands; it listens to UDP.
    known = {name: order[name] for name in ("so_rcvbuf", "core")}
    python = str(folder.resolve() / ".venv" / "bin" / "python")
    return ChildProcess("benchmarks.servers.ours", known, python, folder)


def _read_addresses(child: ChildProcess) -> dict[str, Any]:
    started = child.read(_START_SECONDS)
    if "address" in started:  # as a server of one transport said it once
        return {"udp": started["address"]}
    addresses: dict[str, Any] = started["addresses"]
    return addresses


@contextlib.contextmanager
def _sampling(sample: Callable[[int], None] | None, pid: int) -> Iterator[None]:
    if sample is None:
        yield
        return
    is_over = threading.Event()

    def run() -> None:
        while not is_over.wait(1):
            sample(pid)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _find_problems(
    outcome: Outcome, serving: Serving, expected_lines: int | None
) -> list[str]:
    report = outcome.report
    problems = list(report.problems)
    dropped = report.kernel_dropped
    if dropped is None and "udp" not in serving.transports:
        dropped = 0
    if "tcp" in serving.transports:
        # What is sent as one packet may be read as two.
        return problems
    late = report.packets_late
    if dropped is not None and outcome.packets_sent != report.packets + dropped + late:
        problems.append(
            f"{outcome.packets_sent} packets sent, but {report.packets} read, "
            f"{dropped} dropped by the kernel and {late} refused at the stop"
        )
    expected = outcome.lines_sent if expected_lines is None else expected_lines
    if dropped == late == 0 and report.lines != expected:
        problems.append(f"{report.lines} lines read of {expected}, and no drop")
    return problems


def wait_for_quiet() -> None:
    """Let the machine settle between two runs."""
    time.sleep(0.2)
