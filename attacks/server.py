"""The server under attack: `statsd-trio serve` in a process of its own."""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import attrs
import cattrs

from attacks.children.probe import read_peak_rss_bytes
from attacks.pulse import Pulse
from benchmarks.child import ROOT
from benchmarks.watch import Watched
from statsd_trio.ledger import Ledger

# Longer than a start or a stop takes on any machine, so that only what hangs is cut.
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 60.0

_KEY: Final = "attack0123456789"


@attrs.frozen
class Stopped:
    """What is known about a server after its end.

    Attributes:
        ledger: None, as *watched*, if the process had no time to say.
        log: what it wrote to its standard error.
    """

    exit_code: int
    stop_seconds: float
    ledger: Ledger | None
    watched: Watched | None
    peak_rss_bytes: int
    longest_answer_seconds: float
    log: tuple[str, ...]


class ServerProcess:
    """A running server; `stop` returns what it found.

    Attributes:
        addresses: as the server tells them: host and port, or a path.
        http: where it shows itself.
        pulse: asks for its health until the stop.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environ: Mapping[str, str],
        limits: Mapping[str, int],
        wrapper: Sequence[str] = (),
        reads_log: bool = True,
    ) -> None:
        """Start it, and wait until it runs.

        Args:
            arguments: of ``serve``.
            environ: beside what every attack sets.
            limits: fields of the probe's order.
            wrapper: a command that starts the process, such as ``setpriv``.
            reads_log: whether anybody reads its standard error, which is a pipe.

        Raises:
            RuntimeError: if it does not start; the message has its log.
        """
        self._stack = ExitStack()
        report_out, report_in = os.pipe()
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DD_", "STATSD_TRIO_", "LISTEN_", "NOTIFY_"))
        }
        order = json.dumps({"report_descriptor": report_in, **limits})
        self._log = self._stack.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115 - entered
        self._process = subprocess.Popen(
            [
                *wrapper,
                sys.executable,
                "-m",
                "attacks.children.probe",
                order,
                *arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log if reads_log else subprocess.PIPE,
            pass_fds=[report_in],
            env={
                **inherited,
                "DD_API_KEY": _KEY,
                # So that an intake can add up what was counted.
                "STATSD_TRIO_COUNTER_TYPE": "count",
                **environ,
            },
            cwd=ROOT,
        )
        os.close(report_in)
        self._report = self._stack.enter_context(os.fdopen(report_out))
        started = self._read_report(_START_SECONDS)
        if started is None:
            self.kill()
            raise RuntimeError(f"the server did not start: {self._read_log()}")
        self.addresses: list[Any] = [
            tuple(address) if isinstance(address, list) else address
            for address in started["addresses"]
        ]
        self.http: tuple[str, int] = tuple(started["http"][0])
        self.pulse = self._stack.enter_context(Pulse(self.http))

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    @property
    def udp(self) -> tuple[str, int]:
        """The server's UDP address."""
        return next(each for each in self.addresses if isinstance(each, tuple))

    def ask(self, path: str) -> tuple[int, Any]:
        """Request one of its views; return the status, and the JSON of the answer."""
        connection = http.client.HTTPConnection(*self.http, timeout=_START_SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def read_ledger(self) -> Ledger:
        """Ask for its ledger."""
        _, told = self.ask("/ledger")
        return cattrs.structure(told, Ledger)

    def read_cpu_seconds(self) -> float:
        """Return the CPU time that it has used so far."""
        status = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        user, system = status.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> Stopped:
        """Stop the server, wait for its end, and collect what it found."""
        self.pulse.stop()
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> Stopped:
        """Wait for its end, which was just requested."""
        self.pulse.stop()
        started = time.monotonic()
        peak = read_peak_rss_bytes(self.pid)
        said = self._read_report(_STOP_SECONDS) or {}
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        watched = said.get("watched")
        return Stopped(
            exit_code=self._process.returncode,
            stop_seconds=time.monotonic() - started,
            ledger=cattrs.structure(said["ledger"], Ledger) if said else None,
            watched=Watched(**watched) if watched else None,
            peak_rss_bytes=max(peak, said.get("peak_rss_bytes", 0)),
            longest_answer_seconds=self.pulse.longest_seconds,
            log=tuple(self._read_log().splitlines()),
        )

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Release everything that belongs to it; calling it again does nothing."""
        self.kill()
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._stack.close()

    def _read_report(self, max_seconds: float) -> dict[str, Any] | None:
        """Read the probe's next line; None if the process ends without one."""
        timer = threading.Timer(max_seconds, self._process.kill)
        timer.start()
        try:
            line = self._report.readline()
        finally:
            timer.cancel()
        return json.loads(line) if line else None

    def _read_log(self) -> str:
        self._log.seek(0)
        return self._log.read()


def write_configuration(folder: Path, text: str) -> str:
    """Write a configuration file, and return its path."""
    path = folder / "attack.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)
