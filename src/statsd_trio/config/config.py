"""`Config`: everything that a server can be told, each option declared once.

A field's default stands where attrs has it. Its metadata hold the rest: the type of
the option, its names outside of Python, whether it is live, and its help.
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


# The headings under which they are documented.
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
    """Everything a server can be told.

    Nothing is checked here but types that would go unnoticed: `load_config` and
    `serve` refuse a configuration that cannot work, with every problem at once.
    `Config()` needs no key. A server takes a new value of a field that is live when it
    reloads.
    """

    use_dogstatsd: bool = attrs.field(
        default=True,
        metadata=_listening(
            Boolean(),
            "DD_USE_DOGSTATSD",
            help="Without it `serve` binds nothing, says so and ends with 0.",
            in_python="Without it serve binds nothing and raises ConfigError.",
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
            help="UDP port; 0 turns UDP off, __random__ takes any free port.",
            in_python="UDP port; 0 takes any free port, None turns UDP off.",
        ),
    )
    socket_path: str | None = attrs.field(
        default=None,
        metadata=_listening(
            FilePath(), "DD_DOGSTATSD_SOCKET", help="Unix datagram socket to make."
        ),
    )
    stream_socket_path: str | None = attrs.field(
        default=None,
        metadata=_listening(
            FilePath(), "DD_DOGSTATSD_STREAM_SOCKET", help="Unix stream socket to make."
        ),
    )
    tcp_port: int | None = attrs.field(
        default=None,
        metadata=_listening(
            Port(),
            "DD_DOGSTATSD_TCP_PORT",
            help="TCP port for lines that end in a newline.",
            in_python="TCP port for lines that end in a newline; 0 takes any free"
            " port.",
        ),
    )
    pipe_name: str | None = attrs.field(
        default=None,
        metadata=_listening(
            FilePath(),
            "DD_DOGSTATSD_WINDOWS_PIPE_NAME",
            "DD_DOGSTATSD_PIPE_NAME",
            help="Named pipe: a name on Windows, a FIFO's path elsewhere.",
        ),
    )
    sockets: tuple[socket.socket, ...] = attrs.field(
        default=(),
        converter=to_sockets,
        metadata=for_programs("Sockets handed in, already bound."),
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
            help="Host to which each packet is sent on as it came.",
        ),
    )
    forward_port: int | None = attrs.field(
        default=None,
        metadata=_listening(
            Port(), "DD_STATSD_FORWARD_PORT", help="UDP port of that host."
        ),
    )
    buffer_size: int = attrs.field(
        default=8192,
        converter=_convert_buffer_size,
        metadata=_limits(
            Bytes(),
            "DD_DOGSTATSD_BUFFER_SIZE",
            help="Longest packet; what a sender has beyond it is cut off.",
        ),
    )
    queue_size: int = attrs.field(
        default=1024,
        converter=_convert_queue_size,
        metadata=_limits(
            Integer(0),
            "DD_DOGSTATSD_QUEUE_SIZE",
            help="Packets of each listener that may wait for the processor.",
        ),
    )
    so_rcvbuf: int = attrs.field(
        default=8 * 1024 * 1024,
        metadata=_limits(
            Bytes(),
            "DD_DOGSTATSD_SO_RCVBUF",
            help="Receive buffer asked of the kernel for each socket.",
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
            help="Connections of a stream listener; the longest idle one yields.",
        ),
    )
    frame_timeout_seconds: float = attrs.field(
        default=10.0,
        metadata=_limits(
            Seconds(), help="How long a stream's sender may take over one frame."
        ),
    )
    max_contexts: int = attrs.field(
        default=100_000,
        metadata=_limits(
            Integer(),
            help="Different series at a time; the values of further ones are dropped.",
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
            help="Pass samples that carry a timestamp on as they are.",
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
            help="Starts of names that get no prefix.",
            is_live=True,
        ),
    )
    mapper_profiles: tuple[MapperProfile, ...] = attrs.field(
        default=(),
        converter=to_profiles,
        metadata=_naming(
            Profiles(),
            "DD_DOGSTATSD_MAPPER_PROFILES",
            help="Patterns that make tags of parts of names.",
            is_live=True,
        ),
    )
    mapper_cache_size: int = attrs.field(
        default=DEFAULT_CACHE_SIZE,
        metadata=_naming(
            Integer(0),
            "DD_DOGSTATSD_MAPPER_CACHE_SIZE",
            help="Names for which the mapper remembers its answer.",
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
            help="Take that list for starts of names.",
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
            WholeSeconds(), help="Width of a bucket, and time from flush to flush."
        ),
    )
    histogram_aggregates: tuple[str, ...] = attrs.field(
        default=("max", "median", "avg", "count"),
        converter=to_strings,
        metadata=_aggregation(
            Choices("min", "max", "median", "avg", "sum", "count"),
            "DD_HISTOGRAM_AGGREGATES",
            help="Series that are made of each histogram and timer.",
        ),
    )
    histogram_percentiles: tuple[str, ...] = attrs.field(
        default=("0.95",),
        converter=to_strings,
        metadata=_aggregation(
            Percentiles(),
            "DD_HISTOGRAM_PERCENTILES",
            help="Percentiles that are made of each histogram and timer.",
        ),
    )
    histogram_copy_to_distribution: bool = attrs.field(
        default=False,
        metadata=_aggregation(
            Boolean(),
            "DD_HISTOGRAM_COPY_TO_DISTRIBUTION",
            help="Make a distribution of each histogram and timer as well.",
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
            help="How long a counter that is quiet reports zero.",
        ),
    )
    context_expiry_seconds: float = attrs.field(
        default=20.0,
        metadata=_aggregation(
            SecondsOrZero(),
            "DD_DOGSTATSD_CONTEXT_EXPIRY_SECONDS",
            help="How long a series that is quiet is remembered.",
        ),
    )
    sinks: tuple[str, ...] = attrs.field(
        default=("datadog",),
        converter=to_strings,
        metadata=_delivery(
            Choices("datadog", "otlp", "console", "jsonl", none="none"),
            help="Where to deliver; none is for nowhere.",
            in_python="Where to deliver; () is for nowhere. Sinks that are handed"
            " to serve take the place of these.",
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
            help="What to send to the additional endpoints that do not take all of it.",
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
            help="Requests under way at a time, for each intake and key; each route"
            " may have one beyond it.",
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
            help="Proxy on the way to intakes whose URL begins with https.",
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
            help="Proxy on the way to intakes whose URL begins with http.",
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
            help="Hosts that are reached without a proxy.",
        ),
    )
    ca_file: str | None = attrs.field(
        default=None,
        metadata=_delivery(
            FilePath(), help="Certificates to trust beside the system's."
        ),
    )
    skip_ssl_validation: bool = attrs.field(
        default=False,
        metadata=_delivery(
            Boolean(),
            "DD_SKIP_SSL_VALIDATION",
            help="Trust any certificate: anyone on the way can read the key.",
        ),
    )
    retry_queue_bytes: int = attrs.field(
        default=15 * 1024 * 1024,
        metadata=_delivery(
            Bytes(),
            "DD_FORWARDER_RETRY_QUEUE_PAYLOADS_MAX_SIZE",
            help="Payloads kept in memory for another try; 0 for no retries.",
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
            help="Room in that folder; 0 spools nothing.",
        ),
    )
    otlp_endpoint: Secret = attrs.field(
        default=hide_credentials("http://localhost:4318"),
        converter=hide_credentials,
        metadata=_otlp(
            Url(),
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            help="Base URL of what takes OTLP over HTTP; /v1/metrics and /v1/logs are"
            " appended to it.",
        ),
    )
    otlp_metrics_endpoint: Secret | None = attrs.field(
        default=None,
        converter=to_url,
        metadata=_otlp(
            Url(),
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            help="URL for metrics, taken as it is, instead of one made of"
            " otlp_endpoint.",
        ),
    )
    otlp_logs_endpoint: Secret | None = attrs.field(
        default=None,
        converter=to_url,
        metadata=_otlp(
            Url(),
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
            help="The same for the logs that otlp_events makes.",
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
            help="service.name of what has no service tag.",
        ),
    )
    otlp_resource_attributes: Mapping[str, str] = attrs.field(
        factory=dict[str, str],
        converter=to_pairs,
        metadata=_otlp(
            Pairs(),
            "OTEL_RESOURCE_ATTRIBUTES",
            help="Attributes of every resource.",
        ),
    )
    self_metrics: bool = attrs.field(
        default=True,
        metadata=_operating(
            Boolean(), help="Send the ledger as metrics, statsd_trio.*."
        ),
    )
    shutdown_seconds: float = attrs.field(
        default=5.0,
        metadata=_operating(
            SecondsOrZero(),
            help="How long the last delivery may take once told to stop.",
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
            help="What aggregates: auto is native where that is installed.",
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
            help="Least level of what is logged.",
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
            "Sees each metric line as a Sample; what it returns is aggregated, and"
            " None drops it. Every line is parsed then, which costs speed."
        ),
    )
    on_rejected: Callable[[ParseError, bytes, Origin], None] | None = attrs.field(
        default=None,
        metadata=for_programs(
            "Sees each line that is rejected when it is read: the ParseError,"
            " the line and where it came from. A bad number may be found later, and is"
            " then counted only."
        ),
    )
    on_event: Callable[[Event | ServiceCheck], None] | None = attrs.field(
        default=None,
        metadata=for_programs("Sees each event and service check."),
    )

    def __attrs_post_init__(self) -> None:
        if self.spool_max_bytes and not self.spool_path:
            # As attrs advises for a frozen class.
            object.__setattr__(self, "spool_path", find_state_folder())


# From the metadata, so that nothing is said twice.
Config.__doc__ = extend_docstring(Config.__doc__, attrs.fields(Config))
