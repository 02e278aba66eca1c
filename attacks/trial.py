"""Run one attack: its processes, its limits, and what it finds."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeVar

import attrs

from attacks.children.asking import Asking
from attacks.children.stream_sender import StreamSending
from attacks.clients import DatagramSender, StreamSender, ViewClients
from attacks.finding import Finding
from attacks.intakes import Intakes, Received, Script
from attacks.server import ServerProcess, Stopped
from benchmarks.ledgers import Account, list_accounts
from benchmarks.sender import Sending
from statsd_trio.ledger import Ledger, ListenerLedger

# A flush every two seconds: what an attack finds does not depend on it, and what
# becomes of a bucket is seen within the time that there is.
INTERVAL_SECONDS: Final = 2

# Of the server's log, kept beside what was found.
_LOG_LINES: Final = 40

# Between two looks at something that is awaited.
_LOOK_SECONDS: Final = 0.1


class _Process(Protocol):
    def close(self) -> None: ...


_ProcessT = TypeVar("_ProcessT", bound=_Process)


@attrs.frozen
class Bounds:
    """The limits for every attack, unless it has others and says why.

    Attributes:
        stretch_seconds: the longest work between two checkpoints. It is 5 ms by
            design; but CPU time is not only ours: on a virtual machine and on a busy
            core it gets longer.
        answer_seconds: until ``/healthz`` is answered, by a server that has a part of
            two cores beside its attackers.
        rss_bytes: the memory in use.
        stop_seconds: of a stop: ``shutdown_seconds``, the last reads of the sockets, a
            disk that does not answer, and the end of the process.
        warnings: lines of the log in an interval, of WARNING and above.
        exit_code: of the process.
    """

    stretch_seconds: float = 0.05
    answer_seconds: float = 2.0
    rss_bytes: int = 256 * 2**20
    stop_seconds: float = 5.0 + 2.5 + 1.0 + 1.5
    warnings: int = 20
    exit_code: int = 0


class Trial:
    """One run of one attack.

    Attributes:
        folder: for sockets, files and spools.
        finding: what was found so far.
    """

    def __init__(self, name: str, folder: Path, scale: float = 1.0) -> None:
        """Begin.

        Args:
            name: of the attack.
            folder: empty.
            scale: what the loads are multiplied by.
        """
        self.folder = folder
        self.finding = Finding(name)
        self._scale = scale
        self._stack = contextlib.ExitStack()
        self._started = time.monotonic()

    def scale(self, number: float) -> int:
        """Return the part of a load that this run uses."""
        return max(1, round(number * self._scale))

    def start_intakes(self, *scripts: Script) -> Intakes:
        """Start an intake for each script, or one that answers normally."""
        return self._keep(Intakes(scripts or [()]))

    def start_server(
        self,
        *arguments: str,
        intakes: Intakes | None = None,
        environ: Mapping[str, str] | None = None,
        limits: Mapping[str, int] | None = None,
        wrapper: Sequence[str] = (),
        reads_log: bool = True,
    ) -> ServerProcess:
        """Start a server on free ports; with *intakes*, it delivers to the first."""
        delivery = ("--dd-url", intakes.urls[0]) if intakes else ()
        server = ServerProcess(
            [
                "--host=127.0.0.1",
                "--port=__random__",
                "--http=127.0.0.1:0",
                f"--interval-seconds={INTERVAL_SECONDS}",
                *delivery,
                *arguments,
            ],
            environ=environ or {},
            limits=limits or {},
            wrapper=wrapper,
            reads_log=reads_log,
        )
        return self._keep(server)

    def start_datagrams(self, sending: Sending, target: object) -> DatagramSender:
        """Start a process that will send datagrams."""
        return self._keep(DatagramSender(sending, target))

    def start_streams(self, sending: StreamSending, target: object) -> StreamSender:
        """Start a process that will send over streams.

        They are already connected then.
        """
        return self._keep(StreamSender(sending, target))

    def start_asking(self, asking: Asking, target: tuple[str, int]) -> ViewClients:
        """Start a process that will ask for a view."""
        return self._keep(ViewClients(asking, target))

    def expect(self, holds: bool, bound: str) -> None:
        """Record that *bound* is broken, unless it *holds*."""
        if not holds:
            self.finding.broken.append(bound)

    def account(self, what: str, found: float, expected: float) -> None:
        """Record an identity that does not hold."""
        self._note(Account(what, found, expected))

    def wait_until(
        self, holds: Callable[[], bool], bound: str, max_seconds: float
    ) -> float:
        """Wait until *holds* returns True, which must be in time.

        Return the seconds.
        """
        started = time.monotonic()
        while not holds():
            if time.monotonic() - started > max_seconds:
                self.expect(False, f"{bound} within {max_seconds:g} s")
                break
            time.sleep(_LOOK_SECONDS)
        return time.monotonic() - started

    def judge(self, stopped: Stopped, bounds: Bounds | None = None) -> Ledger:
        """Compare what a server found with what was promised; return its ledger.

        Raises:
            RuntimeError: if it ended without a ledger.
        """
        bounds = bounds or Bounds()
        finding = self.finding
        finding.log = [*stopped.log[-_LOG_LINES:]]
        finding.peak_rss_bytes = max(finding.peak_rss_bytes, stopped.peak_rss_bytes)
        finding.longest_answer_seconds = max(
            finding.longest_answer_seconds, stopped.longest_answer_seconds
        )
        if stopped.watched is not None:
            finding.longest_stretch_seconds = max(
                finding.longest_stretch_seconds, stopped.watched.longest_cpu
            )
        self._compare(stopped, bounds)
        if stopped.ledger is None:
            raise RuntimeError(
                "the server ended without a ledger: " + "\n".join(stopped.log[-5:])
            )
        finding.is_judged = True
        for account in list_accounts(stopped.ledger):
            self._note(account)
        for cause, count in _list_losses(stopped.ledger).items():
            finding.lost[cause] = finding.lost.get(cause, 0) + count
        return stopped.ledger

    def account_received(self, ledger: Ledger, received: Received) -> None:
        """Compare the ledger of the first sink with what its intake counted."""
        sink = ledger.sinks[0]
        points = received.count_points()
        # What was sent once more may have come twice; and what was given up at the
        # stop may have come, though its answer did not.
        most = sink.delivered + sink.resent + sink.abandoned
        expected = min(max(points, sink.delivered), most)
        self.account("points that the intake received", points, expected)

    def close(self) -> Finding:
        """End all processes, and return the results."""
        self._stack.close()
        self.finding.seconds = time.monotonic() - self._started
        return self.finding

    def _keep(self, process: _ProcessT) -> _ProcessT:
        return self._stack.enter_context(contextlib.closing(process))

    def _note(self, account: Account) -> None:
        if account.off_by:
            self.finding.off_by[account.what] = account.off_by
            self.expect(False, str(account))

    def _compare(self, stopped: Stopped, bounds: Bounds) -> None:
        watched = stopped.watched
        warnings = _count_warnings_an_interval(stopped.log)
        self.expect(
            stopped.exit_code == bounds.exit_code,
            f"the exit code is {stopped.exit_code}, not {bounds.exit_code}",
        )
        self.expect(
            watched is None or watched.longest_cpu <= bounds.stretch_seconds,
            f"a stretch of {watched.longest_cpu * 1e3 if watched else 0:.0f} ms in "
            f"{watched.longest_task if watched else ''}",
        )
        self.expect(
            stopped.longest_answer_seconds <= bounds.answer_seconds,
            f"/healthz took {stopped.longest_answer_seconds:.1f} s",
        )
        self.expect(
            stopped.peak_rss_bytes <= bounds.rss_bytes,
            f"{stopped.peak_rss_bytes / 2**20:.0f} MiB of memory",
        )
        self.expect(
            stopped.stop_seconds <= bounds.stop_seconds,
            f"the stop took {stopped.stop_seconds:.1f} s",
        )
        self.expect(
            warnings <= bounds.warnings,
            f"{warnings} warnings in one interval",
        )
        self.expect(
            not any(line.startswith("Traceback") for line in stopped.log),
            "the log has a traceback",
        )


def find_listener(ledger: Ledger, scheme: str) -> ListenerLedger:
    """Find the listener whose name starts with *scheme*."""
    return next(each for each in ledger.listeners if each.name.startswith(scheme))


def _list_losses(ledger: Ledger) -> Counter[str]:
    losses = Counter[str]()
    for listener in ledger.listeners:
        losses["kernel"] += listener.kernel_dropped or 0
        losses.update(listener.refused)
        losses["bytes of streams"] += listener.dropped_bytes
    losses.update(ledger.lines.rejected)
    losses.update(ledger.samples.dropped)
    losses["events_dropped"] += ledger.samples.events_dropped
    for sink in ledger.sinks:
        for status, count in sink.refused.items():
            losses[f"status {status}"] += count
        for cause in ("evicted", "oversize", "abandoned", "spool_gone"):
            losses[cause] += getattr(sink, cause)
    return losses


def _count_warnings_an_interval(log: Iterable[str]) -> int:
    """Return the number of lines in the interval that has the most.

    A line starts with a time to the millisecond, then its level.
    """
    times: Counter[int] = Counter()
    for line in log:
        stamp, _, rest = line.partition(" ")
        if rest.startswith(("WARNING", "ERROR", "CRITICAL")):
            hours, minutes, seconds = stamp[11:].rstrip("Z").split(":")
            second = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
            times[int(second // INTERVAL_SECONDS)] += 1
    return max(times.values(), default=0)
