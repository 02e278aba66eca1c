"""Remove a FIFO: its listener must fail and come back, and the others go on."""

import os
import shutil
from pathlib import Path
from typing import Final

from attacks.attack import Attack
from attacks.server import ServerProcess
from attacks.trial import Trial
from benchmarks.sender import Sending
from benchmarks.workload import Workload

_LINES: Final = 1000

# The first pauses between two tries are half a second, one and two.
_RECOVERY_SECONDS: Final = 10.0

# Root may open what its mode forbids, unless it lacks this capability.
_WITHOUT_OVERRIDE: Final = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def remove_pipe(trial: Trial) -> None:
    """Remove the FIFO, then replace it by a file, then forbid it."""
    intakes = trial.start_intakes()
    path = trial.folder / "dsd.fifo"
    wrapper: tuple[str, ...] = ()
    if os.geteuid() == 0 and shutil.which(_WITHOUT_OVERRIDE[0]):
        wrapper = _WITHOUT_OVERRIDE
    can_forbid = bool(wrapper) or os.geteuid() != 0
    server = trial.start_server(f"--pipe-name={path}", intakes=intakes, wrapper=wrapper)
    udp_sender = trial.start_datagrams(
        Sending(Workload("counters", 5000), packets_per_second=1000), server.udp
    )
    udp_sender.go()
    _write(path)
    path.unlink()
    trial.wait_until(path.is_fifo, "the FIFO is made again", _RECOVERY_SECONDS)
    _write(path)
    path.unlink()
    path.touch()
    _await_failure(trial, server, "a file stands at the path of the FIFO")
    path.unlink()
    trial.wait_until(path.is_fifo, "the FIFO is made again", _RECOVERY_SECONDS)
    _write(path)
    if can_forbid:
        # Where the last writer has closed it, it is opened again.
        path.chmod(0)
        _await_failure(trial, server, "the mode of the FIFO is 000")
        path.chmod(0o622)
        trial.wait_until(
            lambda: server.ask("/readyz")[0] == 200,
            "/readyz says that it is ready",
            _RECOVERY_SECONDS,
        )
        _write(path)
    udp_lines = udp_sender.wait().lines
    stopped = server.stop()
    ledger = trial.judge(stopped)
    (received,) = intakes.read()
    trial.account_received(ledger, received)
    written = (4 if can_forbid else 3) * _LINES
    trial.account("lines over the FIFO", written, received.values.get("fifo.lines", 0))
    trial.account("lines over UDP", udp_lines, received.values.get("shop.orders", 0))
    ways = "removed, replaced" + (", chmod 000" if can_forbid else "")
    trial.finding.load = f"FIFO {ways}, {written:,} lines over it"
    trial.finding.delivered = (
        f"{received.values.get('fifo.lines', 0):,.0f} of {written:,} lines, "
        f"{received.values.get('shop.orders', 0):,.0f} of {udp_lines:,} over UDP"
    )


def _await_failure(trial: Trial, server: ServerProcess, when: str) -> None:
    """Wait until the server says that it is not ready, and why."""

    def is_said() -> bool:
        status, said = server.ask("/readyz")
        return status == 503 and any("dsd.fifo" in reason for reason in said["reasons"])

    trial.wait_until(is_said, f"/readyz names the FIFO when {when}", _RECOVERY_SECONDS)


def _write(path: Path) -> None:
    """Write lines as one writer that opens the FIFO and closes it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "wb") as fifo:
        for _ in range(_LINES):
            fifo.write(b"fifo.lines:1|c\n")


ATTACKS: Final = (Attack("FIFO that goes away", remove_pipe),)
