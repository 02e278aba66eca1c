"""Send as fast as the sender can, for 3 seconds, to a server that has one core.

1432-byte packets, 1000 contexts of six types, random values, three tags a line. Then
the same at 1, 2 and 10 times of what the server took: a server in receive livelock
takes less the more it is offered. What is left in the buffers when the sender ends is
taken too, and the time for it counts.
"""

import statistics

from benchmarks.journal import Journal, format_lost, format_spread, make_parser
from benchmarks.processes import (
    SERVERS,
    SINGLE_LOOP,
    Outcome,
    is_ours,
    list_servers,
    run_once,
    wait_for_quiet,
)
from benchmarks.sender import Sending, choose_cores
from benchmarks.servers.serving import Serving
from benchmarks.workload import UDP_PACKET_BYTES, Workload

# Of distinct bytes, sent round and round.
_LINES_BUILT = 130_000

# Far beyond what can be sent, so that every run is bounded in packets too.
_MAX_PACKETS = 10_000_000


def run_flood(
    server: str, seconds: float, lines_per_second: float, so_rcvbuf: int
) -> Outcome:
    """Flood *server*, which runs on the first core; the sender runs on the last one."""
    server_core, sender_core = choose_cores()
    sending = Sending(
        Workload("tagged", _LINES_BUILT, UDP_PACKET_BYTES, contexts=1000),
        lines_per_second=lines_per_second,
        max_seconds=seconds,
        max_packets=_MAX_PACKETS,
        core=sender_core,
    )
    serving = Serving(core=server_core, so_rcvbuf=so_rcvbuf)
    return run_once(server, serving, [sending])


def main() -> None:
    """Flood every server in turn; then offer 1x, 2x and 10x to ours and the loop."""
    parser = make_parser("flood", __doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--so-rcvbuf", type=int, default=Serving().so_rcvbuf)
    parser.add_argument("--server", choices=SERVERS, action="append")
    parser.add_argument(
        "--offer",
        type=float,
        action="append",
        help="times what the server took (default: 1, 2 and 10); 0 for none",
    )
    options = parser.parse_args()
    journal = Journal("flood", options)
    servers: list[str] = list_servers(options)
    offers: list[float] = options.offer or [1, 2, 10]
    outcomes: dict[tuple[str, float], list[Outcome]] = {}

    def run(server: str, times: float, rate: float) -> None:
        for number in range(options.runs):
            how = f"{times:g}x" if times else "as fast as can be"
            journal.tell(f"flood {how}: {server}, run {number + 1} of {options.runs}")
            outcome = run_flood(server, options.seconds, rate, options.so_rcvbuf)
            outcomes.setdefault((server, times), []).append(outcome)
            journal.keep(how, outcome)
            wait_for_quiet()

    for server in servers:
        run(server, 0, 0)
    for server in servers:
        taken = _median_taken(outcomes[server, 0])
        # The floor takes more than two can send; and it is no server.
        if is_ours(server) or server in (options.server or [SINGLE_LOOP]):
            for times in offers:
                if times:
                    run(server, times, times * taken)
    journal.print_table(
        f"flood for {options.seconds:g} s",
        (
            "server",
            "offered",
            "sent lines/s",
            "taken lines/s",
            "lost",
            "where",
            "CPU s",
            "lines a CPU s",
            "queue peak",
            "contexts",
        ),
        [_describe(server, times, runs) for (server, times), runs in outcomes.items()],
    )
    journal.close()


def _median_taken(outcomes: list[Outcome]) -> float:
    return statistics.median(outcome.taken_per_second for outcome in outcomes)


def _describe(server: str, times: float, runs: list[Outcome]) -> tuple[str, ...]:
    _, share, where = format_lost(runs)
    return (
        server,
        f"{times:g}x" if times else "all",
        format_spread([r.lines_sent / r.sent[0].seconds for r in runs], 0),
        format_spread([r.taken_per_second for r in runs], 0),
        share,
        where,
        format_spread([r.report.cpu_seconds for r in runs]),
        format_spread([r.report.lines / r.report.cpu_seconds for r in runs], 0),
        str(max(r.report.queue_peak for r in runs)),
        str(max(r.report.contexts for r in runs)),
    )


if __name__ == "__main__":
    main()
