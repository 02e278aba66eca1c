"""Run a host program that treats its server badly: hooks that raise, random cancels."""

import contextlib
from typing import Final

from attacks.attack import Attack
from attacks.children.embedded import Found
from attacks.trial import Bounds, Trial
from benchmarks.child import ChildProcess
from benchmarks.sender import Sending
from benchmarks.workload import Workload

_PATIENCE_SECONDS: Final = 60.0

_SECONDS: Final = 8.0


def raising_hook(trial: Trial) -> None:
    """Raise in ``on_sample``, for one line of seven."""
    sending = Sending(
        Workload("counters", 20_000), packets_per_second=5000, max_seconds=10
    )
    found, lines = _run(trial, "raising hook", sending)
    trial.account("lines", lines, found.lines)
    trial.account("values that a hook dropped", found.raised, sum(found.lost.values()))
    trial.account("values", lines - found.raised, found.delivered)
    trial.finding.load = f"{lines:,} lines, a hook that raises for {found.raised:,}"
    trial.finding.delivered = f"{found.delivered:,.0f} of {lines:,} values"


def random_cancels(trial: Trial) -> None:
    """Start servers on one socket, and cancel each at a random moment."""
    packets = trial.scale(1000 * _SECONDS)
    sending = Sending(
        Workload("counters", packets), packets_per_second=1000, max_seconds=2 * _SECONDS
    )
    found, lines = _run(trial, "random cancels", sending)
    trial.account("packets", lines, found.packets)
    trial.account("values", lines, found.delivered)
    trial.finding.load = f"{found.rounds:,} servers, each cancelled within 50 ms"
    trial.finding.delivered = f"{found.delivered:,.0f} of {lines:,} values"


def _run(trial: Trial, case: str, sending: Sending) -> tuple[Found, int]:
    """Run a case while a client sends; return what was found, and the lines sent."""
    with contextlib.closing(
        ChildProcess("attacks.children.embedded", {"case": case})
    ) as child:
        address = child.read(_PATIENCE_SECONDS)["address"]
        sender = trial.start_datagrams(sending, address)
        sender.go()
        lines = sender.wait().lines
        child.close_stdin()
        found = Found(**child.read(_PATIENCE_SECONDS))
    finding, bounds = trial.finding, Bounds()
    finding.is_judged = True
    finding.peak_rss_bytes = found.peak_rss_bytes
    finding.longest_stretch_seconds = found.longest_stretch_seconds
    finding.lost.update(found.lost)
    for what, off_by in found.off_by.items():
        trial.account(what, off_by, 0)
    for problem in found.problems:
        trial.expect(False, problem)
    trial.expect(
        found.longest_stretch_seconds <= bounds.stretch_seconds,
        f"a stretch of {found.longest_stretch_seconds * 1e3:.0f} ms",
    )
    trial.expect(
        found.peak_rss_bytes <= bounds.rss_bytes,
        f"{found.peak_rss_bytes / 2**20:.0f} MiB of memory",
    )
    return found, lines


ATTACKS: Final = (
    Attack("hook that raises", raising_hook),
    Attack("random cancels", random_cancels),
)
