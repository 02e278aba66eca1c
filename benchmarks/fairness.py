"""Measure what a server under load does to the other tasks of its program.

A Trio instrument measures every stretch between two checkpoints, in CPU time of the
thread (what the server is to blame for) and on the wall (which other programs on the
core lengthen); the cyclic garbage collector, whose pauses no checkpoint can part, is
taken out of the first and printed beside it. A task of the host program wants to run
every 10 ms, and its lateness is measured. Two loads:

* a flood, as fast as the sender can;
* 50 000 lines/s over 100 000 contexts, with a flush of all of them on the way: of that
  nothing may be lost. The contexts are made known before, at a slower rate.
"""

from collections.abc import Callable
from typing import Final

from benchmarks.journal import Journal, format_spread, make_parser
from benchmarks.processes import (
    SERVERS,
    Outcome,
    is_ours,
    list_servers,
    run_once,
    wait_for_quiet,
)
from benchmarks.sender import Sending
from benchmarks.servers.serving import Serving
from benchmarks.watch import Watched
from benchmarks.workload import UDP_PACKET_BYTES, Workload

# A line is known from its third sight on.
_SIGHTS: Final = 2


def flood(server: str, seconds: float) -> Outcome:
    """Send as fast as possible."""
    sending = Sending(
        Workload("tagged", 130_000, UDP_PACKET_BYTES, contexts=1000),
        max_seconds=seconds,
        max_packets=10_000_000,
    )
    return run_once(server, Serving(is_watched=True), [sending])


def flush_many(
    server: str,
    *,
    contexts: int,
    lines_per_second: float,
    warm_lines_per_second: float,
    seconds: float,
) -> Outcome:
    """Send to *contexts* counters, while they are flushed."""
    warm_lines = contexts * _SIGHTS
    warm_seconds = warm_lines / warm_lines_per_second
    lines = int(lines_per_second * seconds)
    sendings = [
        Sending(
            Workload("counters", warm_lines, UDP_PACKET_BYTES, contexts=contexts),
            lines_per_second=warm_lines_per_second,
            max_seconds=warm_seconds * 2,
        ),
        Sending(
            Workload("counters", lines, UDP_PACKET_BYTES, contexts=contexts),
            lines_per_second=lines_per_second,
            delay_seconds=warm_seconds,
            max_seconds=seconds * 2,
        ),
    ]
    serving = Serving(
        is_watched=True,
        # Half as long as the sending, so that an edge falls in the midst of it.
        interval_seconds=max(1, int(seconds / 2)),
        max_contexts=max(100_000, contexts),
    )
    return run_once(server, serving, sendings)


def main() -> None:
    """Watch every server under both loads."""
    parser = make_parser("fairness", __doc__, runs=1)
    parser.add_argument("--seconds", type=float, default=3.0, help="of the flood")
    parser.add_argument("--flush-seconds", type=float, default=10.0)
    parser.add_argument("--contexts", type=int, default=100_000)
    parser.add_argument("--lines-per-second", type=float, default=50_000)
    parser.add_argument("--warm-lines-per-second", type=float, default=20_000)
    parser.add_argument("--server", choices=SERVERS, action="append")
    options = parser.parse_args()
    journal = Journal("fairness", options)
    loads: dict[str, Callable[[str], Outcome]] = {
        f"flood for {options.seconds:g} s": lambda server: flood(
            server, options.seconds
        ),
        f"{options.lines_per_second:,.0f} lines/s over {options.contexts:,} contexts, "
        "flushed": lambda server: flush_many(
            server,
            contexts=options.contexts,
            lines_per_second=options.lines_per_second,
            warm_lines_per_second=options.warm_lines_per_second,
            seconds=options.flush_seconds,
        ),
    }
    for is_flushed, (load, run) in enumerate(loads.items()):
        rows: list[tuple[str, ...]] = []
        for server in list_servers(options):
            outcomes: list[Outcome] = []
            for number in range(options.runs):
                journal.tell(f"{load}: {server}, run {number + 1} of {options.runs}")
                outcomes.append(run(server))
                journal.keep(load, outcomes[-1])
                if is_flushed and is_ours(server) and outcomes[-1].lines_lost:
                    lost = outcomes[-1].lines_lost
                    journal.complain(f"{load}: {lost} lines lost")
                wait_for_quiet()
            rows.append(_describe(server, outcomes))
        journal.print_table(
            load,
            (
                "server",
                "longest stretch, CPU ms",
                "in task",
                "wall ms",
                "gc: pauses, longest ms, total ms",
                "host task late by ms: median, 99 %, worst",
                "snapshots",
                "lost",
            ),
            rows,
        )
    journal.close()


def _describe(server: str, outcomes: list[Outcome]) -> tuple[str, ...]:
    watched = [o.report.watched for o in outcomes if o.report.watched is not None]
    worst: Watched = max(watched, key=lambda one: one.longest_cpu)
    late = max((one.lateness for one in watched), key=lambda values: values[2])
    return (
        server,
        format_spread([one.longest_cpu * 1000 for one in watched]),
        worst.longest_task.rpartition(".")[2] or worst.longest_task,
        format_spread([one.longest_wall * 1000 for one in watched]),
        f"{worst.gc_pauses}, {worst.gc_longest * 1e3:.1f}, {worst.gc_total * 1e3:.0f}",
        ", ".join(f"{value * 1000:.1f}" for value in late),
        str(max(outcome.report.snapshots for outcome in outcomes)),
        str(max(outcome.lines_lost for outcome in outcomes)),
    )


if __name__ == "__main__":
    main()
