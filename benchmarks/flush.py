"""Measure how long a snapshot of many contexts takes, and how long others must wait.

What stands under "longest" is the longest stretch between two chances for others to
run, without the cyclic garbage collector, whose own longest pause stands beside it.
The total includes the collector's time, which stands beside it too.
"""

import argparse
import gc
import random
from collections.abc import Iterator
from time import thread_time

import attrs

from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.counters import ContextCounters, SampleCounters
from statsd_trio.engine.choose import choose_engine
from statsd_trio.protocol.messages import MetricType, Sample

# The processor time of this thread: on a busy machine wall time shows the others.
read_clock = thread_time

MIXED = ("c", "c", "g", "ms", "d", "s")


class Stopwatch:
    """Times every call of a step, and the garbage collector separately."""

    def __init__(self) -> None:
        self.total = 0.0
        self.longest = 0.0
        self.longest_collection = 0.0
        self.collections = 0.0
        self._collected = 0.0
        self._begin = 0.0

    def watch(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._begin = read_clock()
        else:
            took = read_clock() - self._begin
            self._collected += took
            self.collections += took
            self.longest_collection = max(self.longest_collection, took)

    def run(self, steps: Iterator[None]) -> None:
        more = True
        while more:
            self._collected = 0.0
            begin = read_clock()
            more = next(steps, self) is None
            took = read_clock() - begin
            self.total += took
            self.longest = max(self.longest, took - self._collected)


def fill(aggregator: Aggregator, contexts: list[Sample], values: int) -> None:
    """Put *values* into each context."""
    generator = random.Random(1)
    for _ in range(values):
        for sample in contexts:
            value = round(generator.uniform(0, 1000), 3)
            is_set = sample.type == MetricType.SET
            given = (str(value),) if is_set else (value,)
            aggregator.insert(attrs.evolve(sample, values=given))
            while aggregator.tidy():
                pass


def measure(kind: str, count: int, values: int, engine: str) -> None:
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
        AggregationSettings(
            max_contexts=count, max_memory_bytes=2**40, hostname="here"
        ),
        SampleCounters(),
        ContextCounters(),
        make_engine=choose_engine(engine).make,
    )
    aggregator.advance(1000.0)
    fill(aggregator, contexts, values)
    # A server holds no list of what it was sent, which the collector would walk too.
    del contexts
    gc.collect()
    for name, now in (("busy", 1010.0), ("idle", 1020.0), ("expiring", 5000.0)):
        if name == "expiring":
            aggregator.advance(4990.0)
        builder = None
        stopwatch = Stopwatch()
        gc.callbacks.append(stopwatch.watch)
        begin = read_clock()
        builder = aggregator.take_snapshot(now=now, include_open=False)
        taking = read_clock() - begin
        stopwatch.run(builder.build())
        gc.callbacks.remove(stopwatch.watch)
        points = builder.snapshot.points.total
        print(
            f"{kind:<8}{name:<10}{count:>9}{points:>9}{taking * 1e6:>10.0f}"
            f"{stopwatch.total * 1e3:>10.0f}{stopwatch.collections * 1e3:>10.0f}"
            f"{stopwatch.longest * 1e3:>12.2f}"
            f"{stopwatch.longest_collection * 1e3:>15.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contexts", type=int, default=100_000)
    parser.add_argument("--values", type=int, default=1, help="of each context")
    parser.add_argument(
        "--types", nargs="+", default=["c", "g", "s", "ms", "d", "mixed"]
    )
    parser.add_argument("--engine", default="auto", help="auto, plain or native")
    arguments = parser.parse_args()
    print(
        f"{'type':<8}{'flush':<10}{'contexts':>9}{'points':>9}{'taking us':>10}"
        f"{'total ms':>10}{'gc ms':>10}{'longest ms':>12}{'longest gc ms':>15}"
    )
    for kind in arguments.types:
        measure(kind, arguments.contexts, arguments.values, arguments.engine)


if __name__ == "__main__":
    main()
