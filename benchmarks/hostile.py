"""Send harmful streams: what they cost, and whether others' metrics still arrive.

First without sockets: good packets, hostile packets, and both mixed, through the
server's own processor. Mixed they may cost at most a tenth more than apart, and hostile
lines at most a tenth more than where nothing is learnt (an empty packet counts as a
line here).

Then over UDP: a good sender and a hostile one at a steady rate. Every good line must
arrive, and the ledger must say what became of the others.
"""

import argparse
from operator import itemgetter
from typing import Final

from benchmarks.engine import make_server_engine
from benchmarks.journal import Journal, format_spread, make_parser
from benchmarks.processes import (
    Outcome,
    list_engines,
    name_ours,
    run_once,
    wait_for_quiet,
)
from benchmarks.sender import Sending
from benchmarks.servers.serving import Serving
from benchmarks.workload import UDP_PACKET_BYTES, Workload, count_lines
from statsd_trio import Config

_STREAMS: Final = (
    "new names",
    "timestamps",
    "garbage",
    "unterminated",
    "empty",
    "longest",
)


def main() -> None:
    """Measure the cost of every stream, then send each beside a good one."""
    parser = make_parser("hostile", __doc__, runs=5)
    parser.add_argument("--lines", type=int, default=40_000)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--packets-per-second", type=float, default=500)
    parser.add_argument("--stream", choices=_STREAMS, action="append")
    options = parser.parse_args()
    journal = Journal("hostile", options)
    for engine in list_engines(options.engine):
        _measure(journal, engine, options)
    journal.close()


def _measure(journal: Journal, engine: str, options: argparse.Namespace) -> None:
    streams = options.stream or _STREAMS
    costs: list[tuple[str, ...]] = []
    for stream in streams:
        journal.tell(f"hostile: the cost of {stream}")
        costs.append(
            _measure_cost(journal, engine, stream, options.lines, options.runs)
        )
    journal.print_table(
        f"without sockets, the least of the runs, {engine}",
        (
            "stream",
            "good: ns/line",
            "hostile: ns/line",
            "learning off: ns/line",
            "apart ms",
            "mixed ms",
            "dearer by",
        ),
        costs,
    )
    rows: list[tuple[str, ...]] = []
    for stream in streams:
        journal.tell(f"hostile: {stream} over UDP")
        outcome = _send_both(
            name_ours(engine), stream, options.seconds, options.packets_per_second
        )
        journal.keep(stream, outcome)
        rows.append(_describe(stream, outcome))
        wait_for_quiet()
    journal.print_table(
        f"over UDP, 50 000 good lines/s beside, {options.seconds:g} s, {engine}",
        (
            "stream",
            "packets sent",
            "dropped",
            "lines read",
            "rejected",
            "refused",
            "truncated",
            "aggregated",
            "CPU s",
        ),
        rows,
    )


def _measure_cost(
    journal: Journal, engine: str, stream: str, lines: int, runs: int
) -> tuple[str, ...]:
    good = Workload("mixed", lines, UDP_PACKET_BYTES).build()
    good_seconds: list[float] = []
    hostile_seconds: list[float] = []
    parsed_seconds: list[float] = []
    both_seconds: list[float] = []
    hostile_lines = lines
    for run in range(runs):
        # Other names each time, as an attacker would.
        count = lines // 500 if stream == "longest" else lines
        hostile = Workload(stream, count, UDP_PACKET_BYTES, seed=run).build()
        hostile_lines = sum(map(count_lines, hostile)) or len(hostile)
        mixture = _alternate(good, hostile)
        for seconds, packets, learns in (
            (good_seconds, good, True),
            (hostile_seconds, hostile, True),
            (parsed_seconds, hostile, False),
            (both_seconds, mixture, True),
        ):
            process = make_server_engine(learns=learns, engine=engine)
            for _ in range(2):
                process(good)
            seconds.append(process(packets))
    journal.keep(
        f"cost of {stream}, {engine}",
        {
            "good": good_seconds,
            "hostile": hostile_seconds,
            "hostile, learning off": parsed_seconds,
            "both": both_seconds,
            "hostile lines": hostile_lines,
        },
    )
    good_least = min(good_seconds)
    hostile_least = min(hostile_seconds)
    apart = good_least + hostile_least
    return (
        stream,
        f"{good_least / lines * 1e9:,.0f}",
        f"{hostile_least / hostile_lines * 1e9:,.0f}",
        f"{min(parsed_seconds) / hostile_lines * 1e9:,.0f}",
        f"{apart * 1e3:,.1f}",
        f"{min(both_seconds) * 1e3:,.1f}",
        f"{min(both_seconds) / apart - 1:+.1%}",
    )


def _alternate(good: list[bytes], hostile: list[bytes]) -> list[bytes]:
    """Spread the fewer evenly among the more."""
    more, fewer = (good, hostile) if len(good) > len(hostile) else (hostile, good)
    places = [(number / len(more), packet) for number, packet in enumerate(more)]
    places += [(number / len(fewer), packet) for number, packet in enumerate(fewer)]
    return [packet for _, packet in sorted(places, key=itemgetter(0))]


def _send_both(
    server: str, stream: str, seconds: float, packets_per_second: float
) -> Outcome:
    good = Workload("mixed", int(50_000 * seconds), UDP_PACKET_BYTES)
    hostile_packets = int(packets_per_second * seconds)
    hostile = Workload(stream, hostile_packets * 40, UDP_PACKET_BYTES)
    sent_packets = hostile.build()[:hostile_packets]
    good_lines = sum(map(count_lines, good.build()))
    read = good_lines + sum(map(_count_read, sent_packets))
    return run_once(
        server,
        Serving(),
        [
            Sending(good, lines_per_second=50_000, max_seconds=seconds * 5),
            Sending(
                hostile,
                packets_per_second=packets_per_second,
                max_seconds=seconds * 5,
                max_packets=len(sent_packets),
            ),
        ],
        expected_lines=read,
    )


def _count_read(packet: bytes) -> int:
    kept = packet[: Config().buffer_size]
    # What is cut off counts as one line, which is rejected.
    return kept.count(b"\n") + 1 if len(packet) > len(kept) else count_lines(kept)


def _describe(stream: str, outcome: Outcome) -> tuple[str, ...]:
    report = outcome.report
    return (
        stream,
        str(outcome.packets_sent),
        str(report.kernel_dropped),
        str(report.lines),
        str(sum(report.rejected.values())),
        str(sum(report.refused.values())),
        str(report.truncated),
        str(report.aggregated),
        format_spread([report.cpu_seconds]),
    )


if __name__ == "__main__":
    main()
