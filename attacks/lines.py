"""Send harmful lines: for patterns that explode, garbage, types that clash."""

import time
from typing import Final

from attacks.attack import Attack
from attacks.server import write_configuration
from attacks.trial import INTERVAL_SECONDS, Trial, find_listener
from benchmarks.sender import Sending
from benchmarks.workload import UDP_PACKET_BYTES, Workload
from statsd_trio.ledger import Ledger

# As the Agent's documentation of the mapper writes patterns, four groups of anything.
_FOUR_GROUPS: Final = r"job\.(.+)\.(.+)\.(.+)\.(.+)\.done"
_NESTED: Final = r"job\.(\w+\.?)+done"

_PROFILE: Final = """
[[mapper_profiles]]
name = "jobs"
prefix = "job."

[[mapper_profiles.mappings]]
match = '{pattern}'
match_type = "regex"
name = "job.done"
tags = {{ first = "$1" }}
"""


def four_groups(trial: Trial) -> None:
    """Map names by a pattern of four groups, which the names almost fit."""
    _map_names(trial, _FOUR_GROUPS, "steps")


def nested_repeats(trial: Trial) -> None:
    """Map names by repeats within repeats, which the names almost fit."""
    _map_names(trial, _NESTED, "words")


def garbage(trial: Trial) -> None:
    """Send 100 000 lines of random bytes."""
    ledger = _send(trial, "garbage", 100_000)
    rejected = sum(ledger.lines.rejected.values())
    trial.expect(rejected > 0, "no line was rejected")


def type_clashes(trial: Trial) -> None:
    """Send 100 000 lines, whose names come with two types each."""
    _send(trial, "clashes", 100_000)


def _send(trial: Trial, stream: str, count: int) -> Ledger:
    intakes = trial.start_intakes()
    server = trial.start_server("--max-contexts=10000", intakes=intakes)
    count = trial.scale(count)
    hostile = trial.start_datagrams(
        Sending(
            Workload(stream, count, UDP_PACKET_BYTES),
            lines_per_second=count / 5,
            max_seconds=15,
        ),
        server.udp,
    )
    good = trial.start_datagrams(
        Sending(
            Workload("counters", 10_000, UDP_PACKET_BYTES),
            lines_per_second=2000,
            max_seconds=15,
        ),
        server.udp,
    )
    good.go()
    hostile.go()
    sent, bad = good.wait(), hostile.wait()
    time.sleep(INTERVAL_SECONDS / 2)
    ledger = trial.judge(server.stop())
    (received,) = intakes.read()
    trial.account_received(ledger, received)
    listener = find_listener(ledger, "udp")
    trial.account(
        "packets",
        sent.packets + bad.packets,
        listener.packets
        + (listener.kernel_dropped or 0)
        + listener.refused.get("stop", 0),
    )
    delivered = received.values.get("shop.orders", 0)
    if listener.packets == sent.packets + bad.packets:
        trial.account("lines", sent.lines + bad.lines, ledger.lines.read)
        trial.account("good lines", sent.lines, delivered)
    trial.finding.load = f"{bad.lines:,} lines in {bad.seconds:.0f} s"
    trial.finding.delivered = f"{delivered:,.0f} of {sent.lines:,} good lines"
    return ledger


def _map_names(trial: Trial, pattern: str, stream: str) -> None:
    """Send names that take a pattern long; or check that it is refused at the start."""
    path = write_configuration(trial.folder, _PROFILE.format(pattern=pattern))
    trial.finding.load = f"names of 230 bytes, {pattern}"
    try:
        server = trial.start_server(f"--config={path}", "--sink=none")
    except RuntimeError as error:
        trial.expect("mapper_profiles" in str(error), f"the start says only: {error}")
        trial.finding.delivered = "the pattern is refused at the start"
        return
    sender = trial.start_datagrams(
        Sending(Workload(stream, 2000), packets_per_second=1000, max_seconds=5),
        server.udp,
    )
    sender.go()
    sent = sender.wait()
    ledger = trial.judge(server.stop())
    trial.account("lines", sent.lines, ledger.lines.read)
    trial.finding.delivered = f"{ledger.lines.metrics:,} of {sent.lines:,} lines"


ATTACKS: Final = (
    Attack("four groups in a mapper", four_groups),
    Attack("nested repeats in a mapper", nested_repeats),
    Attack("garbage", garbage),
    Attack("type clashes", type_clashes),
)
