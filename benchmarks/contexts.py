"""Measure how much memory contexts take, as Python and the system count it."""

import argparse
import gc
import tracemalloc

import psutil

from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.counters import ContextCounters, SampleCounters
from statsd_trio.protocol.messages import MetricType, Sample


def fill(aggregator: Aggregator, count: int, kind: MetricType, shared: bool) -> None:
    for index in range(count):
        host = f"host:{index:07}"
        tags = (
            (host, "env:products", "team:billing")
            if shared
            else (host, f"user:{index:07}", f"page:{index:07}")
        )
        aggregator.insert(Sample(f"page.views.{index % 100}", kind, (1.0,), tags=tags))


def measure(count: int, kind: MetricType, shared: bool, traced: bool) -> float:
    process = psutil.Process()
    aggregator = Aggregator(
        AggregationSettings(max_contexts=count),
        SampleCounters(),
        ContextCounters(),
    )
    aggregator.advance(1000.0)
    gc.collect()
    if traced:
        tracemalloc.start()
    before = process.memory_info().rss
    fill(aggregator, count, kind, shared)
    gc.collect()
    used = process.memory_info().rss - before
    if traced:
        used = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    return used / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contexts", type=int, default=100_000)
    parser.add_argument("--type", type=MetricType, default=MetricType.COUNTER)
    parser.add_argument("--traced", action="store_true", help="else the resident set")
    parser.add_argument("--shared", action="store_true", help="two of three tags are")
    arguments = parser.parse_args()
    used = measure(
        arguments.contexts, arguments.type, arguments.shared, arguments.traced
    )
    print(f"{'measured':<14}{'tags':<14}{'contexts':>10}{'bytes/context':>15}")
    print(
        f"{'allocated' if arguments.traced else 'resident':<14}"
        f"{'one own' if arguments.shared else 'all own':<14}"
        f"{arguments.contexts:>10}{used:>15.0f}"
    )


if __name__ == "__main__":
    main()
