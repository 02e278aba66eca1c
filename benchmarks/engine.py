"""Measure parsing and aggregation without sockets, in one process: lines per second.

`statsd-trio` is the server's own processor, fed from a channel that was filled
beforehand. Hot: every line's head was seen before, as in a server that runs. Cold: each
line opens a context. Beside it the single loop (every line parsed) and the floor (count
newlines). Time is CPU time of the process, which on a quiet core is the time on the
wall.

`--pyperf` hands the same cases to pyperf, with the options that follow.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import attrs
import trio

from benchmarks.journal import Journal, format_spread, make_parser
from benchmarks.processes import list_engines
from benchmarks.servers.single_loop import SingleLoop
from benchmarks.stages import Stages
from benchmarks.workload import UDP_PACKET_BYTES, Workload
from statsd_trio.transports.packet import Origin, Packet

_ORIGIN: Final = Origin("inproc", "engine")

# Gets packets, takes them all in, tells the CPU seconds that took.
Engine = Callable[[list[bytes]], float]


def make_server_engine(
    *, learns: bool = True, max_contexts: int = 100_000, engine: str = "plain"
) -> Engine:
    """Make an engine of the server's own processor."""
    stages = Stages(max_contexts=max_contexts, learns=learns, engine=engine)

    async def process(packets: list[bytes]) -> float:
        send, receive = trio.open_memory_channel[Packet](len(packets))
        with send:
            for packet in packets:
                send.send_nowait(Packet(packet, _ORIGIN))
        started = time.process_time()
        await stages.ingest.run(receive)
        seconds = time.process_time() - started
        stages.forget_values()
        return seconds

    return lambda packets: trio.run(process, packets)


def make_loop_engine() -> Engine:
    """Make an engine of the loop that parses every line."""
    stages = Stages(engine="plain")
    loop = SingleLoop(stages)

    def process(packets: list[bytes]) -> float:
        started = time.process_time()
        for packet in packets:
            loop.process(packet)
        seconds = time.process_time() - started
        stages.forget_values()
        return seconds

    return process


def make_floor_engine() -> Engine:
    """Make an engine that counts newlines."""

    def process(packets: list[bytes]) -> float:
        started = time.process_time()
        sum(packet.count(b"\n") for packet in packets)
        return time.process_time() - started

    return process


@attrs.frozen
class Case:
    """What to feed to which engine.

    Attributes:
        is_cold: whether to use a new engine each time, instead of one that has seen
            the packets twice.
    """

    name: str
    make: Callable[[], Engine]
    workload: Workload
    is_cold: bool = False

    def measure(self, loops: int) -> list[float]:
        """Process the packets *loops* times; return the CPU seconds of each time."""
        packets = self.workload.build()
        if self.is_cold:
            return [self.make()(packets) for _ in range(loops)]
        engine = self.make()
        for _ in range(2):
            engine(packets)
        return [engine(packets) for _ in range(loops)]


def list_cases(lines: int, engines: Sequence[str]) -> list[Case]:
    """List every case, *lines* lines each."""
    mixed = Workload("mixed", lines, UDP_PACKET_BYTES)
    alone = Workload("mixed", lines)
    tagged = Workload("tagged", lines, UDP_PACKET_BYTES, contexts=1000)
    cold = Workload("counters", lines, UDP_PACKET_BYTES, contexts=lines)
    cases: list[Case] = []
    for engine in engines:
        make = partial(make_server_engine, engine=engine)
        parsing = partial(make, learns=False)
        cases += [
            Case(f"hot, no tags, {engine}", make, mixed),
            Case(f"hot, no tags, learns nothing, {engine}", parsing, mixed),
            Case(f"hot, no tags, 1 line a packet, {engine}", make, alone),
            Case(f"hot, 3 tags, 1000 contexts, {engine}", make, tagged),
            Case(f"hot, 3 tags, learns nothing, {engine}", parsing, tagged),
            Case(f"cold, each line a context, {engine}", make, cold, is_cold=True),
            Case(f"cold, learns nothing, {engine}", parsing, cold, is_cold=True),
        ]
    return [
        *cases,
        Case("hot, no tags, single loop", make_loop_engine, mixed),
        Case("hot, no tags, count newlines", make_floor_engine, mixed),
        Case("hot, 3 tags, single loop", make_loop_engine, tagged),
        Case("hot, 3 tags, count newlines", make_floor_engine, tagged),
        Case("cold, single loop", make_loop_engine, cold, is_cold=True),
    ]


def main() -> None:
    """Measure every case, or those whose name holds a given text."""
    parser = make_parser("engine", __doc__, runs=10)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--case", default="", help="only cases whose name holds this")
    parser.add_argument("--core", type=int, help="stay on this CPU")
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    journal = Journal("engine", options)
    rows: list[tuple[str, ...]] = []
    for case in list_cases(options.lines, list_engines(options.engine)):
        if options.case not in case.name:
            continue
        journal.tell(f"engine: {case.name}")
        seconds = case.measure(options.runs)
        rates = [options.lines / second for second in seconds]
        journal.keep(case.name, {"lines": options.lines, "seconds": seconds})
        rows.append(
            (
                case.name,
                format_spread(rates, 0),
                f"{statistics.median(seconds) / options.lines * 1e9:,.0f}",
            )
        )
    journal.print_table(
        f"{options.lines} lines in one process",
        ("case", "lines a CPU second", "ns/line"),
        rows,
    )
    journal.close()


def run_pyperf() -> None:
    """Hand the cases to pyperf; its own options are on the command line."""
    import pyperf  # type: ignore[import-untyped]  # noqa: PLC0415 - optional, untyped

    lines = 20_000
    runner = pyperf.Runner(program_args=("-m", "benchmarks", "engine", "--pyperf"))
    for case in list_cases(lines, list_engines(None)):
        runner.bench_time_func(
            f"{case.name}, a line",
            lambda loops, case=case: sum(case.measure(loops)),
            inner_loops=lines,
        )


if __name__ == "__main__":
    if "--pyperf" in sys.argv:
        sys.argv.remove("--pyperf")
        run_pyperf()
    else:
        main()
