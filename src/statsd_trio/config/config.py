"""`Config`: all options of a server, each declared once.

The default of a field is in its usual place for attrs. Its metadata have the rest: the
type of the option, its names outside of Python, whether a reload changes it, and its
help.
"""

import functools
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import attrs

from statsd_trio.config.converters import (
    replace_zero,
    to_endpoints,
    to_headers,
    to_key,
    to_pairs,
    to_profiles,
    to_routes_of_endpoints,
    to_sockets,
    to_strings,
    to_tag_filters,
    to_url,
)
from statsd_trio.config.docstring import extend_docstring
from statsd_trio.config.option import Alias, for_programs, option
from statsd_trio.config.option_types.addresses import (
    ROUTE_NAMES,
    Address,
    EndpointRoutes,
    Endpoints,
    ProxyUrl,
    Routes,
    SecretText,
    Site,
    Url,
)
from statsd_trio.config.option_types.amounts import (
    Bytes,
    Seconds,
    SecondsOrZero,
    WholeSeconds,
)
from statsd_trio.config.option_types.lists import (
    Choices,
    Hosts,
    Percentiles,
    Profiles,
    Strings,
    TagFilters,
)
from statsd_trio.config.option_types.pairs import Headers, Pairs
from statsd_trio.config.option_types.scalars import (
    Boolean,
    Choice,
    FilePath,
    FilledText,
    Integer,
    OptionalText,
    Port,
    Text,
)
from statsd_trio.config.secret import Secret, hide_credentials
from statsd_trio.config.state import find_state_folder
from statsd_trio.errors import ParseError
from statsd_trio.protocol.messages import Event, Sample, ServiceCheck
from statsd_trio.rules.mapper import DEFAULT_CACHE_SIZE, MapperProfile
from statsd_trio.rules.tag_filter import TagFilterEntry
from statsd_trio.transports.packet import Origin

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


# The headings under which the options are documented.
_listening = functools.partial(option, "Listening")
_limits = functools.partial(option, "Buffers and limits")
_lines = functools.partial(option, "Lines")
_naming = functools.partial(option, "Names and tags")
_aggregation = functools.partial(option, "Aggregation")
_delivery = functools.partial(option, "Delivery")
_otlp = functools.partial(option, "OTLP")
_operating = functools.partial(option, "Operating")


# The type checkers know only functions as converters, and these do not get the field.


def _convert_buffer_size(value: int | None) -> int:
    return replace_zero(value, attrs.fields(Config).buffer_size)


def _convert_queue_size(value: int | None) -> int:
    return replace_zero(value, attrs.fields(Config).queue_size)


@attrs.frozen(kw_only=True)
class Config:
    """All settings of a server.

    Only types that would go unnoticed are checked here. `load_config` and `serve`
    refuse a configuration that cannot work, and list every problem at once. `Config()`
    needs no key. When a server reloads, it uses the new value of every field that is
    marked as live.
    """

    use_dogstatsd: bool = attrs.field(
        default=True,
        metadata=_listening(
            Boolean(),
            "DD_USE_DOGSTATSD",
            help="Whether to run a server. If false, `serve` says so and ends with 0.",
            in_python="Whether to run a server. If False, serve raises ConfigError.",
        ),
    )
    host: str = attrs.field(
        default="localhost",
        metadata=_listening(
            FilledText(),
            "DD_BIND_HOST",
            help="Name or address to listen on; all that it resolves to. 0.0.0.0"
            " and :: both stand for every address of both families.",
        ),
    )
    non_local_traffic: bool = attrs.field(
        default=False,
        metadata=_listening(
            Boolean(),
            "DD_DOGSTATSD_NON_LOCAL_TRAFFIC",
            help="Listen on every address of the machine instead of the host.",
        ),
    )
    port: int | None = attrs.field(
        default=8125,
        metadata=_listening(
            Port(),
            "DD_DOGSTATSD_PORT",
            help="UDP port to listen on; 0 turns UDP off, __random__ picks a free one.",
            in_python="UDP port to listen on; 0 picks a free one, None turns UDP off.",
        ),
    )
    socket_path: str | None = attrs.field(
        default=None,
        metadata=_listening(
            FilePath(),
            "DD_DOGSTATSD_SOCKET",
            help="Path of the Unix datagram socket to listen on.",
        ),
    )
    stream_socket_path: str | None = attrs.field(
        default=None,
        metadata=_listening(
            FilePath(),
            "DD_DOGSTATSD_STREAM_SOCKET",
            help="Path of the Unix stream socket to listen on.",
        ),
    )
    tcp_port: int | None = attrs.field(
        default=None,
        metadata=_listening(
            Port(),
            "DD_DOGSTATSD_TCP_PORT",
            help="TCP port to listen on, for lines that end in a newline.",
            in_python="TCP port to listen on, for lines that end in a newline; 0 picks "
            "a free one.",
        ),
    )
    pipe_name: str | None = attrs.field(
        default=None,
        metadata=_listening(
            FilePath(),
            "DD_DOGSTATSD_WINDOWS_PIPE_NAME",
            "DD_DOGSTATSD_PIPE_NAME",
            help="Named pipe to read from: a name on Windows, a FIFO's path elsewhere.",
        ),
    )
    sockets: tuple[socket.socket, ...] = attrs.field(
        default=(),
        converter=to_sockets,
        metadata=for_programs("Sockets to use that are already bound."),
    )
    origin_detection: bool = attrs.field(
        default=False,
        metadata=_listening(
            Boolean(),
            "DD_DOGSTATSD_ORIGIN_DETECTION",
            help="Ask Unix sockets for the sender's process.",
        ),
    )
    forward_host: str | None = attrs.field(
        default=None,
        metadata=_listening(
            OptionalText(),
            "DD_STATSD_FORWARD_HOST",
            help="Host to which each packet is forwarded unchanged.",
        ),
    )
    forward_port: int | None = attrs.field(
        default=None,
        metadata=_listening(
            Port(), "DD_STATSD_FORWARD_PORT", help="UDP port to forward to."
        ),
    )
    buffer_size: int = attrs.field(
        default=8192,
        converter=_convert_buffer_size,
        metadata=_limits(
            Bytes(),
            "DD_DOGSTATSD_BUFFER_SIZE",
            help="Size of the longest packet; the rest of a longer one is cut off.",
        ),
    )
    queue_size: int = attrs.field(
        default=1024,
        converter=_convert_queue_size,
        metadata=_limits(
            Integer(0),
            "DD_DOGSTATSD_QUEUE_SIZE",
            help="How many packets of each listener may wait to be processed.",
        ),
    )
    so_rcvbuf: int = attrs.field(
        default=8 * 1024 * 1024,
        metadata=_limits(
            Bytes(),
            "DD_DOGSTATSD_SO_RCVBUF",
            help="Receive buffer to ask the kernel for, for each socket.",
        ),
    )
    max_rest_seconds: float = attrs.field(
        default=0.01,
        metadata=_limits(
            SecondsOrZero(),
            help="How long a busy datagram reader may rest, to read many at once.",
        ),
    )
    max_connections: int = attrs.field(
        default=1024,
        metadata=_limits(
            Integer(),
            help="Most connections of a stream listener; a further one replaces the "
            "one that was idle longest.",
        ),
    )
    frame_timeout_seconds: float = attrs.field(
        default=10.0,
        metadata=_limits(
            Seconds(),
            help="How long the sender on a stream may take to send one frame.",
        ),
    )
    max_contexts: int = attrs.field(
        default=100_000,
        metadata=_limits(
            Integer(),
            help="Most series at a time; the values of further ones are dropped.",
        ),
    )
    max_memory_bytes: int = attrs.field(
        default=256 * 1024 * 1024,
        metadata=_limits(
            Bytes(1024 * 1024),
            help="Memory for series, strings of sets and values; beyond it new ones"
            " are dropped.",
        ),
    )
    eol_required: tuple[str, ...] = attrs.field(
        default=(),
        converter=to_strings,
        metadata=_lines(
            Choices("udp", "uds", "named_pipe"),
            "DD_DOGSTATSD_EOL_REQUIRED",
            help="Transports on which a last line without newline is rejected.",
        ),
    )
    no_aggregation_pipeline: bool = attrs.field(
        default=True,
        metadata=_lines(
            Boolean(),
            "DD_DOGSTATSD_NO_AGGREGATION_PIPELINE",
            help="Whether to send samples with a timestamp without aggregating them.",
        ),
    )
    tags: tuple[str, ...] = attrs.field(
        default=(),
        converter=to_strings,
        metadata=_naming(
            Strings(),
            "DD_DOGSTATSD_TAGS",
            "DD_TAGS",
            "DD_EXTRA_TAGS",
            Alias("DD_ENV", tag="env"),
            help="Tags for every metric, event and check; all of these add up, and"
            " DD_ENV=prod is env:prod.",
            in_python="Tags for every metric, event and check.",
            adds_up=True,
            is_live=True,
        ),
    )
    hostname: str = attrs.field(
        factory=socket.gethostname,
        metadata=_naming(
            Text(),
            "DD_HOSTNAME",
            help="Host of every metric, event and check that names none; by default"
            " the name of the system.",
            default_words="the system's",
        ),
    )
    namespace: str = attrs.field(
        default="",
        metadata=_naming(
            Text(),
            "DD_STATSD_METRIC_NAMESPACE",
            help="Prefix for the names of all metrics.",
            is_live=True,
        ),
    )
    namespace_exclude: tuple[str, ...] = attrs.field(
        default=DEFAULT_NAMESPACE_EXCLUDE,
        converter=to_strings,
        metadata=_naming(
            Strings(),
            "DD_STATSD_METRIC_NAMESPACE_BLACKLIST",
            "DD_STATSD_METRIC_NAMESPACE_BLOCKLIST",
            help="Names that start like this do not get the prefix.",
            is_live=True,
        ),
    )
    mapper_profiles: tuple[MapperProfile, ...] = attrs.field(
        default=(),
        converter=to_profiles,
        metadata=_naming(
            Profiles(),
            "DD_DOGSTATSD_MAPPER_PROFILES",
            help="Patterns that turn parts of names into tags.",
            is_live=True,
        ),
    )
    mapper_cache_size: int = attrs.field(
        default=DEFAULT_CACHE_SIZE,
        metadata=_naming(
            Integer(0),
            "DD_DOGSTATSD_MAPPER_CACHE_SIZE",
            help="How many names the mapper remembers its answer for.",
            is_live=True,
        ),
    )
    metric_filterlist: tuple[str, ...] = attrs.field(
        default=(),
        converter=to_strings,
        metadata=_naming(
            Strings(),
            "DD_METRIC_FILTERLIST",
            "DD_STATSD_METRIC_BLOCKLIST",
            help="Names of metrics to drop; an entry that ends in * is the start of"
            " names.",
            is_live=True,
        ),
    )
    metric_filterlist_match_prefix: bool = attrs.field(
        default=False,
        metadata=_naming(
            Boolean(),
            "DD_METRIC_FILTERLIST_MATCH_PREFIX",
            "DD_STATSD_METRIC_BLOCKLIST_MATCH_PREFIX",
            help="Whether all entries of that list are starts of names.",
            is_live=True,
        ),
    )
    metric_tag_filterlist: tuple[TagFilterEntry, ...] = attrs.field(
        default=(),
        converter=to_tag_filters,
        metadata=_naming(
            TagFilters(),
            "DD_METRIC_TAG_FILTERLIST",
            help="Tags to drop from, or keep on, single counters and distributions.",
            is_live=True,
        ),
    )
    interval_seconds: int = attrs.field(
        default=10,
        metadata=_aggregation(
            WholeSeconds(),
            help="Width of a bucket, which is the time between two flushes.",
        ),
    )
    histogram_aggregates: tuple[str, ...] = attrs.field(
        default=("max", "median", "avg", "count"),
        converter=to_strings,
        metadata=_aggregation(
            Choices("min", "max", "median", "avg", "sum", "count"),
            "DD_HISTOGRAM_AGGREGATES",
            help="Aggregates to send for each histogram and timer.",
        ),
    )
    histogram_percentiles: tuple[str, ...] = attrs.field(
        default=("0.95",),
        converter=to_strings,
        metadata=_aggregation(
            Percentiles(),
            "DD_HISTOGRAM_PERCENTILES",
            help="Percentiles to send for each histogram and timer.",
        ),
    )
    histogram_copy_to_distribution: bool = attrs.field(
        default=False,
        metadata=_aggregation(
            Boolean(),
            "DD_HISTOGRAM_COPY_TO_DISTRIBUTION",
            help="Whether to send each histogram and timer as a distribution too.",
        ),
    )
    histogram_copy_to_distribution_prefix: str = attrs.field(
        default="",
        metadata=_aggregation(
            Text(),
            "DD_HISTOGRAM_COPY_TO_DISTRIBUTION_PREFIX",
            help="Prefix for the names of these distributions.",
        ),
    )
    counter_type: str = attrs.field(
        default="rate",
        metadata=_aggregation(
            Choice("rate", "count"),
            help="Send counters per second, as the Agent, or as counts.",
        ),
    )
    counter_expiry_seconds: float = attrs.field(
        default=300.0,
        metadata=_aggregation(
            SecondsOrZero(),
            "DD_DOGSTATSD_EXPIRY_SECONDS",
            help="How long zeros are sent for a counter that gets no values.",
        ),
    )
    context_expiry_seconds: float = attrs.field(
        default=20.0,
        metadata=_aggregation(
            SecondsOrZero(),
            "DD_DOGSTATSD_CONTEXT_EXPIRY_SECONDS",
            help="How long a series that gets no values is remembered.",
        ),
    )
    sinks: tuple[str, ...] = attrs.field(
        default=("datadog",),
        converter=to_strings,
        metadata=_delivery(
            Choices("datadog", "otlp", "console", "jsonl", none="none"),
            help="Where to deliver metrics; none delivers them nowhere.",
            in_python="Where to deliver metrics; () delivers them nowhere. Sinks "
            "passed to serve replace these.",
            flag="sink",
        ),
    )
    jsonl_path: str | None = attrs.field(
        default=None,
        metadata=_delivery(
            FilePath(), help="File of the jsonl sink; standard output by default."
        ),
    )
    api_key: Secret | Callable[[], Awaitable[str]] | None = attrs.field(
        default=None,
        converter=to_key,
        metadata=_delivery(
            SecretText(),
            "DD_API_KEY",
            help="Datadog API key; better in the environment than in a flag.",
            in_python="Datadog API key, or an async callable that returns it.",
            is_live=True,
        ),
    )
    site: str = attrs.field(
        default="datadoghq.com",
        metadata=_delivery(Site(), "DD_SITE", help="Datadog site of the account."),
    )
    dd_url: Secret | None = attrs.field(
        default=None,
        converter=to_url,
        metadata=_delivery(
            Url(),
            "DD_DD_URL",
            Alias("DD_URL", key=None),
            help="Base URL of the intake, instead of the site's.",
        ),
    )
    additional_endpoints: Mapping[Secret, tuple[Secret, ...]] = attrs.field(
        factory=dict[Secret, tuple[Secret, ...]],
        converter=to_endpoints,
        metadata=_delivery(
            Endpoints(),
            "DD_ADDITIONAL_ENDPOINTS",
            help="More intakes to send everything to, each with its keys.",
        ),
    )
    routes: tuple[str, ...] = attrs.field(
        default=ROUTE_NAMES,
        converter=to_strings,
        metadata=_delivery(
            Routes(),
            help="What to send to the main intake; an engine that stands in for"
            " Datadog may not take all of it.",
            flag="route",
        ),
    )
    additional_routes: Mapping[Secret, tuple[str, ...]] = attrs.field(
        factory=dict[Secret, tuple[str, ...]],
        converter=to_routes_of_endpoints,
        metadata=_delivery(
            EndpointRoutes(),
            help="What to send to additional endpoints that should not get everything.",
        ),
    )
    compression: str = attrs.field(
        default="zstd",
        metadata=_delivery(
            Choice("zstd", "zlib", "gzip", "none"),
            "DD_SERIALIZER_COMPRESSOR_KIND",
            help="How payloads are compressed.",
        ),
    )
    compression_level: int = attrs.field(
        default=1,
        metadata=_delivery(
            Integer(1, 22),
            "DD_SERIALIZER_ZSTD_COMPRESSOR_LEVEL",
            help="Level of zstd. Above 9 it counts as 9: more would hold up the"
            " reading of packets and save next to nothing.",
        ),
    )
    max_concurrent_requests: int = attrs.field(
        default=10,
        metadata=_delivery(
            Integer(),
            "DD_FORWARDER_MAX_CONCURRENT_REQUESTS",
            help="Most requests at a time for each intake and key; each route may have "
            "one more.",
        ),
    )
    request_timeout_seconds: float = attrs.field(
        default=20.0,
        metadata=_delivery(
            Seconds(), "DD_FORWARDER_TIMEOUT", help="How long one request may take."
        ),
    )
    proxy: Secret | None = attrs.field(
        default=None,
        converter=to_url,
        metadata=_delivery(
            ProxyUrl(),
            Alias("DD_PROXY_HTTPS", key="proxy.https", counts_if_empty=True),
            "HTTPS_PROXY",
            "https_proxy",
            help="Proxy for intakes whose URL begins with https.",
        ),
    )
    proxy_http: Secret | None = attrs.field(
        default=None,
        converter=to_url,
        metadata=_delivery(
            ProxyUrl(),
            Alias("DD_PROXY_HTTP", key="proxy.http", counts_if_empty=True),
            "HTTP_PROXY",
            "http_proxy",
            help="Proxy for intakes whose URL begins with http.",
        ),
    )
    no_proxy: tuple[str, ...] = attrs.field(
        default=(),
        converter=to_strings,
        metadata=_delivery(
            Hosts(),
            Alias("DD_PROXY_NO_PROXY", key="proxy.no_proxy", counts_if_empty=True),
            "NO_PROXY",
            "no_proxy",
            help="Hosts to connect to without a proxy.",
        ),
    )
    ca_file: str | None = attrs.field(
        default=None,
        metadata=_delivery(
            FilePath(), help="Certificates to trust in addition to the system's."
        ),
    )
    skip_ssl_validation: bool = attrs.field(
        default=False,
        metadata=_delivery(
            Boolean(),
            "DD_SKIP_SSL_VALIDATION",
            help="Trust any certificate; anyone in between can then read the key.",
        ),
    )
    retry_queue_bytes: int = attrs.field(
        default=15 * 1024 * 1024,
        metadata=_delivery(
            Bytes(),
            "DD_FORWARDER_RETRY_QUEUE_PAYLOADS_MAX_SIZE",
            help="Bytes of payloads kept in memory for retries; 0 turns retries off.",
        ),
    )
    spool_path: str | None = attrs.field(
        default=None,
        metadata=_delivery(
            FilePath(),
            "DD_FORWARDER_STORAGE_PATH",
            help="Folder for payloads that memory has no room for; the platform's"
            " state folder by default, if spool_max_bytes is set.",
        ),
    )
    spool_max_bytes: int = attrs.field(
        default=0,
        metadata=_delivery(
            Bytes(),
            "DD_FORWARDER_STORAGE_MAX_SIZE_IN_BYTES",
            help="Most bytes in that folder; 0 turns the spool off.",
        ),
    )
    otlp_endpoint: Secret = attrs.field(
        default=hide_credentials("http://localhost:4318"),
        converter=hide_credentials,
        metadata=_otlp(
            Url(),
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            help="Base URL of an OTLP receiver over HTTP; /v1/metrics and /v1/logs are "
            "appended to it.",
        ),
    )
    otlp_metrics_endpoint: Secret | None = attrs.field(
        default=None,
        converter=to_url,
        metadata=_otlp(
            Url(),
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            help="URL for metrics, used unchanged instead of one made from "
            "otlp_endpoint.",
        ),
    )
    otlp_logs_endpoint: Secret | None = attrs.field(
        default=None,
        converter=to_url,
        metadata=_otlp(
            Url(),
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
            help="URL for the logs that otlp_events sends, used unchanged.",
        ),
    )
    otlp_headers: Mapping[str, Secret] = attrs.field(
        factory=dict[str, Secret],
        converter=to_headers,
        metadata=_otlp(
            Headers(),
            "OTEL_EXPORTER_OTLP_HEADERS",
            help="Headers of every request, such as the key of an account.",
        ),
    )
    otlp_metrics_headers: Mapping[str, Secret] = attrs.field(
        factory=dict[str, Secret],
        converter=to_headers,
        metadata=_otlp(
            Headers(),
            "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
            help="Headers of requests with metrics, instead of otlp_headers.",
        ),
    )
    otlp_logs_headers: Mapping[str, Secret] = attrs.field(
        factory=dict[str, Secret],
        converter=to_headers,
        metadata=_otlp(
            Headers(),
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
            help="Headers of requests with logs, instead of otlp_headers.",
        ),
    )
    otlp_timeout_seconds: float = attrs.field(
        default=10.0,
        metadata=_otlp(
            Seconds(),
            Alias("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", unit="ms"),
            Alias("OTEL_EXPORTER_OTLP_TIMEOUT", unit="ms"),
            help="How long one request may take. A number in OpenTelemetry's variables"
            " is in milliseconds.",
        ),
    )
    otlp_compression: str = attrs.field(
        default="gzip",
        metadata=_otlp(
            Choice("gzip", "none"),
            "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION",
            "OTEL_EXPORTER_OTLP_COMPRESSION",
            help="How requests are compressed.",
        ),
    )
    otlp_ca_file: str | None = attrs.field(
        default=None,
        metadata=_otlp(
            FilePath(),
            "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE",
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
            help="Certificates to trust beside the system's, instead of ca_file.",
        ),
    )
    otlp_temporality: str = attrs.field(
        default="cumulative",
        metadata=_otlp(
            Choice("cumulative", "delta", "lowmemory"),
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            help="Whether counters and histograms count from their start, or each"
            " interval by itself. lowmemory is the same as delta here.",
        ),
    )
    otlp_histograms: str = attrs.field(
        default="exponential",
        metadata=_otlp(
            Choice("exponential", "aggregates"),
            help="Send histograms and timers as exponential histograms, or as the"
            " series that the Agent makes of them. Distributions are always the"
            " former.",
        ),
    )
    otlp_events: bool = attrs.field(
        default=False,
        metadata=_otlp(
            Boolean(),
            help="Send events and service checks as logs; otherwise they are counted"
            " as switched off.",
        ),
    )
    otlp_service_name: str = attrs.field(
        default="",
        metadata=_otlp(
            Text(),
            "OTEL_SERVICE_NAME",
            help="The service.name of metrics without a service tag.",
        ),
    )
    otlp_resource_attributes: Mapping[str, str] = attrs.field(
        factory=dict[str, str],
        converter=to_pairs,
        metadata=_otlp(
            Pairs(),
            "OTEL_RESOURCE_ATTRIBUTES",
            help="Attributes to add to every resource.",
        ),
    )
    self_metrics: bool = attrs.field(
        default=True,
        metadata=_operating(
            Boolean(), help="Whether to send the ledger as metrics named statsd_trio.*."
        ),
    )
    shutdown_seconds: float = attrs.field(
        default=5.0,
        metadata=_operating(
            SecondsOrZero(),
            help="How long the last delivery may take when the server stops.",
        ),
    )
    http: str | None = attrs.field(
        default=None,
        metadata=_operating(
            Address(), help="Where to serve health, metrics and the ledger over HTTP."
        ),
    )
    engine: str = attrs.field(
        default="auto",
        metadata=_operating(
            Choice("auto", "plain", "native"),
            help="Engine that aggregates; auto uses the native one if it is installed.",
        ),
    )
    log_level: str = attrs.field(
        default="info",
        metadata=_operating(
            Choice(
                "debug",
                "info",
                "warning",
                "error",
                "critical",
                "off",
                aliases={"warn": "warning", "trace": "debug"},
            ),
            "DD_LOG_LEVEL",
            help="Lowest level of messages that are logged.",
            is_live=True,
        ),
    )
    log_format: str = attrs.field(
        default="text",
        metadata=_operating(Choice("text", "json"), help="How log lines are written."),
    )
    on_sample: Callable[[Sample], Sample | None] | None = attrs.field(
        default=None,
        metadata=for_programs(
            "Called with each metric line as a Sample; what it returns is aggregated, "
            "and None drops the line. Every line is parsed then, which costs speed."
        ),
    )
    on_rejected: Callable[[ParseError, bytes, Origin], None] | None = attrs.field(
        default=None,
        metadata=for_programs(
            "Called for each line that is rejected when it is read, with the "
            "ParseError, the line and its origin. A bad number may only be found "
            "later, and is only counted then."
        ),
    )
    on_event: Callable[[Event | ServiceCheck], None] | None = attrs.field(
        default=None,
        metadata=for_programs("Called with each event and service check."),
    )

    def __attrs_post_init__(self) -> None:
        if self.spool_max_bytes and not self.spool_path:
            # This is how attrs advises to set attributes of a frozen class.
            object.__setattr__(self, "spool_path", find_state_folder())


# From the metadata, so that everything is said only once.
Config.__doc__ = extend_docstring(Config.__doc__, attrs.fields(Config))
