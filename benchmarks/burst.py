"""Send 300 000 lines in 3 seconds: what is lost, where, and what it costs.

One line, 1432 bytes and 8 KiB a packet; over UDP with the default receive buffer and
with 416 KiB granted (212 992 asked), and over a Unix datagram socket. The packets are
spaced evenly, the server has one core and the sender another. The senders are not
slowed: what is due is sent, except that a Unix socket that is full makes them wait,
which is counted.
"""

from typing import Final

import attrs

from benchmarks.journal import Journal, format_lost, format_spread, make_parser
from benchmarks.processes import (
    SERVERS,
    Outcome,
    list_servers,
    run_once,
    wait_for_quiet,
)
from benchmarks.sender import Sending, choose_cores
from benchmarks.servers.serving import Serving
from benchmarks.workload import Workload

_SIZES: Final = {"1 line": 0, "1432 B": 1432, "8 KiB": 8192}
_SMALL_BUFFER: Final = 212_992  # asked; Linux grants twice that, 416 KiB


@attrs.frozen
class Case:
    """One row of cases: how the lines are packed, and what they are sent to."""

    size: str
    transport: str

    @property
    def serving(self) -> Serving:
        """The settings of the server."""
        core, _ = choose_cores()
        if self.transport == "udp 416 KiB":
            return Serving(so_rcvbuf=_SMALL_BUFFER, core=core)
        transport, *_ = self.transport.split()
        return Serving(transports=(transport,), core=core)


CASES: Final = [
    Case(size, transport)
    for transport in ("udp default", "udp 416 KiB", "unixgram")
    for size in _SIZES
]


def run_case(case: Case, server: str, lines: int, seconds: float) -> Outcome:
    """Send *lines* in *seconds* to *server*."""
    serving = case.serving
    sending = Sending(
        Workload("mixed", lines, _SIZES[case.size]),
        transport=serving.transports[0],
        lines_per_second=lines / seconds,
        max_seconds=seconds * 5 + 5,
        core=choose_cores()[1],
    )
    return run_once(server, serving, [sending])


def main() -> None:
    """Run every case against every server, in turn."""
    parser = make_parser("burst", __doc__)
    parser.add_argument("--lines", type=int, default=300_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--size", choices=_SIZES, action="append")
    parser.add_argument(
        "--transport", choices=sorted({c.transport for c in CASES}), action="append"
    )
    parser.add_argument("--server", choices=SERVERS, action="append")
    options = parser.parse_args()
    journal = Journal("burst", options)
    servers = list_servers(options)
    for case in CASES:
        if case.size not in (options.size or _SIZES):
            continue
        if options.transport and case.transport not in options.transport:
            continue
        outcomes: dict[str, list[Outcome]] = {server: [] for server in servers}
        for run in range(options.runs):
            for server in servers:
                journal.tell(
                    f"burst {case.size}, {case.transport}: {server}, "
                    f"run {run + 1} of {options.runs}"
                )
                outcome = run_case(case, server, options.lines, options.seconds)
                outcomes[server].append(outcome)
                journal.keep(f"{case.size}, {case.transport}", outcome)
                wait_for_quiet()
        _print_case(journal, case, outcomes)
    journal.close()


def _print_case(
    journal: Journal, case: Case, outcomes: dict[str, list[Outcome]]
) -> None:
    rows: list[tuple[str, ...]] = []
    for server, runs in outcomes.items():
        lost, share, where = format_lost(runs)
        aggregated = [
            r.report.aggregated for r in runs if r.report.aggregated is not None
        ]
        rows.append(
            (
                server,
                str(runs[0].lines_sent),
                format_spread([r.report.lines for r in runs], 0),
                format_spread(aggregated, 0) if aggregated else "-",
                lost,
                share,
                where,
                format_spread([r.report.cpu_seconds for r in runs]),
                format_spread([r.sent[0].seconds for r in runs]),
                str(max(r.sent[0].waits for r in runs)),
            )
        )
    granted = next(iter(outcomes.values()))[0].report.granted_buffer_bytes
    buffer = f", {granted // 1024} KiB granted" if granted else ""
    journal.print_table(
        f"{case.size} a packet, {case.transport}{buffer}",
        (
            "server",
            "sent",
            "read",
            "aggregated",
            "lost: median (worst)",
            "%",
            "where",
            "CPU s",
            "sent in s",
            "sender's waits",
        ),
        rows,
    )


if __name__ == "__main__":
    main()
