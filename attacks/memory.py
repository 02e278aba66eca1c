"""Send new texts as long as a packet, and check that memory stays within its limit."""

from typing import Final

from attacks.attack import Attack
from attacks.trial import Bounds, Trial
from benchmarks.sender import Sending
from benchmarks.workload import Workload

# 800 MB of texts, over a Unix datagram socket, whose senders wait: none is lost on
# the way.
_LINES: Final = 100_000
_SECONDS: Final = 10.0

# ``max_memory_bytes`` and as much again, on its way to the intake.
_BOUNDS: Final = Bounds(rss_bytes=512 * 2**20)


def long_members(trial: Trial) -> None:
    """Send members of a set, of 8 KB each."""
    _send(trial, "long members")


def long_names(trial: Trial) -> None:
    """Send names of 8 KB each."""
    _send(trial, "long names")


def long_tags(trial: Trial) -> None:
    """Send tags of 8 KB each."""
    _send(trial, "long tags")


def _send(trial: Trial, stream: str) -> None:
    intakes = trial.start_intakes()
    path = str(trial.folder / "dsd.socket")
    server = trial.start_server(
        "--interval-seconds=10", f"--socket-path={path}", intakes=intakes
    )
    sender = trial.start_datagrams(
        Sending(
            Workload(stream, trial.scale(_LINES)),
            packets_per_second=_LINES / _SECONDS,
            max_seconds=2 * _SECONDS,
        ),
        path,
    )
    sender.go()
    sent = sender.wait()
    ledger = trial.judge(server.stop(), _BOUNDS)
    (received,) = intakes.read()
    trial.account_received(ledger, received)
    trial.finding.load = f"{sent.packets:,} lines of 8 KB in {sent.seconds:.0f} s"
    trial.finding.delivered = (
        f"{ledger.samples.aggregated:,} of {sent.packets:,} lines aggregated"
    )


ATTACKS: Final = (
    Attack("8 KB members of a set", long_members),
    Attack("8 KB names", long_names),
    Attack("8 KB tags", long_tags),
)
