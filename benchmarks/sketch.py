"""Measure how long the Agent's sketch takes per value."""

import argparse
import random
from collections.abc import Callable
from time import thread_time

from statsd_trio.engine.sketch import QuantileSketch

# The processor time of this thread: on a busy machine wall time shows the others.
read_clock = thread_time

SHAPES: dict[str, Callable[[random.Random], float]] = {
    "lognormal": lambda r: r.lognormvariate(3, 2),
    "uniform 0..1000": lambda r: r.uniform(0, 1000),
    "whole 0..999": lambda r: float(r.randrange(1000)),
    "normal around 0": lambda r: r.gauss(0, 100),
}


def measure(values: list[float], batch: int, rate: float) -> float:
    """Insert *values*, *batch* at a time; return nanoseconds per value."""
    batches = [values[i : i + batch] for i in range(0, len(values), batch)]
    sketch = QuantileSketch()
    begin = read_clock()
    for values_of_batch in batches:
        sketch.insert(values_of_batch, rate)
    sketch.list_bins()
    return (read_clock() - begin) / len(values) * 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--values", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    generator = random.Random(1)
    print(f"{'values':<18}{'batch':>8}{'rate':>8}{'ns/value':>12}")
    for name, draw in SHAPES.items():
        values = [draw(generator) for _ in range(arguments.values)]
        for batch, rate in ((16, 1.0), (512, 1.0), (512, 0.1)):
            best = min(measure(values, batch, rate) for _ in range(arguments.runs))
            print(f"{name:<18}{batch:>8}{rate:>8}{best:>12.0f}")


if __name__ == "__main__":
    main()
