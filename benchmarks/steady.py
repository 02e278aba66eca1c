"""Measure what everyday rates cost, with evenly spaced packets of one line.

At these rates the cost is not parsing but waking up. The server has one core, the
sender another; nothing may be lost.
"""

from benchmarks.journal import Journal, format_lost, format_spread, make_parser
from benchmarks.processes import (
    SERVERS,
    Outcome,
    is_ours,
    list_servers,
    run_once,
    wait_for_quiet,
)
from benchmarks.sender import Sending, choose_cores
from benchmarks.servers.serving import Serving
from benchmarks.workload import Workload


def run_steadily(
    server: str, rate: float, seconds: float, transport: str, so_rcvbuf: int
) -> Outcome:
    """Send *rate* one-line packets per second to *server*."""
    server_core, sender_core = choose_cores()
    sending = Sending(
        Workload("mixed", int(rate * seconds)),
        transport=transport,
        packets_per_second=rate,
        max_seconds=seconds * 2,
        core=sender_core,
    )
    serving = Serving(transports=(transport,), core=server_core, so_rcvbuf=so_rcvbuf)
    return run_once(server, serving, [sending])


def main() -> None:
    """Run every rate against every server, in turn."""
    parser = make_parser("steady", __doc__, runs=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, action="append", help="packets/s")
    parser.add_argument("--transport", choices=("udp", "unixgram"), default="udp")
    parser.add_argument("--so-rcvbuf", type=int, default=Serving().so_rcvbuf)
    parser.add_argument("--server", choices=SERVERS, action="append")
    options = parser.parse_args()
    journal = Journal("steady", options)
    rows: list[tuple[str, ...]] = []
    for rate in options.rate or [1000, 10_000, 50_000]:
        outcomes: dict[str, list[Outcome]] = {}
        for run in range(options.runs):
            for server in list_servers(options):
                journal.tell(
                    f"steady {rate:,.0f} packets/s: {server}, "
                    f"run {run + 1} of {options.runs}"
                )
                outcome = run_steadily(
                    server, rate, options.seconds, options.transport, options.so_rcvbuf
                )
                outcomes.setdefault(server, []).append(outcome)
                journal.keep(f"{rate:.0f} packets/s", outcome)
                if is_ours(server) and outcome.lines_lost:
                    journal.complain(
                        f"{outcome.lines_lost} lines lost at {rate:,.0f} packets/s"
                    )
                wait_for_quiet()
        rows += [_describe(rate, server, runs) for server, runs in outcomes.items()]
    journal.print_table(
        f"one-line packets over {options.transport}, {options.seconds:g} s",
        (
            "server",
            "packets/s",
            "share of a core, %",
            "lost",
            "where",
            "sender's longest gap, ms",
        ),
        rows,
    )
    journal.close()


def _describe(rate: float, server: str, runs: list[Outcome]) -> tuple[str, ...]:
    lost, _, where = format_lost(runs)
    shares = [100 * r.report.cpu_seconds / r.sent[0].seconds for r in runs]
    gaps = [1000 * r.sent[0].longest_gap_seconds for r in runs]
    return (
        server,
        f"{rate:,.0f}",
        format_spread(shares, 1),
        lost,
        where,
        format_spread(gaps, 1),
    )


if __name__ == "__main__":
    main()
