"""One frozen `Config`: what a server needs to know, from wherever it came."""

import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import attrs

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


@attrs.frozen(kw_only=True)
class Config:
    """Everything a server can be told.

    `Config()` needs no key; the key is checked where a server starts.
    """

    host: str = "localhost"
    non_local_traffic: bool = False
    port: int | None = 8125
    socket_path: str | None = None
    stream_socket_path: str | None = None
    tcp_port: int | None = None
    pipe_name: str | None = None
    sockets: tuple[socket.socket, ...] = attrs.field(default=(), converter=tuple)
    buffer_size: int = attrs.field(
        default=DEFAULT_BUFFER_SIZE,
        converter=_convert_buffer_size,
    )
    queue_size: int = attrs.field(
        default=DEFAULT_QUEUE_SIZE,
        converter=_convert_queue_size,
    )
    so_rcvbuf: int = 8 * 1024 * 1024
    max_connections: int = 1024
    frame_timeout_seconds: float = 10.0
    eol_required: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    no_aggregation_pipeline: bool = True
    interval_seconds: int = 10
    namespace: str = ""
    namespace_exclude: tuple[str, ...] = attrs.field(
        default=DEFAULT_NAMESPACE_EXCLUDE, converter=tuple
    )
    tags: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    hostname: str = attrs.field(factory=socket.gethostname)
    histogram_aggregates: tuple[str, ...] = attrs.field(
        default=("max", "median", "avg", "count"), converter=tuple
    )
    histogram_percentiles: tuple[str, ...] = attrs.field(
        default=("0.95",), converter=tuple
    )
    histogram_copy_to_distribution: bool = False
    histogram_copy_to_distribution_prefix: str = ""
    counter_type: str = "rate"
    counter_expiry_seconds: float = 300.0
    context_expiry_seconds: float = 20.0
    max_contexts: int = 100_000
    origin_detection: bool = False
    forward_host: str | None = None
    forward_port: int | None = None
    sinks: tuple[str, ...] = attrs.field(default=("datadog",), converter=tuple)
    jsonl_path: str | None = None
    api_key: str | Callable[[], Awaitable[str]] | None = attrs.field(
        default=None, repr=False
    )
    site: str = "datadoghq.com"
    dd_url: str | None = None
    additional_endpoints: Mapping[str, tuple[str, ...]] = attrs.field(
        factory=dict[str, tuple[str, ...]], repr=False
    )
    compression: str = "zstd"
    max_concurrent_requests: int = 10
    request_timeout_seconds: float = 20.0
    proxy: str | None = attrs.field(default=None, repr=False)
    no_proxy: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    ca_file: str | None = None
    skip_ssl_validation: bool = False
    retry_queue_bytes: int = 15 * 1024 * 1024
    spool_path: str | None = None
    spool_max_bytes: int = 0
    self_metrics: bool = True
    shutdown_seconds: float = 5.0
