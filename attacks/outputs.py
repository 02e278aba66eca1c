"""Attack the output: nobody reads what the server writes, or the disk is full."""

import json
import signal
import time
from pathlib import Path
from typing import Final

from attacks.attack import Attack
from attacks.trial import INTERVAL_SECONDS, Trial
from benchmarks.sender import Sending
from benchmarks.workload import UDP_PACKET_BYTES, Workload

_LINES: Final = 20_000
_COUNTERS: Final = 2970

# Less than the lines of `_COUNTERS` need.
_MAX_FILE_BYTES: Final = 200_000

# From a second signal to the end of the process.
_END_SECONDS: Final = 2.0


def stalled_log(trial: Trial) -> None:
    """Log every rejected line to a pipe that nobody reads, then stop."""
    intakes = trial.start_intakes()
    server = trial.start_server("--log-level=debug", intakes=intakes, reads_log=False)
    sender = trial.start_datagrams(
        Sending(
            Workload("garbage", _LINES, UDP_PACKET_BYTES),
            lines_per_second=5000,
            max_seconds=10,
        ),
        server.udp,
    )
    sender.go()
    sent = sender.wait()
    ledger = trial.judge(server.stop())
    trial.account("lines", sent.lines, ledger.lines.read)
    (received,) = intakes.read()
    trial.account_received(ledger, received)
    trial.finding.load = f"{sent.lines:,} lines of DEBUG to a pipe that nobody reads"
    trial.finding.delivered = f"{ledger.lines.read:,} of {sent.lines:,} lines read"


def two_signals(trial: Trial) -> None:
    """Send a second SIGTERM while nobody reads the log and no intake answers."""
    intakes = trial.start_intakes([{"fault": "hang"}])
    server = trial.start_server("--log-level=debug", intakes=intakes, reads_log=False)
    sender = trial.start_datagrams(
        Sending(Workload("garbage", _LINES, UDP_PACKET_BYTES), lines_per_second=10_000),
        server.udp,
    )
    sender.go()
    sender.wait()
    server.pulse.stop()
    server.send_signal(signal.SIGTERM)
    time.sleep(1)
    server.send_signal(signal.SIGTERM)
    stopped = server.wait()
    finding = trial.finding
    finding.peak_rss_bytes = stopped.peak_rss_bytes
    finding.longest_answer_seconds = stopped.longest_answer_seconds
    trial.expect(
        stopped.exit_code == -signal.SIGTERM, f"the exit code is {stopped.exit_code}"
    )
    trial.expect(
        stopped.stop_seconds <= _END_SECONDS,
        f"the process ended {stopped.stop_seconds:.1f} s after the second signal",
    )
    finding.load = "two SIGTERMs within a second, a pipe that nobody reads"
    finding.delivered = f"ended {stopped.stop_seconds:.1f} s after the second"


def full_disk(trial: Trial) -> None:
    """Write JSON lines to a file that cannot grow beyond a limit."""
    path = trial.folder / "metrics.jsonl"
    server = trial.start_server(
        "--sink=jsonl",
        f"--jsonl-path={path}",
        limits={"max_file_bytes": _MAX_FILE_BYTES},
    )
    sender = trial.start_datagrams(
        Sending(Workload("new names", _COUNTERS), packets_per_second=2000), server.udp
    )
    sender.go()
    sent = sender.wait()
    time.sleep(2 * INTERVAL_SECONDS)
    ready, _ = server.ask("/readyz")
    trial.expect(ready == 503, f"/readyz answers {ready} while the disk is full")
    ledger = trial.judge(server.stop())
    whole, broken = _count_lines(path)
    sink = ledger.sinks[0]
    trial.account("lines of the file", sink.delivered, whole)
    trial.expect(not broken, f"{broken} lines of the file are not whole")
    trial.expect(
        sink.delivered < sink.snapshotted, "the disk was not full: raise the load"
    )
    trial.account("lines", sent.lines, ledger.lines.read)
    trial.finding.load = f"{_COUNTERS:,} counters, a disk for {_MAX_FILE_BYTES:,} bytes"
    trial.finding.delivered = f"{whole:,} of {sink.snapshotted:,} points, each whole"


def _count_lines(path: Path) -> tuple[int, int]:
    """Count the complete and the incomplete lines of *path*."""
    whole = broken = 0
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            json.loads(line)
        except ValueError:
            broken += 1
        else:
            whole += line.endswith(b"\n")
            broken += not line.endswith(b"\n")
    return whole, broken


ATTACKS: Final = (
    Attack("stalled standard error", stalled_log),
    Attack("two SIGTERMs, stalled standard error", two_signals),
    Attack("full disk for JSON lines", full_disk),
)
