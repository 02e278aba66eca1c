"""Prometheus, fed by OTLP."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from engines.engine import PERCENTILE, Running, query
from engines.processes import Process, choose_port
from engines.programs import GoProgram

PROGRAM: Final = GoProgram(
    "prometheus", "github.com/prometheus/prometheus", "v0.316.0", "./cmd/prometheus"
)

_CONFIG: Final = """\
storage:
  tsdb:
    out_of_order_time_window: 30m
otlp:
  promote_resource_attributes: [host.name, deployment.environment.name]
"""

_QUERIES: Final = {
    "counter": "sum(increase(shop_hits_total[5m]))",
    "gauge": "sum(shop_load)",
    **{
        f"{kind} {figure}": text.format(metric=metric)
        for kind, metric in (
            ("distribution", "shop_latency"),
            ("histogram", "shop_size"),
            ("timer", "shop_timer_milliseconds"),
        )
        for figure, text in (
            ("count", "histogram_count(sum(increase({metric}[5m])))"),
            ("sum", "histogram_sum(sum(increase({metric}[5m])))"),
            (
                "p95",
                f"histogram_quantile({PERCENTILE}, sum(increase({{metric}}[5m])))",
            ),
        )
    },
}


class Prometheus:
    """Prometheus with its receiver of OTLP."""

    title = "Prometheus, OTLP"
    joins_percentiles = True

    def find_version(self) -> str:
        """Find the program."""
        return PROGRAM.find()[1]

    @contextmanager
    def run(self, folder: Path) -> Iterator[Running]:
        """Run it until the block is left."""
        port = choose_port()
        config = folder / "prometheus.yml"
        config.write_text(_CONFIG)
        command = [
            PROGRAM.find()[0],
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-otlp-receiver",
        ]
        url = f"http://127.0.0.1:{port}"
        with Process(command, f"{url}/-/ready", folder / "log") as process:
            yield Running(
                process,
                {
                    "STATSD_TRIO_SINKS": "otlp",
                    "OTEL_EXPORTER_OTLP_ENDPOINT": f"{url}/api/v1/otlp",
                },
                partial(query, url, _QUERIES),
            )
