"""An OpenTelemetry Collector, whose exporter to a file is the witness."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from engines.engine import PERCENTILE, Running
from engines.processes import Process, choose_port
from engines.programs import GoProgram

PROGRAM: Final = GoProgram("collector", "", "v0.161.0")

_CONFIG: Final = """\
receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:{port}
exporters:
  file:
    path: {path}
    append: true
    flush_interval: 100ms
service:
  pipelines:
    metrics:
      receivers: [otlp]
      exporters: [file]
  telemetry:
    metrics:
      level: none
"""

_NAMES: Final = {
    "shop.latency": "distribution",
    "shop.size": "histogram",
    "shop.timer": "timer",
}

_Series = tuple[str, str]


class Collector:
    """A Collector with a receiver of OTLP."""

    title = "OpenTelemetry Collector, OTLP"
    joins_percentiles = True

    def find_version(self) -> str:
        """Find the program."""
        return PROGRAM.find()[1]

    @contextmanager
    def run(self, folder: Path) -> Iterator[Running]:
        """Run it until the block is left."""
        port = choose_port()
        written = folder / "metrics.json"
        config = folder / "collector.yaml"
        config.write_text(_CONFIG.format(port=port, path=written))
        command = [PROGRAM.find()[0], "--config", config]
        url = f"http://127.0.0.1:{port}"
        with Process(command, url, folder / "log") as process:
            yield Running(
                process,
                {"STATSD_TRIO_SINKS": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": url},
                partial(_read, written),
            )


def _read(written: Path, end: int) -> dict[str, float]:
    """Read the last cumulative point of each series, and start of one, until *end*."""
    last: dict[_Series, tuple[int, str, Any]] = {}
    for line in written.read_text().splitlines():
        for resource in json.loads(line)["resourceMetrics"]:
            labels = json.dumps(resource["resource"], sort_keys=True)
            for metric in resource["scopeMetrics"][0]["metrics"]:
                for kind in ("sum", "gauge", "exponentialHistogram"):
                    for point in metric.get(kind, {}).get("dataPoints", []):
                        time = int(point["timeUnixNano"])
                        key = (
                            metric["name"],
                            labels
                            + json.dumps(point.get("attributes"))
                            + point.get("startTimeUnixNano", ""),
                        )
                        if time <= end * 10**9 and time >= last.get(key, (0,))[0]:
                            last[key] = (time, kind, point)
    figures = {
        "counter": _add(last, "shop.hits", "asDouble"),
        "gauge": _add(last, "shop.load", "asDouble"),
    }
    for name, word in _NAMES.items():
        figures[f"{word} count"] = _add(last, name, "count")
        figures[f"{word} sum"] = _add(last, name, "sum")
        points = [
            point for (metric, _), (_, _, point) in last.items() if metric == name
        ]
        figures[f"{word} p95"] = _find_percentile(points)
    return figures


def _add(last: dict[_Series, tuple[int, str, Any]], name: str, field: str) -> float:
    return sum(
        float(point.get(field, 0))
        for (metric, _), (_, _, point) in last.items()
        if metric == name
    )


def _find_percentile(points: list[Any]) -> float:
    """Join histograms, and take the middle of the bucket with the percentile."""
    scale = min(point.get("scale", 0) for point in points)
    joined: dict[int, int] = {}
    for point in points:
        down = point.get("scale", 0) - scale
        positive = point["positive"]
        for index, count in enumerate(positive["bucketCounts"]):
            bucket = (positive.get("offset", 0) + index) >> down
            joined[bucket] = joined.get(bucket, 0) + int(count)
    rank = math.ceil(PERCENTILE * sum(joined.values()))
    for bucket in sorted(joined):
        rank -= joined[bucket]
        if rank <= 0:
            return float(2 ** ((bucket + 0.5) * 2**-scale))
    return math.nan
