"""VictoriaMetrics: fed by OTLP, by vmagent, and by Datadog's protocol."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from engines.engine import PERCENTILE, Running, query
from engines.processes import Process, choose_port
from engines.programs import GoProgram

MODULE: Final = "github.com/VictoriaMetrics/VictoriaMetrics"
VERSION: Final = "v1.151.0"
SINGLE: Final = GoProgram("victoria-metrics", MODULE, VERSION, "./app/victoria-metrics")
AGENT: Final = GoProgram("vmagent", MODULE, VERSION, "./app/vmagent")

_METRICS: Final = {
    "distribution": "shop.latency",
    "histogram": "shop.size",
    "timer": "shop.timer",
}


def _make_otlp_queries() -> dict[str, str]:
    queries = {
        "counter": 'sum(increase({__name__="shop.hits"}[5m]))',
        "gauge": 'sum({__name__="shop.load"})',
    }
    for word, metric in _METRICS.items():
        for figure in ("count", "sum"):
            series = f'{{__name__="{metric}_{figure}"}}'
            queries[f"{word} {figure}"] = f"sum(increase({series}[5m]))"
        buckets = f'sum by (vmrange) (increase({{__name__="{metric}_bucket"}}[5m]))'
        queries[f"{word} p95"] = f"histogram_quantile({PERCENTILE}, {buckets})"
    return queries


# Rates; and what a sketch is there: its quantiles, sum and count in each interval.
_DATADOG_QUERIES: Final = {
    "counter": 'sum(sum_over_time({__name__="shop.hits"}[5m])) * 10',
    "gauge": 'sum({__name__="shop.load"})',
    "histogram count": 'sum(sum_over_time({__name__="shop.size.count"}[5m])) * 10',
    "timer count": 'sum(sum_over_time({__name__="shop.timer.count"}[5m])) * 10',
    "distribution count": 'sum(sum_over_time({__name__="shop.latency.count"}[5m]))',
    "distribution sum": 'sum(sum_over_time({__name__="shop.latency.sum"}[5m]))',
    "distribution p95": (
        'avg(avg_over_time({__name__="shop.latency",quantile="0.95"}[5m]))'
    ),
}


def _make_single(folder: Path, port: int) -> Process:
    command = [
        SINGLE.find()[0],
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-search.latencyOffset=0s",
        "-search.disableCache",
    ]
    return Process(command, f"http://127.0.0.1:{port}/health", folder / "log")


class VictoriaMetrics:
    """A single VictoriaMetrics."""

    title = "VictoriaMetrics, OTLP"
    joins_percentiles = True

    def find_version(self) -> str:
        """Find the program."""
        return SINGLE.find()[1]

    @contextmanager
    def run(self, folder: Path) -> Iterator[Running]:
        """Run it until the block is left."""
        port = choose_port()
        url = f"http://127.0.0.1:{port}"
        with _make_single(folder, port) as process:
            yield Running(
                process,
                {
                    "STATSD_TRIO_SINKS": "otlp",
                    "OTEL_EXPORTER_OTLP_ENDPOINT": f"{url}/opentelemetry",
                },
                partial(query, f"{url}/prometheus", _make_otlp_queries()),
            )


class VictoriaMetricsDatadog:
    """The same, by Datadog's protocol."""

    title = "VictoriaMetrics, Datadog's protocol"
    joins_percentiles = False

    def find_version(self) -> str:
        """Find the program."""
        return SINGLE.find()[1]

    @contextmanager
    def run(self, folder: Path) -> Iterator[Running]:
        """Run it until the block is left."""
        port = choose_port()
        url = f"http://127.0.0.1:{port}"
        with _make_single(folder, port) as process:
            yield Running(
                process,
                {
                    "DD_DD_URL": f"{url}/datadog",
                    "DD_API_KEY": "none",
                    "STATSD_TRIO_ROUTES": "series,sketches",
                },
                partial(query, f"{url}/prometheus", _DATADOG_QUERIES),
            )


class Vmagent:
    """vmagent by OTLP, in front of a VictoriaMetrics."""

    title = "vmagent, OTLP"
    joins_percentiles = True

    def find_version(self) -> str:
        """Find the programs."""
        SINGLE.find()
        return AGENT.find()[1]

    @contextmanager
    def run(self, folder: Path) -> Iterator[Running]:
        """Run both until the block is left."""
        port, agent_port = choose_port(), choose_port()
        url, agent_url = (f"http://127.0.0.1:{each}" for each in (port, agent_port))
        command = [
            AGENT.find()[0],
            f"-remoteWrite.url={url}/api/v1/write",
            f"-remoteWrite.tmpDataPath={folder / 'queue'}",
            f"-httpListenAddr=127.0.0.1:{agent_port}",
        ]
        with ExitStack() as stack:
            stack.enter_context(_make_single(folder, port))
            agent = stack.enter_context(
                Process(command, f"{agent_url}/health", folder / "agent.log")
            )
            yield Running(
                agent,
                {
                    "STATSD_TRIO_SINKS": "otlp",
                    "OTEL_EXPORTER_OTLP_ENDPOINT": f"{agent_url}/opentelemetry",
                },
                partial(query, f"{url}/prometheus", _make_otlp_queries()),
            )
