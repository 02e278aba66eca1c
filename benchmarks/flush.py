"""How long a snapshot of many contexts takes, and how long others must wait for it.

What stands under "longest" is the longest stretch between two chances for others to
run, without the cyclic garbage collector, whose own longest pause stands beside it.
"""

import argparse
import gc
import random
from collections.abc import Callable
from time import thread_time

from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.aggregation.conversion import read_values
from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.errors import Reason
from statsd_trio.ledger import ContextCounters, SampleCounters
from statsd_trio.protocol.messages import MetricType, Sample

# The processor time of this thread: on a busy machine wall time shows the others.
read_clock = thread_time

MIXED = ("c", "c", "g", "ms", "d", "s")


class Silent:
    def late_rejection(
        self, name: str, reason: Reason, lines: int, example: bytes
    ) -> None:
        raise AssertionError(name, reason, lines, example)

    def late_repair(self, name: str, example: bytes) -> None:
        raise AssertionError(name, example)


class Stopwatch:
    """Times every call of a step, and the garbage collector apart from it."""

    def __init__(self) -> None:
        self.total = 0.0
        self.longest = 0.0
        self.longest_collection = 0.0
        self._collected = 0.0
        self._begin = 0.0

    def watch(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._begin = read_clock()
        else:
            took = read_clock() - self._begin
            self._collected += took
            self.longest_collection = max(self.longest_collection, took)

    def run(self, step: Callable[[], bool]) -> None:
        more = True
        while more:
            self._collected = 0.0
            begin = read_clock()
            more = step()
            took = read_clock() - begin
            self.total += took
            self.longest = max(self.longest, took - self._collected)


def fill(
    aggregator: Aggregator, contexts: list[Sample], values: int, now: float
) -> float:
    """Put *values* into each context; return seconds a value, folding included."""
    generator = random.Random(1)
    texts = [b"%.3f" % generator.uniform(0, 1000) for _ in range(1000)]
    begin = read_clock()
    lines = 0
    for _ in range(values):
        for sample in contexts:
            if lines % 1000 == 0:
                aggregator.fold()
                aggregator.advance(now)
            lines += 1
            context = aggregator.open_context(sample)
            assert context is not None
            text = texts[lines % 1000]
            aggregator.put(context, 1.0, text, read_values(context.kind, text))
    return (read_clock() - begin) / lines


def measure(kind: str, count: int, values: int) -> None:
    types = MIXED if kind == "mixed" else (kind,)
    contexts = [
        Sample(
            f"metric.{i % 100}",
            MetricType(types[i % len(types)]),
            (1.0,),
            tags=(f"host:{i:07}", "env:product", "team:billing"),
        )
        for i in range(count)
    ]
    aggregator = Aggregator(
        AggregationSettings(max_contexts=count, hostname="here"),
        SampleCounters(),
        ContextCounters(),
        Silent(),
    )
    aggregator.advance(1000.0)
    fill(aggregator, contexts, values, 1000.0)
    for name, now in (("busy", 1010.0), ("idle", 1020.0), ("expiring", 5000.0)):
        if name == "expiring":
            aggregator.advance(4990.0)
        builder = None
        stopwatch = Stopwatch()
        gc.callbacks.append(stopwatch.watch)
        begin = read_clock()
        builder = aggregator.take_snapshot(now=now, include_open=False)
        taking = read_clock() - begin
        stopwatch.run(builder.step)
        gc.callbacks.remove(stopwatch.watch)
        print(
            f"{kind:<8}{name:<10}{count:>9}{builder.points:>9}{taking * 1e6:>10.0f}"
            f"{stopwatch.total * 1e3:>10.0f}{stopwatch.longest * 1e3:>12.2f}"
            f"{stopwatch.longest_collection * 1e3:>10.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contexts", type=int, default=100_000)
    parser.add_argument("--values", type=int, default=1, help="of each context")
    parser.add_argument(
        "--types", nargs="+", default=["c", "g", "s", "ms", "d", "mixed"]
    )
    arguments = parser.parse_args()
    print(
        f"{'type':<8}{'flush':<10}{'contexts':>9}{'points':>9}{'taking us':>10}"
        f"{'total ms':>10}{'longest ms':>12}{'gc ms':>10}"
    )
    for kind in arguments.types:
        measure(kind, arguments.contexts, arguments.values)


if __name__ == "__main__":
    main()
