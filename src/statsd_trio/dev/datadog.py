"""Show what Datadog would receive of a metric: the payloads of the last flush.

The payloads are built as for delivery, and decoded again.
"""

from collections.abc import Generator, Iterator, Sequence
from typing import Any, Final, TypeVar

import attrs

from statsd_trio.aggregation.snapshot import Series, Sketch, Snapshot
from statsd_trio.config import Config
from statsd_trio.server.settings import list_figures
from statsd_trio.sinks.datadog.agent_payload_pb2 import MetricPayload, SketchPayload
from statsd_trio.sinks.datadog.payloads import build_payloads
from statsd_trio.sinks.datadog.routes import DatadogRoute
from statsd_trio.sinks.delivery.compression import IDENTITY
from statsd_trio.sinks.delivery.payload import Payload

_T = TypeVar("_T", Series, Sketch)

# How many series and sketches of one metric are shown.
MAX_SHOWN: Final = 50
_STEP_ITEMS: Final = 2000

_TYPES: Final = {
    MetricPayload.COUNT: "count",
    MetricPayload.RATE: "rate",
    MetricPayload.GAUGE: "gauge",
}


def count_series(kind: str, config: Config) -> int:
    """Return how many custom metrics Datadog bills for one context of a type.

    Source: Datadog documentation, "Custom Metrics Billing": a distribution counts as
    five, a histogram as one for each aggregation that is sent.
    """
    if kind in {"histogram", "timer"}:
        copied = 5 * config.histogram_copy_to_distribution
        return len(list_figures(config)) + copied
    return 5 if kind == "distribution" else 1


def list_generated_names(name: str, types: list[str], config: Config) -> set[str]:
    """Return the names of all series and sketches that a metric becomes."""
    names: set[str] = set()
    for kind in types:
        if kind in {"histogram", "timer"}:
            names.update(f"{name}.{figure}" for figure in list_figures(config))
            if config.histogram_copy_to_distribution:
                names.add(config.histogram_copy_to_distribution_prefix + name)
        else:
            names.add(name)
    return names


def show_payloads(
    snapshot: Snapshot, names: set[str], found: dict[str, Any]
) -> Iterator[None]:
    """Put what Datadog receives of the metrics *names* into *found*.

    The payloads are built as for the intake, and decoded again. Yields after each step.
    """
    series, left_series = yield from _pick(snapshot.series, names)
    sketches, left_sketches = yield from _pick(snapshot.sketches, names)
    picked = attrs.evolve(
        snapshot,
        series=tuple(series),
        sketches=tuple(sketches),
        events=(),
        service_checks=(),
        points=attrs.evolve(snapshot.points, events=0, service_checks=0),
    )
    shown: list[dict[str, Any]] = []
    for step in build_payloads(picked, IDENTITY):
        if isinstance(step, Payload):
            if step.route is DatadogRoute.SERIES:
                shown += _read_series(step.body)
            else:
                shown += _read_sketches(step.body)
        yield
    found["series"] = shown
    found["left_out"] = left_series + left_sketches


def _pick(
    items: Sequence[_T], names: set[str]
) -> Generator[None, None, tuple[list[_T], int]]:
    """Return the items of *names* to show, and how many more there are."""
    picked: list[_T] = []
    left_out = 0
    for start in range(0, len(items), _STEP_ITEMS):
        for item in items[start : start + _STEP_ITEMS]:
            if item.name in names:
                if len(picked) < MAX_SHOWN:
                    picked.append(item)
                else:
                    left_out += 1
        yield
    return picked, left_out


def _read_series(body: bytes) -> Iterator[dict[str, Any]]:
    for series in MetricPayload.FromString(body).series:
        resources = {each.type: each.name for each in series.resources}
        yield {
            "route": "series",
            "name": series.metric,
            "type": _TYPES[series.type],
            "unit": series.unit,
            "interval": series.interval,
            "host": resources.get("host", ""),
            "device": resources.get("device", ""),
            "tags": list(series.tags),
            "points": [[point.timestamp, point.value] for point in series.points],
        }


def _read_sketches(body: bytes) -> Iterator[dict[str, Any]]:
    for sketch in SketchPayload.FromString(body).sketches:
        yield {
            "route": "sketches",
            "name": sketch.metric,
            "type": "distribution",
            "unit": "",
            "interval": 0,
            "host": sketch.host,
            "device": "",
            "tags": list(sketch.tags),
            "points": [
                [
                    point.ts,
                    {
                        "count": point.cnt,
                        "min": point.min,
                        "max": point.max,
                        "avg": point.avg,
                        "sum": point.sum,
                    },
                ]
                for point in sketch.dogsketches
            ],
        }
