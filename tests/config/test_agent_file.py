"""A `datadog.yaml` as hosts have it: nearly all of it comments, and not all ours."""

import json
import stat
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import attrs
import pytest
import trio

from statsd_trio import Config, ConfigError, Ledger, Server, serve
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.config import (
    Secret,
    SourcedConfig,
    load_config,
    load_sourced_config,
)
from statsd_trio.config.load import DEFAULT_SOURCE
from statsd_trio.config.options import OPTIONS
from statsd_trio.rules import MapperProfile, MetricMapping
from statsd_trio.server.destinations import open_destinations
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


def load_text(
    tmp_path: Path, text: str, environ: Mapping[str, str] | None = None
) -> SourcedConfig:
    path = tmp_path / "datadog.yaml"
    path.write_text(f"api_key: 0123456789abcdef0123456789abcdef\n{text}\n")
    return load_sourced_config(environ=environ or {}, path=path)


@pytest.mark.parametrize(
    ("text", "name", "value", "warning"),
    [
        (
            "histogram_aggregates: [max, p95, sum]",
            "histogram_aggregates",
            ("max", "sum"),
            "histogram_aggregates: left out: unknown 'p95'; known are min, max,",
        ),
        (
            "histogram_percentiles: [0.5, 95, high]",
            "histogram_percentiles",
            ("0.5",),
            "histogram_percentiles: left out: '95' is not a percentile",
        ),
        (
            "dogstatsd_eol_required: [tcp, udp]",
            "eol_required",
            ("udp",),
            "dogstatsd_eol_required: left out: unknown 'tcp'; known are udp,",
        ),
        (
            "statsd_forward_host: other",
            "forward_host",
            None,
            "statsd_forward_host: nothing is forwarded without statsd_forward_port",
        ),
        (
            "statsd_forward_host: other\nstatsd_forward_port: 0",
            "forward_host",
            None,
            "statsd_forward_host: nothing is forwarded without statsd_forward_port",
        ),
        (
            "statsd_forward_port: 8125",
            "forward_port",
            None,
            "statsd_forward_port: nothing is forwarded without statsd_forward_host",
        ),
        (
            "forwarder_storage_path: /spool",
            "spool_path",
            None,
            "forwarder_storage_path: nothing is spooled without forwarder_storage_max",
        ),
    ],
)
def test_what_is_good_for_the_agent_is_a_warning_at_most(
    text: str, name: str, value: object, warning: str, tmp_path: Path
) -> None:
    sourced = load_text(tmp_path, text)

    assert getattr(sourced.config, name) == value
    assert warning in sourced.warnings[0]
    assert str(tmp_path) in sourced.warnings[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("histogram_aggregates", "max p95"),
        ("histogram_percentiles", "95"),
        ("eol_required", "tcp"),
        ("forward_host", "other"),
        ("spool_path", "/spool"),
    ],
)
def test_the_same_elsewhere_is_a_problem(name: str, text: str, tmp_path: Path) -> None:
    key = "0123456789abcdef0123456789abcdef"
    path = tmp_path / "s.toml"
    values = json.dumps(text.split() if OPTIONS[name].type.is_list else text)
    path.write_text(f"{name} = {values}")
    environ = {"DD_API_KEY": key}

    for load in (
        partial(load_sourced_config, environ=environ, path=path),
        partial(load_sourced_config, environ=environ, flags={name: text}),
        partial(
            load_sourced_config, environ={**environ, OPTIONS[name].environ[0]: text}
        ),
        partial(load_text, tmp_path, "tags: [a]", {OPTIONS[name].environ[0]: text}),
    ):
        with pytest.raises(ConfigError):
            load()


def test_half_that_another_source_makes_whole_is_used(tmp_path: Path) -> None:
    sourced = load_text(
        tmp_path, "statsd_forward_host: other", {"DD_STATSD_FORWARD_PORT": "9"}
    )

    assert (sourced.config.forward_host, sourced.config.forward_port) == ("other", 9)
    assert sourced.warnings == ()


async def test_size_of_the_spool_alone_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))

    sourced = load_text(tmp_path, "forwarder_storage_max_size_in_bytes: 1000000")

    assert sourced.config.spool_path == str(tmp_path / "state")
    assert sourced.sources["spool_path"] == (
        f"the state folder, for {tmp_path}/datadog.yaml:"
        " forwarder_storage_max_size_in_bytes"
    )
    [destination] = open_destinations(sourced.config)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    destination.close(0)
    await destination.run()


def test_warnings_are_logged_for_a_program(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "datadog.yaml"
    path.write_text("api_key: abc\nstatsd_forward_host: other\n")

    load_config(environ={}, path=path)

    [warning] = caplog.messages
    assert "nothing is forwarded" in warning
