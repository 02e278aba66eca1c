"""Check that idle connections leave descriptors for delivery and views."""

from typing import Final

from attacks.attack import Attack
from attacks.children.stream_sender import StreamSending
from attacks.trial import INTERVAL_SECONDS, Trial
from benchmarks.sender import Sending
from benchmarks.workload import UDP_PACKET_BYTES, Workload

_CONNECTIONS: Final = 1100

# Fewer than ``max_connections`` allows connections by default.
_OPEN_FILES: Final = 256

_LINES: Final = 20_000


def idle_connections(trial: Trial) -> None:
    """Open 1100 connections and leave them idle, with 256 descriptors in total."""
    intakes = trial.start_intakes()
    server = trial.start_server(
        "--tcp-port=__random__", intakes=intakes, limits={"max_open_files": _OPEN_FILES}
    )
    tcp = server.addresses[1]
    idle = trial.start_streams(
        StreamSending(Workload("counters", 1), connections=_CONNECTIONS), tcp
    )
    workload = Workload("counters", _LINES, UDP_PACKET_BYTES)
    udp_sender = trial.start_datagrams(
        Sending(workload, lines_per_second=10_000, max_seconds=10), server.udp
    )
    tcp_sender = trial.start_streams(
        StreamSending(workload, bytes_each=_LINES * 30, max_seconds=10), tcp
    )
    udp_sender.go()
    tcp_sender.go()
    lines = udp_sender.wait().lines + tcp_sender.wait().lines
    seconds = trial.wait_until(
        lambda: intakes.read()[0].values.get("shop.orders", 0) >= lines,
        "what is sent meanwhile arrives",
        5 * INTERVAL_SECONDS,
    )
    status, _ = server.ask("/readyz")
    trial.expect(status == 200, f"/readyz answers {status}")
    idle.close()
    ledger = trial.judge(server.stop())
    (received,) = intakes.read()
    trial.account_received(ledger, received)
    delivered = received.values.get("shop.orders", 0)
    trial.account("lines", lines, delivered)
    trial.finding.load = f"{_CONNECTIONS} idle connections, {_OPEN_FILES} descriptors"
    trial.finding.delivered = f"{delivered:,.0f} of {lines:,} lines in {seconds:.0f} s"


ATTACKS: Final = (Attack("1100 idle connections", idle_connections),)
