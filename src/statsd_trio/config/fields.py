"""`Config`: everything that a server can be told, with its defaults.

What each field means, and what it is called elsewhere, stands in `options`.
"""

import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

import attrs

from statsd_trio.config.docstring import extend_docstring
from statsd_trio.config.places import ROUTE_NAMES
from statsd_trio.config.secret import Secret, hide_credentials
from statsd_trio.config.state import find_state_folder
from statsd_trio.errors import ParseError
from statsd_trio.protocol.messages import Event, Sample, ServiceCheck
from statsd_trio.rules.mapper import DEFAULT_CACHE_SIZE, MapperProfile
from statsd_trio.rules.tagfilter import TagFilterEntry
from statsd_trio.transports.packet import Origin

logger = logging.getLogger(__name__)

DEFAULT_BUFFER_SIZE: Final = 8192
DEFAULT_QUEUE_SIZE: Final = 1024

# Source: datadog-agent, pkg/config/setup/standard_names.go.
DEFAULT_NAMESPACE_EXCLUDE: Final = (
    "datadog.agent",
    "datadog.dogstatsd",
    "datadog.process",
    "datadog.trace_agent",
    "datadog.tracer",
    "activemq",
    "activemq_58",
    "airflow",
    "cassandra",
    "confluent",
    "hazelcast",
    "hive",
    "ignite",
    "jboss",
    "jvm",
    "kafka",
    "presto",
    "sidekiq",
    "solr",
    "tomcat",
    "runtime",
)


def _convert_buffer_size(value: int | None) -> int:
    return _replace_zero("buffer_size", value, DEFAULT_BUFFER_SIZE)


def _convert_queue_size(value: int | None) -> int:
    return _replace_zero("queue_size", value, DEFAULT_QUEUE_SIZE)


def _replace_zero(name: str, value: int | None, default: int) -> int:
    if value is None:
        return default
    if value == 0:
        # As the Rust reference does: the value is refused, not the start.
        logger.error("%s is 0; using the default, %d", name, default)
        return default
    return value


def _strings(values: Iterable[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        # Its characters would each be taken for one.
        raise TypeError(f"a tuple of strings is needed, not the string {values!r}")
    return tuple(values)


def _sockets(values: Iterable[socket.socket]) -> tuple[socket.socket, ...]:
    return tuple(values)


def _profiles(values: Iterable[MapperProfile]) -> tuple[MapperProfile, ...]:
    return tuple(values)


def _tag_filters(values: Iterable[TagFilterEntry]) -> tuple[TagFilterEntry, ...]:
    return tuple(values)


def _key(
    value: str | Secret | Callable[[], Awaitable[str]] | None,
) -> Secret | Callable[[], Awaitable[str]] | None:
    # An empty key, as an unset variable gives it, is none.
    return (Secret(value) if value else None) if isinstance(value, str) else value


def _url(value: str | Secret | None) -> Secret | None:
    # An empty URL, as an unset variable gives it, is none.
    return hide_credentials(value) if value else None


def _endpoints(
    value: Mapping[str, Iterable[str | Secret]]
    | Mapping[Secret, Iterable[str | Secret]],
) -> Mapping[Secret, tuple[Secret, ...]]:
    return {
        hide_credentials(url): tuple(
            key if isinstance(key, Secret) else Secret(key) for key in keys
        )
        for url, keys in value.items()
    }


def _routes_of_endpoints(
    value: Mapping[str | Secret, Iterable[str]],
) -> Mapping[Secret, tuple[str, ...]]:
    return {hide_credentials(url): _strings(routes) for url, routes in value.items()}


@attrs.frozen(kw_only=True)
class Config:
    """Everything a server can be told.

    Nothing is checked here but types that would go unnoticed: `load_config` and
    `serve` refuse a configuration that cannot work, with every problem at once.
    `Config()` needs no key. A server takes a new value of a field that is live when it
    reloads.
    """

    use_dogstatsd: bool = True
    host: str = "localhost"
    non_local_traffic: bool = False
    port: int | None = 8125
    socket_path: str | None = None
    stream_socket_path: str | None = None
    tcp_port: int | None = None
    pipe_name: str | None = None
    sockets: tuple[socket.socket, ...] = attrs.field(default=(), converter=_sockets)
    buffer_size: int = attrs.field(
        default=DEFAULT_BUFFER_SIZE, converter=_convert_buffer_size
    )
    queue_size: int = attrs.field(
        default=DEFAULT_QUEUE_SIZE, converter=_convert_queue_size
    )
    so_rcvbuf: int = 8 * 1024 * 1024
    max_rest_seconds: float = 0.01
    max_connections: int = 1024
    frame_timeout_seconds: float = 10.0
    eol_required: tuple[str, ...] = attrs.field(default=(), converter=_strings)
    no_aggregation_pipeline: bool = True
    origin_detection: bool = False
    forward_host: str | None = None
    forward_port: int | None = None
    namespace: str = ""
    namespace_exclude: tuple[str, ...] = attrs.field(
        default=DEFAULT_NAMESPACE_EXCLUDE, converter=_strings
    )
    tags: tuple[str, ...] = attrs.field(default=(), converter=_strings)
    hostname: str = attrs.field(factory=socket.gethostname)
    mapper_profiles: tuple[MapperProfile, ...] = attrs.field(
        default=(), converter=_profiles
    )
    mapper_cache_size: int = DEFAULT_CACHE_SIZE
    metric_filterlist: tuple[str, ...] = attrs.field(default=(), converter=_strings)
    metric_filterlist_match_prefix: bool = False
    metric_tag_filterlist: tuple[TagFilterEntry, ...] = attrs.field(
        default=(), converter=_tag_filters
    )
    interval_seconds: int = 10
    histogram_aggregates: tuple[str, ...] = attrs.field(
        default=("max", "median", "avg", "count"), converter=_strings
    )
    histogram_percentiles: tuple[str, ...] = attrs.field(
        default=("0.95",), converter=_strings
    )
    histogram_copy_to_distribution: bool = False
    histogram_copy_to_distribution_prefix: str = ""
    counter_type: str = "rate"
    counter_expiry_seconds: float = 300.0
    context_expiry_seconds: float = 20.0
    max_contexts: int = 100_000
    max_memory_bytes: int = 256 * 1024 * 1024
    sinks: tuple[str, ...] = attrs.field(default=("datadog",), converter=_strings)
    jsonl_path: str | None = None
    api_key: Secret | Callable[[], Awaitable[str]] | None = attrs.field(
        default=None, converter=_key
    )
    site: str = "datadoghq.com"
    dd_url: Secret | None = attrs.field(default=None, converter=_url)
    additional_endpoints: Mapping[Secret, tuple[Secret, ...]] = attrs.field(
        factory=dict[Secret, tuple[Secret, ...]], converter=_endpoints
    )
    routes: tuple[str, ...] = attrs.field(default=ROUTE_NAMES, converter=_strings)
    additional_routes: Mapping[Secret, tuple[str, ...]] = attrs.field(
        factory=dict[Secret, tuple[str, ...]], converter=_routes_of_endpoints
    )
    compression: str = "zstd"
    compression_level: int = 1
    max_concurrent_requests: int = 10
    request_timeout_seconds: float = 20.0
    proxy: Secret | None = attrs.field(default=None, converter=_url)
    proxy_http: Secret | None = attrs.field(default=None, converter=_url)
    no_proxy: tuple[str, ...] = attrs.field(default=(), converter=_strings)
    ca_file: str | None = None
    skip_ssl_validation: bool = False
    retry_queue_bytes: int = 15 * 1024 * 1024
    spool_path: str | None = None
    spool_max_bytes: int = 0
    self_metrics: bool = True
    shutdown_seconds: float = 5.0
    http: str | None = None
    engine: str = "auto"
    log_level: str = "info"
    log_format: str = "text"
    on_sample: Callable[[Sample], Sample | None] | None = None
    on_rejected: Callable[[ParseError, bytes, Origin], None] | None = None
    on_event: Callable[[Event | ServiceCheck], None] | None = None

    def __attrs_post_init__(self) -> None:
        if self.spool_max_bytes and not self.spool_path:
            # As attrs advises for a frozen class.
            object.__setattr__(self, "spool_path", find_state_folder())


# From the table of options, so that nothing is said twice.
Config.__doc__ = extend_docstring(Config.__doc__, attrs.fields(Config))
