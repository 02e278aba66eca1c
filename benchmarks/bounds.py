"""Send texts that are chosen to hurt: colliding heads, a million heads, a huge set.

Each goes through ingestion and aggregation in one process, with each engine. What
collides does so in a table whose hash has no seed: all names share the lowest bits of
their FxHash, by which such a table would place them. They must cost no more than names
at random. Of a million heads or members, all that is over a bound is counted, and the
ledger's identities hold.
"""

import random
import string
import time
from collections.abc import Iterable, Iterator
from itertools import islice, product
from typing import Final

import trio

from benchmarks.journal import Journal, format_spread, make_parser
from benchmarks.processes import list_engines
from benchmarks.stages import Stages
from statsd_trio.transports.packet import Origin, Packet

_ORIGIN: Final = Origin("inproc", "bounds")
_LINES_A_PACKET: Final = 50

# The first is seen, the second is learnt, the third is found.
_SIGHTS: Final = 3

# Of the 64-bit FxHash of rustc-hash 1: rotate by 5, exclusive or, multiply.
_FX_MULTIPLIER: Final = 0x517CC1B727220A95
_WORD: Final = 2**64 - 1


def fx_hash(text: bytes) -> int:
    """Hash *text*, of words of 8 bytes, as rustc-hash 1 does without a seed."""
    state = 0
    for begin in range(0, len(text), 8):
        word = int.from_bytes(text[begin : begin + 8], "little")
        state = (state << 5 | state >> 59) & _WORD
        state = ((state ^ word) * _FX_MULTIPLIER) & _WORD
    return state


def make_colliding_names(count: int) -> list[bytes]:
    """Return names of 16 bytes whose `fx_hash` has the same lowest 24 bits.

    The low bits of a product depend on those of its factors alone, so whatever stands
    in the last five bytes changes only the high ones.
    """
    endings = product(string.ascii_letters.encode(), repeat=5)
    return [b"collide.abc" + bytes(ending) for ending in islice(endings, count)]


def make_random_names(count: int) -> list[bytes]:
    """Return names of 16 letters."""
    rng = random.Random(1)
    return [
        "".join(rng.choices(string.ascii_letters, k=16)).encode() for _ in range(count)
    ]


def _pack(lines: Iterable[bytes]) -> Iterator[Packet]:
    remaining = iter(lines)
    while some := list(islice(remaining, _LINES_A_PACKET)):
        yield Packet(b"\n".join(some), _ORIGIN)


def _process(stages: Stages, lines: Iterable[bytes]) -> float:
    """Process *lines*; return the CPU seconds that this took."""

    async def run() -> float:
        seconds = 0.0
        packets = _pack(lines)
        while some := list(islice(packets, 1000)):
            send, receive = trio.open_memory_channel[Packet](len(some))
            with send:
                for packet in some:
                    send.send_nowait(packet)
            started = time.process_time()
            await stages.ingest.run(receive)
            seconds += time.process_time() - started
        return seconds

    return trio.run(run)


def measure_names(names: list[bytes], engine: str) -> tuple[float, float]:
    """Send a counter for each name; CPU seconds until all are known, then once more."""
    stages = Stages(max_contexts=len(names), engine=engine)
    lines = [name + b":1|c" for name in names]
    learning = sum(_process(stages, lines) for _ in range(_SIGHTS - 1))
    return learning, _process(stages, lines)


def _check(journal: Journal, stages: Stages, sent: int) -> None:
    samples = stages.samples
    if samples.aggregated + sum(samples.dropped.values()) != sent:
        journal.complain(f"{sent} samples sent, the ledger says {samples}")


def main() -> None:
    """Measure all, with each engine."""
    parser = make_parser("bounds", __doc__)
    parser.add_argument("--names", type=int, default=100_000)
    parser.add_argument("--million", type=int, default=1_000_000)
    options = parser.parse_args()
    journal = Journal("bounds", options)
    kinds = {
        "at random": make_random_names(options.names),
        "colliding": make_colliding_names(options.names),
    }
    rows: list[tuple[str, ...]] = []
    for engine in list_engines(options.engine):
        found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
        for run in range(options.runs):
            for kind, names in kinds.items():
                journal.tell(f"bounds: names {kind}, {engine}, run {run + 1}")
                found[kind].append(measure_names(names, engine))
        journal.keep(f"names, {engine}", found)
        for kind, runs in found.items():
            learning, known = zip(*runs, strict=True)
            rows.append(
                (f"{kind}, {engine}", format_spread(learning), format_spread(known))
            )
    journal.print_table(
        f"{options.names:,} names",
        ("names", "until known, CPU s", "known, CPU s"),
        rows,
    )
    rows = []
    for engine in list_engines(options.engine):
        for what, form in (("heads", b"m%d:1|c"), ("members", b"users:u%d|s")):
            journal.tell(f"bounds: {options.million:,} {what}, {engine}")
            stages = Stages(engine=engine)
            # Each twice, since a head is kept from its second sight on.
            lines = (form % (number // 2) for number in range(2 * options.million))
            seconds = _process(stages, lines)
            _check(journal, stages, 2 * options.million)
            dropped = sum(stages.samples.dropped.values())
            rows.append(
                (
                    f"{options.million:,} {what}, {engine}",
                    f"{seconds:.1f}",
                    f"{stages.samples.aggregated:,}",
                    f"{dropped:,}",
                    f"{stages.aggregator.memory_used / 2**20:.1f}",
                )
            )
            journal.keep(f"{what}, {engine}", rows[-1])
    journal.print_table(
        f"{options.million:,} of each, twice",
        ("what", "CPU s", "aggregated", "dropped", "memory, MiB"),
        rows,
    )
    journal.close()


if __name__ == "__main__":
    main()
