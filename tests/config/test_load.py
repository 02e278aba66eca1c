import functools
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from statsd_trio.config import Secret, load_config, load_sourced_config
from statsd_trio.config.options import OPTIONS
from statsd_trio.errors import ConfigError
from statsd_trio.rules import MapperProfile, MetricMapping, TagFilterEntry

KEY = "0123456789abcdef0123456789abcdef"

PROFILES = [
    {
        "name": "jobs",
        "prefix": "job.",
        "mappings": [
            {"match": "job.*.time", "name": "job.time", "tags": {"job": "$1"}},
            {"match": "job\\.(x)", "match_type": "regex", "name": "job.x"},
        ],
    }
]
TAG_FILTERS = [{"metric_name": "m", "tags": ["pod"]}]

# Field, as text, as TOML and YAML have it, as Config has it.
ROWS: list[tuple[str, str, object, object]] = [
    ("use_dogstatsd", "false", False, False),
    ("host", "0.0.0.0", "0.0.0.0", "0.0.0.0"),
    ("non_local_traffic", "true", True, True),
    ("port", "9125", 9125, 9125),
    ("socket_path", "/run/d.sock", "/run/d.sock", "/run/d.sock"),
    ("stream_socket_path", "/run/s.sock", "/run/s.sock", "/run/s.sock"),
    ("tcp_port", "__random__", "__random__", 0),
    ("pipe_name", "p", "p", "p"),
    ("origin_detection", "1", True, True),
    ("forward_host", "other", "other", "other"),
    ("forward_port", "9126", 9126, 9126),
    ("buffer_size", "16KiB", 16384, 16384),
    ("queue_size", "2048", 2048, 2048),
    ("so_rcvbuf", "4MiB", "4MiB", 4 * 1024 * 1024),
    ("max_rest_seconds", "5ms", 0.005, 0.005),
    ("max_connections", "7", 7, 7),
    ("frame_timeout_seconds", "500ms", 0.5, 0.5),
    ("max_contexts", "5", 5, 5),
    ("max_memory_bytes", "64MiB", "64MiB", 64 * 1024 * 1024),
    ("eol_required", "udp,uds", ["udp", "uds"], ("udp", "uds")),
    ("no_aggregation_pipeline", "false", False, False),
    ("tags", "a:1 b:2", ["a:1", "b:2"], ("a:1", "b:2")),
    ("hostname", "web1", "web1", "web1"),
    ("namespace", "shop", "shop", "shop"),
    ("namespace_exclude", "jvm kafka", ["jvm", "kafka"], ("jvm", "kafka")),
    (
        "mapper_profiles",
        json.dumps(PROFILES),
        PROFILES,
        (
            MapperProfile(
                "jobs",
                "job.",
                (
                    MetricMapping("job.*.time", "job.time", tags={"job": "$1"}),
                    MetricMapping("job\\.(x)", "job.x", "regex"),
                ),
            ),
        ),
    ),
    ("mapper_cache_size", "10", 10, 10),
    ("metric_filterlist", "a b", ["a", "b"], ("a", "b")),
    ("metric_filterlist_match_prefix", "true", True, True),
    (
        "metric_tag_filterlist",
        json.dumps(TAG_FILTERS),
        TAG_FILTERS,
        (TagFilterEntry("m", ("pod",)),),
    ),
    ("interval_seconds", "15s", 15, 15),
    ("histogram_aggregates", "max min", ["max", "min"], ("max", "min")),
    ("histogram_percentiles", "0.5 0.99", [0.5, "0.99"], ("0.5", "0.99")),
    ("histogram_copy_to_distribution", "true", True, True),
    ("histogram_copy_to_distribution_prefix", "dist.", "dist.", "dist."),
    ("counter_type", "COUNT", "count", "count"),
    ("counter_expiry_seconds", "10m", 600, 600.0),
    ("context_expiry_seconds", "30", 30, 30.0),
    ("sinks", "console,jsonl", ["console", "jsonl"], ("console", "jsonl")),
    ("jsonl_path", "/tmp/x.jsonl", "/tmp/x.jsonl", "/tmp/x.jsonl"),
    ("api_key", KEY[::-1], KEY[::-1], Secret(KEY[::-1])),
    ("site", "datadoghq.eu", "datadoghq.eu", "datadoghq.eu"),
    (
        "dd_url",
        "http://localhost:1",
        "http://localhost:1",
        Secret("http://localhost:1"),
    ),
    (
        "additional_endpoints",
        '{"https://e.example": ["k1", "k2", "k1"]}',
        {"https://e.example": ["k1", "k2"]},
        {Secret("https://e.example"): (Secret("k1"), Secret("k2"))},
    ),
    (
        "routes",
        "series,sketches",
        ["series", "sketches"],
        ("series", "sketches"),
    ),
    (
        "additional_routes",
        '{"https://e.example/": ["series"]}',
        {"https://e.example/": ["series"]},
        {Secret("https://e.example/"): ("series",)},
    ),
    ("compression", "gzip", "gzip", "gzip"),
    ("compression_level", "9", 9, 9),
    ("max_concurrent_requests", "3", 3, 3),
    ("request_timeout_seconds", "5", 5, 5.0),
    ("proxy", "http://u:p@x:1", "http://u:p@x:1", Secret("http://u:p@x:1")),
    ("proxy_http", "http://u:p@x:1", "http://u:p@x:1", Secret("http://u:p@x:1")),
    ("no_proxy", "a.x,b.x", ["a.x", "b.x"], ("a.x", "b.x")),
    ("ca_file", "/ca.pem", "/ca.pem", "/ca.pem"),
    ("skip_ssl_validation", "yes", True, True),
    ("retry_queue_bytes", "1MiB", 1048576, 1048576),
    ("spool_path", "/spool", "/spool", "/spool"),
    ("spool_max_bytes", "1GiB", "1GiB", 1024**3),
    ("otlp_endpoint", "http://o:1", "http://o:1", Secret("http://o:1")),
    ("otlp_metrics_endpoint", "http://o/m", "http://o/m", Secret("http://o/m")),
    ("otlp_logs_endpoint", "http://o/l", "http://o/l", Secret("http://o/l")),
    (
        "otlp_headers",
        "Authorization=Bearer%20x, api-key=y=z",
        {"Authorization": "Bearer x", "api-key": "y=z"},
        {"Authorization": Secret("Bearer x"), "api-key": Secret("y=z")},
    ),
    (
        "otlp_metrics_headers",
        "api-key=m",
        {"api-key": "m"},
        {"api-key": Secret("m")},
    ),
    ("otlp_logs_headers", "api-key=l", {"api-key": "l"}, {"api-key": Secret("l")}),
    ("otlp_timeout_seconds", "500ms", 0.5, 0.5),
    ("otlp_compression", "none", "none", "none"),
    ("otlp_ca_file", "/ca.pem", "/ca.pem", "/ca.pem"),
    ("otlp_temporality", "DELTA", "delta", "delta"),
    ("otlp_histograms", "aggregates", "aggregates", "aggregates"),
    ("otlp_events", "true", True, True),
    ("otlp_service_name", "shop", "shop", "shop"),
    (
        "otlp_resource_attributes",
        "team=a%2Cb,service.instance.id=7",
        {"team": "a,b", "service.instance.id": "7"},
        {"team": "a,b", "service.instance.id": "7"},
    ),
    ("self_metrics", "no", False, False),
    ("shutdown_seconds", "2", 2, 2.0),
    ("http", "8126", 8126, "127.0.0.1:8126"),
    ("engine", "native", "native", "native"),
    ("log_level", "WARN", "warning", "warning"),
    ("log_format", "json", "json", "json"),
]
PARTNERS: dict[str, dict[str, str]] = {
    "forward_host": {"forward_port": "1"},
    "forward_port": {"forward_host": "x"},
    "spool_path": {"spool_max_bytes": "1"},
    "spool_max_bytes": {"spool_path": "x"},
    "additional_routes": {"additional_endpoints": '{"https://e.example": ["k"]}'},
}


def test_routes_of_an_endpoint_need_neither_its_credentials_nor_its_slash() -> None:
    config = load_config(
        environ={
            "DD_API_KEY": KEY,
            "DD_ADDITIONAL_ENDPOINTS": '{"https://u:p@e.example/": ["k"]}',
            "STATSD_TRIO_ADDITIONAL_ROUTES": '{"https://e.example": ["series"]}',
        }
    )
    assert config.additional_routes == {Secret("https://e.example"): ("series",)}


def test_endpoint_without_routes_of_its_own_gets_everything() -> None:
    config = load_config(
        environ={
            "DD_API_KEY": KEY,
            "STATSD_TRIO_ADDITIONAL_ROUTES": '{"https://e.example": null}',
        }
    )
    assert config.additional_routes == {}


def test_variables_of_open_telemetry_are_for_those_who_send_otlp() -> None:
    # As an SDK takes it that speaks gRPC.
    environ = {"DD_API_KEY": KEY, "OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4317"}
    config = load_config(environ=environ)
    assert config.otlp_endpoint == Secret("http://localhost:4318")
    with pytest.raises(ConfigError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        load_config(environ=environ | {"STATSD_TRIO_SINKS": "datadog,otlp"})
    with pytest.raises(ConfigError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        load_config(environ=environ, flags={"sinks": "otlp"})


def test_the_timeout_of_open_telemetry_is_in_milliseconds() -> None:
    for text, seconds in (("2500", 2.5), ("3s", 3.0)):
        config = load_config(
            environ={
                "STATSD_TRIO_SINKS": "otlp",
                "OTEL_EXPORTER_OTLP_TIMEOUT": text,
            }
        )
        assert config.otlp_timeout_seconds == seconds


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        ("OTEL_EXPORTER_OTLP_HEADERS", "a b=x", "'a b' is not the name of a header"),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "a=%0d%0ax",
            "has a character that is not allowed",
        ),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Host=x", "set by the sink itself"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret", "not key=value,key=value"),
        ("OTEL_RESOURCE_ATTRIBUTES", "=x", "a value without a key"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=%0a", "a character that does not print"),
    ],
)
def test_bad_pairs_are_refused(variable: str, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        load_config(environ={"STATSD_TRIO_SINKS": "otlp", variable: text})
    # What a header holds is never shown.
    assert "secret" not in str(caught.value)


def shorten(value: object) -> str:
    return str(value)[:60]


def flags_for(name: str) -> dict[str, object]:
    """What else must be set, so that only the field in question matters."""
    partners: dict[str, object] = dict(PARTNERS.get(name, {}))
    if name.startswith("otlp_"):
        partners["sinks"] = "otlp"
    return partners if name == "api_key" else {"api_key": KEY, **partners}


def write_toml(path: Path, name: str, raw: object) -> Path:
    def dump(value: object) -> str:
        if isinstance(value, dict):
            inner = ", ".join(f"{json.dumps(k)} = {dump(v)}" for k, v in value.items())
            return f"{{{inner}}}"
        if isinstance(value, list):
            return f"[{', '.join(map(dump, value))}]"
        return json.dumps(value)

    path.write_text(f"{name} = {dump(raw)}\n")
    return path


def write_yaml(path: Path, key: str, raw: object) -> Path:
    table: object = raw
    for part in reversed(key.split(".")):
        table = {part: table}
    # JSON is YAML.
    path.write_text(json.dumps(table))
    return path


def test_every_field_has_its_row() -> None:
    assert [row[0] for row in ROWS] == list(OPTIONS)


@pytest.mark.parametrize(
    ("variable", "name", "text", "value"),
    [
        (alias.variable, name, text, value)
        for name, text, _, value in ROWS
        for alias in OPTIONS[name].aliases
        if alias.tag is None
    ],
    ids=shorten,
)
def test_variable_sets_its_field(
    variable: str, name: str, text: str, value: object
) -> None:
    sourced = load_sourced_config(environ={variable: text}, flags=flags_for(name))

    assert getattr(sourced.config, name) == value
    assert sourced.sources[name] == variable


@pytest.mark.parametrize(
    ("name", "raw", "value"), [(row[0], row[2], row[3]) for row in ROWS], ids=shorten
)
def test_toml_key_sets_its_field(
    name: str, raw: object, value: object, tmp_path: Path
) -> None:
    path = write_toml(tmp_path / "s.toml", name, raw)

    sourced = load_sourced_config(environ={}, path=path, flags=flags_for(name))

    assert getattr(sourced.config, name) == value
    assert sourced.sources[name] == f"{path}: {name}"


@pytest.mark.parametrize(
    ("key", "name", "raw", "value"),
    [
        (alias.key, name, raw, value)
        for name, _, raw, value in ROWS
        for alias in OPTIONS[name].aliases
        if alias.key is not None and alias.tag is None
    ],
    ids=shorten,
)
def test_key_of_the_agents_file_sets_its_field(
    key: str, name: str, raw: object, value: object, tmp_path: Path
) -> None:
    path = write_yaml(tmp_path / "datadog.yaml", key, raw)

    sourced = load_sourced_config(environ={}, path=path, flags=flags_for(name))

    assert getattr(sourced.config, name) == value
    assert sourced.sources[name] == f"{path}: {key}"


@pytest.mark.parametrize(
    ("name", "text", "value"), [(row[0], row[1], row[3]) for row in ROWS], ids=shorten
)
def test_flag_sets_its_field(name: str, text: str, value: object) -> None:
    sourced = load_sourced_config(environ={}, flags={**flags_for(name), name: text})

    assert getattr(sourced.config, name) == value
    assert sourced.sources[name] == f"--{OPTIONS[name].flag}"


def find_problems_of(
    environ: dict[str, str] | None = None,
    path: Path | None = None,
    **flags: object,
) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load_config(
            environ={"DD_API_KEY": KEY} | (environ or {}), path=path, flags=flags
        )
    return refused.value.problems


def test_later_sources_win(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("port = 1\nqueue_size = 1\nbuffer_size = 1\n")
    environ = {"DD_DOGSTATSD_QUEUE_SIZE": "2", "DD_DOGSTATSD_BUFFER_SIZE": "2"}

    config = load_config(
        environ={"DD_API_KEY": KEY, **environ}, path=path, flags={"buffer_size": "3"}
    )

    assert (config.port, config.queue_size, config.buffer_size) == (1, 2, 3)


def test_value_that_a_later_source_replaces_is_not_judged() -> None:
    config = load_config(
        environ={"DD_API_KEY": KEY, "DD_DOGSTATSD_PORT": "eighty"}, flags={"port": "80"}
    )

    assert config.port == 80


def test_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("port = 1\n")

    config = load_config(environ={"DD_API_KEY": KEY, "STATSD_TRIO_CONFIG": str(path)})

    assert config.port == 1


def test_first_of_several_variables_wins() -> None:
    environ = {"DD_URL": "http://b", "DD_DD_URL": "http://a", "DD_API_KEY": KEY}

    assert load_config(environ=environ).dd_url == Secret("http://a")


def test_both_kinds_of_tags_count() -> None:
    environ = {"DD_TAGS": "b:1", "DD_DOGSTATSD_TAGS": "a:1", "DD_API_KEY": KEY}

    sourced = load_sourced_config(environ=environ)

    assert sourced.config.tags == ("a:1", "b:1")
    assert sourced.sources["tags"] == "DD_DOGSTATSD_TAGS + DD_TAGS"


def test_all_tags_of_the_environment_count_once() -> None:
    environ = {
        "DD_API_KEY": KEY,
        "DD_ENV": "prod",
        "DD_EXTRA_TAGS": "b:1,c:1",
        "DD_TAGS": "b:1",
        "DD_DOGSTATSD_TAGS": "a:1",
    }

    sourced = load_sourced_config(environ=environ)

    assert sourced.config.tags == ("a:1", "b:1", "c:1", "env:prod")
    assert sourced.sources["tags"] == (
        "DD_DOGSTATSD_TAGS + DD_TAGS + DD_EXTRA_TAGS + DD_ENV"
    )


def test_all_tags_of_the_agents_file_count(tmp_path: Path) -> None:
    path = tmp_path / "datadog.yaml"
    path.write_text(
        f"api_key: {KEY}\nenv: 2024\nextra_tags: [c:1]\ntags: ['b:1']\n"
        "dogstatsd_tags: [a:1]\n"
    )

    config = load_config(environ={}, path=path)

    assert config.tags == ("a:1", "b:1", "c:1", "env:2024")


def test_environment_that_is_no_text_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "datadog.yaml"
    path.write_text("env: [prod]\n")

    [problem] = find_problems_of(path=path)

    assert problem.startswith(f"{path}: env=")


def test_bad_half_of_the_tags_is_named_alone() -> None:
    environ = {"DD_TAGS": "[1", "DD_DOGSTATSD_TAGS": "a:1"}

    [problem] = find_problems_of(environ)

    assert problem.startswith("DD_TAGS=[1: not JSON")


def test_empty_variable_is_none() -> None:
    environ = {"DD_API_KEY": KEY, "DD_DOGSTATSD_PORT": "  "}

    assert load_config(environ=environ).port == 8125


def test_match_prefix_of_the_older_list_does_not_touch_the_newer() -> None:
    environ = {
        "DD_API_KEY": KEY,
        "DD_METRIC_FILTERLIST": "a",
        "DD_STATSD_METRIC_BLOCKLIST": "b",
        "DD_STATSD_METRIC_BLOCKLIST_MATCH_PREFIX": "true",
    }

    config = load_config(environ=environ)

    assert config.metric_filterlist == ("a",)
    assert config.metric_filterlist_match_prefix is False


def test_older_list_comes_with_its_match_prefix() -> None:
    environ = {
        "DD_API_KEY": KEY,
        "DD_STATSD_METRIC_BLOCKLIST": "b",
        "DD_STATSD_METRIC_BLOCKLIST_MATCH_PREFIX": "true",
    }

    config = load_config(environ=environ)

    assert config.metric_filterlist == ("b",)
    assert config.metric_filterlist_match_prefix is True


def test_every_problem_is_told_at_once() -> None:
    problems = find_problems_of(
        {"DD_DOGSTATSD_PORT": "eighty", "DD_FORWARDER_TIMEOUT": "5 hop"},
        sinks="datadg",
        spool_path="/x",
    )

    assert problems == [
        "DD_DOGSTATSD_PORT=eighty: not a port",
        "--sink=datadg: unknown 'datadg'; did you mean datadog?",
        "DD_FORWARDER_TIMEOUT=5 hop: unknown unit 'hop'; known are ms, s, m, min, h, d",
        "spool_path is set without spool_max_bytes, so nothing could be spooled",
    ]


def test_bad_value_makes_no_false_contradiction() -> None:
    assert find_problems_of(spool_path="/x", spool_max_bytes="lots") == [
        "--spool-max-bytes=lots: not a size, such as 8192, 8MiB or 10MB"
    ]


def test_problem_stays_on_one_short_line() -> None:
    [problem] = find_problems_of({"DD_HOSTNAME": "a\nb" + "c" * 1000})

    assert "\n" not in problem
    assert len(problem) < 150


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"port": "70000"}, "--port=70000: not a port: 0 to 65535"),
        ({"port": "-1"}, "--port=-1: not a port: 0 to 65535"),
        ({"port": "0"}, "nothing to listen on"),
        ({"host": " "}, "--host= : is empty"),
        ({"queue_size": "-1"}, "must be at least 0"),
        ({"compression_level": "0"}, "must be from 1 to 22"),
        ({"compression_level": "23"}, "must be from 1 to 22"),
        ({"interval_seconds": "0"}, "must be at least 1"),
        ({"interval_seconds": "1.5"}, "not a whole number of seconds"),
        ({"request_timeout_seconds": "0"}, "must be more than 0"),
        ({"counter_type": "sum"}, "--counter-type=sum: unknown; known are rate, count"),
        ({"histogram_aggregates": "mx"}, "unknown 'mx'; did you mean max?"),
        ({"histogram_percentiles": "95"}, "'95' is not a percentile"),
        ({"histogram_percentiles": "high"}, "'high' is not a percentile"),
        ({"histogram_percentiles": "nan"}, "'nan' is not a percentile"),
        ({"dd_url": "localhost"}, "not a URL"),
        ({"dd_url": "https://"}, "not a URL"),
        ({"dd_url": "https://a b"}, "has a space"),
        ({"dd_url": "https://host:99999"}, "not a URL"),
        ({"dd_url": "https://u:p/q@host"}, "a password in it must be percent-encoded"),
        ({"dd_url": "https://host?a=b"}, "has a query or a fragment"),
        ({"dd_url": "https://host/#a"}, "has a query or a fragment"),
        ({"site": "https://datadoghq.eu"}, "not a site"),
        ({"http": "nowhere"}, "not HOST:PORT"),
        ({"socket_path": "a\0b"}, "has a zero byte"),
        ({"tags": '["a\\u0000"]'}, "does not print"),
        ({"log_level": "loud"}, "unknown; known are debug"),
        ({"additional_endpoints": "[]"}, "not a table of URLs"),
        ({"additional_endpoints": '{"x": ["y"]}'}, "=***: x: not a URL"),
        ({"routes": "series,logs"}, "unknown 'logs'; known are series"),
        ({"routes": "[]"}, "is empty; to send nothing, take datadog out of the sinks"),
        ({"additional_routes": "[]"}, "not a table of URLs"),
        ({"additional_routes": '{"x": ["series"]}'}, "x: not a URL"),
        (
            {"additional_routes": '{"https://e.example": ["logs"]}'},
            "https://e.example: unknown 'logs'",
        ),
        (
            {"additional_routes": '{"https://u:p@e.example": ["series"]}'},
            "additional_routes has https://***@e.example, which is not among",
        ),
        ({"mapper_profiles": "{}"}, "not a list of tables"),
        ({"mapper_profiles": "[1]"}, "=[1]: entry 1: must be a table, not 1"),
        ({"mapper_profiles": '[{"name": "a"}]'}, ": entry 1, prefix: is missing"),
        (
            {"mapper_profiles": '[{"name": "a", "prefix": "b", "x": 1}]'},
            ": entry 1: unknown key 'x'",
        ),
        (
            {"mapper_profiles": '[{"name": "a", "prefix": ""}]'},
            ": entry 1, prefix: is missing",
        ),
        (
            {"metric_tag_filterlist": '[{"metric_name": "m", "action": "drop"}]'},
            ": entry 1: action 'drop' must be exclude or include",
        ),
        ({"forward_host": "x"}, "forward_host and forward_port"),
        (
            {"socket_path": "/x", "stream_socket_path": "/x"},
            "socket_path and stream_socket_path are both /x",
        ),
    ],
    ids=shorten,
)
def test_unusable_value_is_one_problem(flags: dict[str, Any], words: str) -> None:
    [problem] = find_problems_of(**flags)

    assert words in problem


def test_missing_key_is_told_with_the_ways_out() -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(environ={})

    [problem] = refused.value.problems
    for words in ("DD_API_KEY", "console", "jsonl", "none"):
        assert words in problem


def test_missing_key_is_told_to_the_shell_in_its_words() -> None:
    with pytest.raises(ConfigError, match="--sink otlp, --sink console"):
        load_config(environ={}, flags={})
    with pytest.raises(ConfigError, match="STATSD_TRIO_SINKS=otlp, console"):
        load_config(environ={})


@pytest.mark.parametrize("sinks", ["none console", "console,none", '["none","jsonl"]'])
def test_no_sink_stands_alone(sinks: str) -> None:
    assert find_problems_of(sinks=sinks) == [
        f"--sink={sinks}: none cannot be combined with others; remove it, or the others"
    ]


@pytest.mark.parametrize("sinks", ["otlp", "console", "jsonl", "none"])
def test_other_sinks_need_no_key(sinks: str) -> None:
    load_config(environ={"STATSD_TRIO_SINKS": sinks})


def test_server_that_is_switched_off_needs_no_key() -> None:
    assert load_config(environ={"DD_USE_DOGSTATSD": "false"}).use_dogstatsd is False


def test_no_sink_is_possible() -> None:
    assert load_config(environ={"STATSD_TRIO_SINKS": "none"}).sinks == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("api_key", f"ENC[{KEY}]"),
        ("api_key", f"{KEY}ü"),
        ("api_key", f"{KEY} {KEY}"),
        ("additional_endpoints", f'{{"https://e.example": [["{KEY}"]]}}'),
        ("additional_endpoints", f'{{"https://e.example": ["ENC[{KEY}]"]}}'),
        ("additional_endpoints", f'["{KEY}"'),
        ("proxy", f"ftp://user:{KEY}@proxy"),
        ("proxy", f"user:{KEY}@proxy:port"),
        ("dd_url", f"user:{KEY}@host"),
        ("dd_url", f"ftp://user:{KEY}@host"),
        ("dd_url", f"https://user:a/{KEY}@host"),
        ("dd_url", f"https://user:a//{KEY} @host"),
        ("dd_url", f"https://host/?api_key={KEY}"),
        ("additional_endpoints", f'{{"https://host/?api_key={KEY}": ["k"]}}'),
        ("additional_endpoints", f'{{"ftp://user:{KEY}@host": ["k"]}}'),
        ("http", f"http://user:{KEY}@host"),
    ],
)
def test_no_problem_shows_a_secret(name: str, text: str) -> None:
    flags: dict[str, Any] = {name: text}
    problems = find_problems_of(**flags)

    assert problems
    assert KEY not in "\n".join(problems)


def test_empty_flag_takes_back_what_an_earlier_source_set() -> None:
    environ = {
        "DD_API_KEY": KEY,
        "HTTPS_PROXY": "proxy:3128",
        "STATSD_TRIO_HTTP": "80",
        "DD_DD_URL": "http://x",
    }

    config = load_config(environ=environ, flags={"proxy": "", "http": "", "dd_url": ""})

    assert (config.proxy, config.http, config.dd_url) == (None, None, None)


def test_empty_variable_of_the_agent_switches_the_proxy_off(tmp_path: Path) -> None:
    path = tmp_path / "datadog.yaml"
    path.write_text(
        "proxy:\n  https: http://a:1\n  http: http://b:1\n  no_proxy: [c]\n"
    )
    environ = {
        "DD_API_KEY": KEY,
        "DD_PROXY_HTTPS": "",
        "DD_PROXY_HTTP": " ",
        "DD_PROXY_NO_PROXY": "",
        "HTTPS_PROXY": "http://d:1",
        "HTTP_PROXY": "http://d:1",
        "NO_PROXY": "d",
    }

    sourced = load_sourced_config(environ=environ, path=path)

    config = sourced.config
    assert (config.proxy, config.proxy_http, config.no_proxy) == (None, None, ())
    assert sourced.sources["proxy"] == "DD_PROXY_HTTPS"


def test_empty_variable_that_is_not_the_agents_is_none() -> None:
    environ = {"DD_API_KEY": KEY, "HTTPS_PROXY": "", "https_proxy": "http://a:1"}

    assert load_config(environ=environ).proxy == Secret("http://a:1")


@pytest.mark.parametrize("variable", ["DD_PROXY_NO_PROXY", "NO_PROXY"])
@pytest.mark.parametrize("text", ["a,b c", "a, b , c", "a b c", '["a", "b", "c"]'])
def test_hosts_without_a_proxy_are_split_at_commas_and_spaces(
    variable: str, text: str
) -> None:
    config = load_config(environ={"DD_API_KEY": KEY, variable: text})

    assert config.no_proxy == ("a", "b", "c")


PRESENT_BUT_EMPTY: dict[str, tuple[object, object]] = {
    "mapper_profiles": (
        [
            {
                "name": "jobs",
                "prefix": "job.",
                "mappings": [
                    {"match": "a.*", "name": "a", "match_type": "", "tags": None},
                    {"match": "b.*", "name": "b", "match_type": None, "tags": {}},
                    {"match": "c.*", "name": "c", "tags": {"d": None, "e": "$1"}},
                    None,
                ],
            },
            {"name": "others", "prefix": "*", "mappings": None},
            None,
        ],
        (
            MapperProfile(
                "jobs",
                "job.",
                (
                    MetricMapping("a.*", "a"),
                    MetricMapping("b.*", "b"),
                    MetricMapping("c.*", "c", tags={"e": "$1"}),
                ),
            ),
            MapperProfile("others", "*"),
        ),
    ),
    "metric_tag_filterlist": (
        [
            {"metric_name": "a", "action": "", "tags": None},
            {"metric_name": "b", "action": None, "tags": [None, "", "c"]},
        ],
        (TagFilterEntry("a", ()), TagFilterEntry("b", ("c",))),
    ),
    "additional_endpoints": (
        {"https://a": [None], "https://b": None, "https://c": ["", " ", "k"]},
        {
            Secret("https://a"): (),
            Secret("https://b"): (),
            Secret("https://c"): (Secret("k"),),
        },
    ),
    "tags": ([None, "a:1", ""], ("a:1",)),
}


@pytest.mark.parametrize("name", PRESENT_BUT_EMPTY)
def test_present_but_empty_is_as_good_as_absent(name: str, tmp_path: Path) -> None:
    raw, value = PRESENT_BUT_EMPTY[name]
    path = write_yaml(tmp_path / "datadog.yaml", OPTIONS[name].keys[0], raw)
    variable = OPTIONS[name].environ[0]

    of_file = load_config(environ={"DD_API_KEY": KEY}, path=path)
    of_environment = load_config(environ={"DD_API_KEY": KEY, variable: json.dumps(raw)})

    assert getattr(of_file, name) == value
    assert getattr(of_environment, name) == value


KEYS_OF_TABLES = ["name", "prefix", "mappings", "match", "match_type", "tags"]
KEYS_OF_TABLES += ["metric_name", "action", "https://a", "x"]
SCALARS = st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a", "*"])
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS_OF_TABLES), inner)
    ),
    max_leaves=20,
)


@given(
    st.sampled_from(
        [
            "mapper_profiles",
            "metric_tag_filterlist",
            "additional_endpoints",
            "additional_routes",
        ]
    ),
    JSON,
)
def test_whatever_a_table_holds_is_refused_in_plain_words(
    name: str, raw: object
) -> None:
    try:
        load_config(environ={}, flags={"api_key": KEY, name: json.dumps(raw)})
    except ConfigError as error:
        for problem in error.problems:
            words = problem.partition(": ")[2]
            for internal in ("Attribute(", "class ", "NOTHING", "object at", "Error"):
                assert internal not in words


def test_proxy_needs_no_scheme() -> None:
    config = load_config(environ={"DD_API_KEY": KEY, "HTTPS_PROXY": "proxy:3128"})

    assert config.proxy == Secret("http://proxy:3128")


def test_unknown_toml_key_is_named_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("prot = 1\nflush_interval = 1\ndogstatsd_port = 1\nzzzz = 1\n")

    assert find_problems_of(path=path) == [
        f"{path}: prot: unknown key; did you mean port?",
        f"{path}: flush_interval: unknown key; did you mean interval_seconds?",
        f"{path}: dogstatsd_port: unknown key; the Agent's dogstatsd_port is port here",
        f"{path}: zzzz: unknown key; `statsd-trio config schema` has them all",
    ]


def test_rest_of_the_agents_file_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "datadog.yaml"
    path.write_text(
        "api_key: abc\napm_config:\n  enabled: true\nproxy: nonsense\n"
        "dogstatsd_port:\nlogs_enabled: true\n"
    )

    sourced = load_sourced_config(environ={}, path=path)

    assert sourced.config.port == 8125
    assert sourced.config.proxy is None
    assert sourced.sources["port"] == "default"


def test_problem_of_a_file_names_file_and_key(tmp_path: Path) -> None:
    path = tmp_path / "datadog.yml"
    path.write_text("dogstatsd_port: eighty\n")

    assert find_problems_of(path=path) == [f"{path}: dogstatsd_port=eighty: not a port"]


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("STATSD_TRIO_SINK", "STATSD_TRIO_SINKS"),
        ("STATSD_TRIO_SNIKS", "STATSD_TRIO_SINKS"),
        ("STATSD_TRIO_COFNIG", "STATSD_TRIO_CONFIG"),
        ("STATSD_TRIO_PORT", "DD_DOGSTATSD_PORT"),
        ("STATSD_TRIO_PORTT", "DD_DOGSTATSD_PORT"),
        ("STATSD_TRIO_DOGSTATSD_PORT", "DD_DOGSTATSD_PORT"),
        ("STATSD_TRIO_API_KEY", "DD_API_KEY"),
        # What other servers call it.
        ("STATSD_TRIO_FLUSH", "STATSD_TRIO_INTERVAL_SECONDS"),
        ("STATSD_TRIO_FLUSH_INTERVAL", "STATSD_TRIO_INTERVAL_SECONDS"),
    ],
)
def test_variable_that_does_not_exist_is_a_problem(variable: str, meant: str) -> None:
    # Whoever meant the key need not be told that it is missing too.
    environ = {variable: "x"} if meant == "DD_API_KEY" else {"DD_API_KEY": KEY}

    with pytest.raises(ConfigError) as refused:
        load_config(environ={variable: "1", **environ})

    assert refused.value.problems == [
        f"{variable}: unknown variable; did you mean {meant}?"
    ]


def test_variable_that_is_like_no_other_names_those_there_are() -> None:
    [problem] = find_problems_of({"STATSD_TRIO_ZZZZZZZZZZZZZZZZ": "1"})

    assert ", STATSD_TRIO_MAX_CONNECTIONS, " in problem


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("STATSD_TRIO_SERVICE_HOST", "10.0.0.1"),
        ("STATSD_TRIO_SERVICE_PORT", "8125"),
        ("STATSD_TRIO_SERVICE_PORT_DOGSTATSD", "8125"),
        ("STATSD_TRIO_PORT", "udp://10.0.0.1:8125"),
        ("STATSD_TRIO_PORT_8125_UDP", "udp://10.0.0.1:8125"),
        ("STATSD_TRIO_PORT_8125_UDP_PROTO", "udp"),
        ("STATSD_TRIO_HTTP_SERVICE_HOST", "10.0.0.1"),
        ("STATSD_TRIO_HTTP_PORT", "tcp://10.0.0.1:80"),
        ("STATSD_TRIO_HTTP_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("STATSD_TRIO_BUILD_NATIVE", "0"),
        ("STATSD_TRIO_ENGINE", "plain"),
        ("STATSD_TRIO_UNKNOWN_AND_EMPTY", ""),
    ],
)
def test_variable_that_is_not_for_the_configuration_is_no_problem(
    variable: str, text: str
) -> None:
    load_config(environ={"DD_API_KEY": KEY, variable: text})


def test_names_of_tags_add_up_and_each_is_replaced_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "datadog.yaml"
    path.write_text("api_key: abc\ntags: [team:a]\nextra_tags: [b:1]\nenv: old\n")

    config = load_config(environ={"DD_ENV": "new", "DD_EXTRA_TAGS": "c:1"}, path=path)

    assert config.tags == ("team:a", "c:1", "env:new")


def test_tags_of_a_toml_file_stand_beside_the_agents_variables(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('tags = ["team:a"]\n')
    environ = {"DD_API_KEY": KEY, "DD_ENV": "prod"}

    load = functools.partial(load_config, path=path)

    assert load(environ=environ).tags == ("team:a", "env:prod")
    environ["DD_DOGSTATSD_TAGS"] = "team:b"
    assert load(environ=environ).tags == ("team:b", "env:prod")
    assert load(environ=environ, flags={"tags": "team:c"}).tags == ("team:c",)


def test_unreadable_file_does_not_miss_the_key_too(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("api_key = \n")

    with pytest.raises(ConfigError) as refused:
        load_config(environ={}, path=path)

    [problem] = refused.value.problems
    assert problem.startswith(f"{path}: ")


def test_misspelt_key_is_not_missed_too(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('api_kye = "abc"\n')

    with pytest.raises(ConfigError) as refused:
        load_config(environ={}, path=path)

    [problem] = refused.value.problems
    assert problem.endswith("did you mean api_key?")


def test_unreadable_file_is_told_beside_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"

    assert find_problems_of({"DD_DOGSTATSD_PORT": "x"}, path=path) == [
        f"{path}: cannot be read: No such file or directory",
        "DD_DOGSTATSD_PORT=x: not a port",
    ]


@pytest.fixture
def handed_in() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


def test_sockets_handed_in_stand_for_the_default_port(
    handed_in: socket.socket,
) -> None:
    sourced = load_sourced_config(environ={"DD_API_KEY": KEY}, sockets=[handed_in])

    assert sourced.config.sockets == (handed_in,)
    assert sourced.config.port is None
    assert sourced.sources["port"] == "the sockets handed in"


def test_port_that_was_asked_for_stays(handed_in: socket.socket) -> None:
    environ = {"DD_API_KEY": KEY, "DD_DOGSTATSD_PORT": "8125"}

    assert load_sourced_config(environ=environ, sockets=[handed_in]).config.port == 8125


def test_sockets_handed_in_are_enough_to_listen_on(handed_in: socket.socket) -> None:
    environ = {"DD_API_KEY": KEY, "DD_DOGSTATSD_PORT": "0"}

    assert load_sourced_config(environ=environ, sockets=[handed_in]).config.port is None


@pytest.mark.parametrize(
    ("environ", "warned"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, True),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, False),
        ({"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/json"}, True),
        ({}, False),
    ],
)
def test_another_protocol_of_otlp_is_warned_of(
    environ: dict[str, str], warned: bool
) -> None:
    sourced = load_sourced_config(environ=environ, flags={"sinks": ["otlp"]})
    assert any("has no effect" in line for line in sourced.warnings) is warned
