"""Ask for views in many ways at once, and check that the server goes on."""

import time
from typing import Final

from attacks.attack import Attack
from attacks.children.asking import Asking
from attacks.trial import Bounds, Trial, find_listener
from benchmarks.sender import Sending
from benchmarks.workload import UDP_PACKET_BYTES, Workload

_CONTEXTS: Final = 99_000
_SECONDS: Final = 5.0
_MOST_LOST: Final = 0.1

# More than twice what the socket's buffer holds, so that no stall goes unnoticed.
_PACKETS_PER_SECOND: Final = 6000

# As many as one connection may have under way by default.
_STREAMS: Final = 100

# The default: so many contexts, every two seconds, are more than the intake can read.
_INTERVAL_SECONDS: Final = 10

# 100 000 contexts, with their texts and with the bucket that is open. A stop builds
# the last snapshot of them all before its time for the delivery begins.
_BOUNDS: Final = Bounds(rss_bytes=450 * 2**20, stop_seconds=15)


def ask_by_31_clients(trial: Trial) -> None:
    """Ask for the contexts with 31 clients, over HTTP/1.1."""
    _ask(trial, Asking("/contexts", clients=31, seconds=_SECONDS))


def ask_by_many_streams(trial: Trial) -> None:
    """Ask for the contexts with 2000 streams at once, over HTTP/2."""
    _ask(trial, Asking("/contexts", clients=20, seconds=_SECONDS, streams=_STREAMS))


def _ask(trial: Trial, asking: Asking) -> None:
    intakes = trial.start_intakes()
    server = trial.start_server(
        f"--interval-seconds={_INTERVAL_SECONDS}", intakes=intakes
    )
    contexts = trial.scale(_CONTEXTS)
    filling = trial.start_datagrams(
        Sending(
            Workload("new names", contexts, UDP_PACKET_BYTES),
            lines_per_second=40_000,
            max_seconds=20,
        ),
        server.udp,
    )
    victim = trial.start_datagrams(
        Sending(
            Workload("counters", 20_000),
            packets_per_second=_PACKETS_PER_SECOND,
            max_packets=round(_PACKETS_PER_SECOND * _SECONDS),
            max_seconds=2 * _SECONDS,
        ),
        server.udp,
    )
    filling.go()
    filled = filling.wait()
    # What a view shows may be a second old.
    time.sleep(1.2)
    before = find_listener(server.read_ledger(), "udp").kernel_dropped or 0
    clients = trial.start_asking(asking, server.http)
    clients.go()
    victim.go()
    sent = victim.wait()
    answers = clients.wait()
    trial.wait_until(
        lambda: intakes.read()[0].count_points() > 0,
        "points arrive",
        1.5 * _INTERVAL_SECONDS,
    )
    ledger = trial.judge(server.stop(), _BOUNDS)
    listener = find_listener(ledger, "udp")
    (received,) = intakes.read()
    trial.account_received(ledger, received)
    dropped = listener.kernel_dropped or 0
    trial.account(
        "packets over UDP", filled.packets + sent.packets, listener.packets + dropped
    )
    lost = (dropped - before) / sent.packets
    trial.expect(lost <= _MOST_LOST, f"the sender over UDP lost {lost:.0%}")
    how = f"{asking.clients} clients"
    if asking.streams:
        how = f"{asking.clients * asking.streams:,} streams of HTTP/2"
    trial.finding.load = (
        f"{how}, {ledger.contexts.current:,} contexts, "
        f"{answers.answered:,} answers, {answers.refused:,} refused"
    )
    lines = filled.lines + sent.lines
    trial.finding.delivered = f"{ledger.lines.read:,} of {lines:,} lines aggregated"


ATTACKS: Final = (
    Attack("31 clients of the views", ask_by_31_clients),
    Attack("2000 HTTP/2 streams of the views", ask_by_many_streams),
)
