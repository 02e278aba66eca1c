"""What one context costs in bytes on the wire, each interval, by sink.

    python -m engines.cost

A thousand contexts of each type, with three tags; figures after compression. It is the
third interval that is measured, in which no series begins.
"""

import json
import random
from collections.abc import Iterable, Iterator
from typing import Final

from statsd_trio.aggregation.snapshot import (
    Point,
    Series,
    SeriesType,
    Sketch,
    SketchPoint,
    Snapshot,
)
from statsd_trio.engine.sketch import QuantileSketch
from statsd_trio.sinks.datadog.payloads import build_payloads
from statsd_trio.sinks.delivery.payload import Payload, Step
from statsd_trio.sinks.otlp.payloads import SnapshotEncoder
from statsd_trio.sinks.otlp.settings import OtlpSettings, Temporality

_CONTEXTS: Final = 1000
_VALUES: Final = 100
_EPOCH: Final = 1_700_000_000


def make_snapshot(number: int, type_: str) -> Snapshot:
    """Make the snapshot of one interval, with contexts of one type."""
    chance = random.Random(number)
    start = _EPOCH + 10 * number
    series: list[Series] = []
    sketches: list[Sketch] = []
    for n in range(_CONTEXTS):
        tags = (f"customer:{n:05}", "env:prod", f"page:{n % 17}")
        if type_ == "counter":
            point = Point(start, chance.randint(1, 1000) / 10)
            series.append(Series("shop.hits", SeriesType.RATE, (point,), tags, "web-1"))
        elif type_ == "gauge":
            point = Point(start, chance.random())
            series.append(
                Series("shop.load", SeriesType.GAUGE, (point,), tags, "web-1")
            )
        else:
            sketch = QuantileSketch()
            sketch.insert([chance.lognormvariate(4.5, 0.6) for _ in range(_VALUES)])
            point_of_sketch = SketchPoint(start, *sketch.describe())
            sketches.append(Sketch("shop.latency", (point_of_sketch,), tags, "web-1"))
    return Snapshot(
        start + 10, 10, tuple(series), tuple(sketches), starts=frozenset({start})
    )


def measure_payloads(steps: Iterable[Step]) -> int:
    """Return the bytes of all bodies."""
    return sum(len(step.body) for step in steps if isinstance(step, Payload))


def measure(type_: str) -> Iterator[tuple[str, int]]:
    """Measure each sink with contexts of one type."""
    snapshots = [make_snapshot(number, type_) for number in range(3)]
    for encoding in ("zstd", "gzip"):
        size = measure_payloads(build_payloads(snapshots[-1], encoding))
        yield f"datadog, {encoding}", size
    for temporality in (Temporality.CUMULATIVE, Temporality.DELTA):
        encoder = SnapshotEncoder(OtlpSettings(temporality=temporality), "gzip")
        sizes = [measure_payloads(encoder.encode(snapshot)) for snapshot in snapshots]
        yield f"otlp, {temporality}, gzip", sizes[-1]


def main() -> None:
    """Print a table."""
    table = {type_: dict(measure(type_)) for type_ in ("counter", "gauge", "sketch")}
    print(f"{'':28}" + "".join(f"{type_:>10}" for type_ in table))
    for sink in next(iter(table.values())):
        figures = "".join(f"{table[type_][sink] / _CONTEXTS:10.1f}" for type_ in table)
        print(f"{sink:28}{figures}")
    print(json.dumps({"contexts": _CONTEXTS, "values of a sketch": _VALUES}))


if __name__ == "__main__":
    main()
