"""Measure what the server holds: a context, a full queue, and memory during a flood.

* bytes a counter context with three tags of 12 bytes costs, its head included;
* bytes a full queue holds, with datagrams of 8192 bytes and of one byte;
* RSS over a flood with a fixed set of contexts; `--seconds 600` for the ten minutes.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.journal import Journal, make_parser
from benchmarks.processes import list_engines, name_ours, run_once
from benchmarks.sender import Sending, choose_cores
from benchmarks.servers.serving import Serving, read_rss_bytes
from benchmarks.workload import UDP_PACKET_BYTES, Workload

_MIB: Final = 1024 * 1024
_PROBE_SECONDS: Final = 300

# More than a sender can, so that every run is bounded in packets too.
_MAX_PACKETS_PER_SECOND: Final = 1_000_000


def _probe(name: str, number: int, engine: str) -> dict[str, float]:
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.probes", name, str(number), engine],
        stdout=subprocess.PIPE,
        check=True,
        cwd=Path(__file__).parents[1],
        text=True,
        timeout=_PROBE_SECONDS,
    )
    found: dict[str, float] = json.loads(answer.stdout)
    return found


def main() -> None:
    """Measure all three."""
    parser = make_parser("memory", __doc__, runs=1)
    parser.add_argument("--contexts", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=30.0, help="of the flood")
    parser.add_argument(
        "--lines-per-second", type=float, default=0, help="0: as fast as can be"
    )
    options = parser.parse_args()
    journal = Journal("memory", options)
    for engine in list_engines(options.engine):
        for run in range(options.runs):
            _measure_probes(journal, options.contexts, engine, run)
        _measure_flood(journal, engine, options.seconds, options.lines_per_second)
    journal.close()


def _measure_probes(journal: Journal, contexts: int, engine: str, run: int) -> None:
    rows: list[tuple[str, ...]] = []
    for name, number, what in (
        ("contexts", contexts, f"{contexts} counter contexts"),
        ("queue", 8192, "full queue, 8192-byte datagrams"),
        ("queue", 1, "full queue, 1-byte datagrams"),
    ):
        journal.tell(f"memory: {what}, run {run + 1}")
        found = _probe(name, number, engine)
        journal.keep(f"{what}, {engine}", found)
        rows += [
            (what if not index else "", key, f"{value:,.0f}")
            for index, (key, value) in enumerate(found.items())
        ]
    journal.print_table(f"memory, as RSS, {engine}", ("what", "figure", ""), rows)


def _measure_flood(
    journal: Journal, engine: str, seconds: float, lines_per_second: float
) -> None:
    journal.tell(f"memory: flood for {seconds:g} s")
    seen: list[tuple[float, int]] = []
    started = time.monotonic()
    server_core, sender_core = choose_cores()
    outcome = run_once(
        name_ours(engine),
        Serving(core=server_core),
        [
            Sending(
                Workload("tagged", 130_000, UDP_PACKET_BYTES, contexts=1000),
                lines_per_second=lines_per_second,
                max_seconds=seconds,
                max_packets=int(seconds * _MAX_PACKETS_PER_SECOND),
                core=sender_core,
            )
        ],
        sample=lambda pid: seen.append(
            (time.monotonic() - started, read_rss_bytes(pid))
        ),
    )
    journal.keep("RSS by second", seen)
    journal.keep("flood", outcome)
    # A dozen moments tell the course.
    step = max(1, len(seen) // 12)
    journal.print_table(
        f"RSS over a flood of {outcome.report.lines:,} lines, 1000 contexts, {engine} "
        f"({outcome.taken_per_second:,.0f} lines/s)",
        ("second", "MiB"),
        [(f"{at:.0f}", f"{rss / _MIB:.1f}") for at, rss in seen[::step]]
        + [("at stop", f"{outcome.report.rss_bytes / _MIB:.1f}")]
        + [("peak", f"{outcome.report.peak_rss_bytes / _MIB:.1f}")],
    )


if __name__ == "__main__":
    main()
