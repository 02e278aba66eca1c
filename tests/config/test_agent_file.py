"""A `datadog.yaml` as hosts have it: nearly all of it comments, and not all ours."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import attrs
import pytest
import trio

from statsd_trio import Config, Ledger, Server, serve
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.config import Secret, load_sourced_config
from statsd_trio.config.load import DEFAULT_SOURCE
from statsd_trio.rules import MapperProfile, MetricMapping
from statsd_trio.sinks.memory import MemorySink

PATH = Path(__file__).parent / "files" / "datadog.yaml"

SAID = {
    "api_key": Secret("0123456789abcdef0123456789abcdef"),
    "site": "datadoghq.eu",
    "hostname": "web-7.example.com",
    "tags": ("via:statsd", "team:infra", "role:web"),
    "histogram_aggregates": ("max", "avg", "count"),
    "histogram_percentiles": ("0.95", "0.99"),
    "retry_queue_bytes": 31457280,
    "log_level": "warning",
    "port": 9125,
    "socket_path": "/var/run/datadog/dsd.socket",
    "origin_detection": True,
    "non_local_traffic": True,
    "namespace": "shop",
    "metric_filterlist": ("shop.noise", "shop.latency.max"),
    "mapper_profiles": (
        MapperProfile(
            name="jobs",
            prefix="jobs.",
            mappings=(
                MetricMapping(
                    match="jobs.duration.*.*",
                    name="jobs.duration",
                    tags={"queue": "$1", "job": "$2"},
                ),
                MetricMapping(
                    match=r"jobs\.(failed|done)\.(\w+)",
                    match_type="regex",
                    name="jobs.ended",
                    tags={"how": "$1"},
                ),
            ),
        ),
    ),
}


@pytest.fixture
def config() -> Config:
    return load_sourced_config(environ={}, path=PATH).config


@pytest.mark.parametrize("name", SAID)
def test_field_is_what_the_file_says(config: Config, name: str) -> None:
    assert getattr(config, name) == SAID[name]


def test_comments_and_other_parts_of_the_agent_say_nothing() -> None:
    sources = load_sourced_config(environ={}, path=PATH).sources

    assert {n for n, s in sources.items() if s != DEFAULT_SOURCE} == SAID.keys()


async def test_server_does_what_the_file_says(
    nursery: trio.Nursery,
    memory: MemorySink,
    check_ledger: Callable[[Ledger], None],
    config: Config,
) -> None:
    # Free addresses instead of its own, and nothing else changed.
    config = attrs.evolve(
        config,
        host="127.0.0.1",
        non_local_traffic=False,
        port=0,
        socket_path=None,
        self_metrics=False,
    )
    server: Server = await nursery.start(partial(serve, config, sinks=[memory]))

    server.submit(
        b"page.views:1|c\nnoise:1|c\nlatency:5|h|#a:b\n"
        b"jobs.duration.mail.send:2|g\njobs.failed.x:1|g\n"
        b"jvm.heap:1|g"
    )
    await server.flush()

    [snapshot] = memory.snapshots
    given = ("role:web", "team:infra", "via:statsd")
    assert find_tags(snapshot) == {
        "shop.page.views": given,
        "shop.latency.avg": ("a:b", *given),
        "shop.latency.count": ("a:b", *given),
        "shop.latency.95percentile": ("a:b", *given),
        "shop.latency.99percentile": ("a:b", *given),
        "shop.jobs.duration": ("job:send", "queue:mail", *given),
        "shop.jobs.ended": ("how:failed", *given),
        "jvm.heap": given,
    }
    assert {series.host for series in snapshot.series} == {"web-7.example.com"}
    assert server.ledger().lines.filtered == 1
    check_ledger(server.ledger())


def find_tags(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    return {series.name: tuple(sorted(series.tags)) for series in snapshot.series}
