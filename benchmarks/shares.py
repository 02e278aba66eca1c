"""Measure what a flood on one listener costs the clients of another.

The server has two listeners and one core. One listener is flooded, by one client or by
eight; to the other a client sends a quarter of what the server takes of it alone. The
flood may cost it a tenth of that. Then both are flooded: each must get at least nine
tenths of half of what it gets alone. Last, one is flooded while the other idles, which
may cost the flood no more than runs differ.
"""

import statistics
from typing import Final

import attrs

from benchmarks.journal import Journal, format_spread, make_parser
from benchmarks.processes import (
    Outcome,
    list_engines,
    name_ours,
    run_once,
    wait_for_quiet,
)
from benchmarks.sender import Sending, choose_cores
from benchmarks.servers.serving import Serving
from benchmarks.workload import UNIX_PACKET_BYTES, Workload

_TRANSPORTS: Final = ("unixstream", "tcp", "unixgram", "udp")

# A flood is bounded in packets too: far more than can be sent.
_MAX_PACKETS: Final = 10_000_000

# What a client of the other listener sends, of what it could alone, and may lose.
_STEADY_SHARE: Final = 0.25
_MAX_LOST: Final = 0.1
_LEAST_SHARE: Final = 0.9
_LEAST_BESIDE_IDLE: Final = 0.9


@attrs.frozen
class Case:
    """A flood, and what is sent beside it."""

    flooded: str
    other: str
    clients: int

    def __str__(self) -> str:
        return f"{self.flooded} x {self.clients}, beside {self.other}"


CASES: Final = [
    Case(flooded, "udp", clients)
    for flooded in ("unixstream", "tcp", "unixgram")
    for clients in (1, 8)
] + [Case("udp", "unixstream", 1)]


def flood(transport: str, seconds: float, clients: int = 1) -> list[Sending]:
    """Send as fast as *clients* can, over *transport*."""
    sending = Sending(
        Workload("mixed", 50_000, _choose_size(transport)),
        transport=transport,
        max_seconds=seconds,
        max_packets=_MAX_PACKETS,
        core=choose_cores()[1],
    )
    return [sending] * clients


def send_steadily(transport: str, seconds: float, bytes_per_second: float) -> Sending:
    """Send over *transport* at a rate that must be served."""
    workload = Workload("mixed", 50_000, _choose_size(transport))
    packets = workload.build()
    mean_bytes = sum(map(len, packets)) / len(packets)
    rate = bytes_per_second / mean_bytes
    return Sending(
        workload,
        transport=transport,
        packets_per_second=rate,
        max_packets=max(1, int(rate * seconds)),
        max_seconds=seconds * 3,
        core=choose_cores()[1],
    )


def _choose_size(transport: str) -> int:
    # One line in each datagram of UDP: the least favourable against long frames.
    return 0 if transport == "udp" else UNIX_PACKET_BYTES


class _Shares:
    def __init__(
        self, journal: Journal, server: str, seconds: float, runs: int
    ) -> None:
        self._journal = journal
        self._server = server
        self._seconds = seconds
        self._runs = runs
        self._alone: dict[str, list[float]] = {}

    def run(self, name: str, transports: list[str], sendings: list[Sending]) -> Outcome:
        """Send *sendings* to a server that listens to *transports*."""
        self._journal.tell(f"shares: {name}")
        serving = Serving(transports=transports, core=choose_cores()[0])
        outcome = run_once(self._server, serving, sendings)
        self._journal.keep(name, outcome)
        wait_for_quiet()
        return outcome

    def measure_alone(self, transport: str) -> list[float]:
        """Return the bytes per second that a flood over *transport* alone reaches."""
        if transport not in self._alone:
            self._alone[transport] = [
                self._count(
                    self.run(
                        f"{transport} alone",
                        [transport],
                        flood(transport, self._seconds),
                    ),
                    transport,
                )
                for _ in range(self._runs)
            ]
        return self._alone[transport]

    def send_beside(self, case: Case) -> tuple[str, ...]:
        """Send steadily beside a flood."""
        shares: list[float] = []
        for _ in range(self._runs):
            alone = statistics.median(self.measure_alone(case.other))
            steady = send_steadily(case.other, self._seconds, _STEADY_SHARE * alone)
            sendings = [*flood(case.flooded, self._seconds, case.clients), steady]
            outcome = self.run(str(case), [case.flooded, case.other], sendings)
            sent = outcome.sent[-1].bytes
            shares.append(outcome.report.bytes_by_transport[case.other] / sent)
        if statistics.median(shares) < 1 - _MAX_LOST:
            self._journal.complain(f"{case}: got {shares} of what it sent")
        return (str(case), format_spread([100 * share for share in shares], 1))

    def flood_both(self, one: str, other: str) -> tuple[str, ...]:
        """Flood two listeners."""
        halves: dict[str, list[float]] = {one: [], other: []}
        for _ in range(self._runs):
            sendings = flood(one, self._seconds) + flood(other, self._seconds)
            outcome = self.run(f"{one} and {other}", [one, other], sendings)
            for transport, shares in halves.items():
                alone = statistics.median(self.measure_alone(transport))
                shares.append(2 * self._count(outcome, transport) / alone)
        for transport, shares in halves.items():
            if statistics.median(shares) < _LEAST_SHARE:
                self._journal.complain(
                    f"{one} and {other}: {transport} got {shares} of its half"
                )
        return (
            f"{one} and {other}",
            *(format_spread([100 * s for s in shares]) for shares in halves.values()),
        )

    def flood_beside_idle(self, flooded: str, idle: str) -> tuple[str, ...]:
        """Flood one listener while the other idles."""
        alone = self.measure_alone(flooded)
        beside = [
            self._count(
                self.run(
                    f"{flooded} beside idle {idle}",
                    [flooded, idle],
                    flood(flooded, self._seconds),
                ),
                flooded,
            )
            for _ in range(self._runs)
        ]
        if max(beside) < _LEAST_BESIDE_IDLE * statistics.median(alone):
            self._journal.complain(f"an idle {idle} costs a flood of {flooded} much")
        return (
            f"{flooded} beside idle {idle}",
            format_spread([rate / 1e6 for rate in alone]),
            format_spread([rate / 1e6 for rate in beside]),
        )

    def _count(self, outcome: Outcome, transport: str) -> float:
        """Return the bytes a second that the server took over *transport*."""
        return outcome.report.bytes_by_transport[transport] / outcome.seconds


def main() -> None:
    """Run every case."""
    parser = make_parser("shares", __doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--flooded", choices=_TRANSPORTS, action="append")
    options = parser.parse_args()
    journal = Journal("shares", options)
    chosen = options.flooded or _TRANSPORTS
    shares = _Shares(
        journal,
        name_ours(list_engines(options.engine)[0]),
        options.seconds,
        options.runs,
    )
    journal.print_table(
        "a quarter of what is taken alone, beside a flood",
        ("flood", "taken of them, %"),
        [shares.send_beside(case) for case in CASES if case.flooded in chosen],
    )
    journal.print_table(
        "two floods: what each gets of half of what it gets alone, %",
        ("floods", "the first", "the second"),
        [shares.flood_both(each, "udp") for each in chosen if each != "udp"],
    )
    journal.print_table(
        "a flood beside a listener that idles, MB/s",
        ("flood", "alone", "beside"),
        [
            shares.flood_beside_idle(each, "udp" if each != "udp" else "unixstream")
            for each in chosen
        ],
    )
    journal.close()


if __name__ == "__main__":
    main()
