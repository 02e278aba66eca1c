"""What every field of `Config` means, and what it is called elsewhere.

The environment, the files, the flags, ``config show``, the JSON Schema and the page
of the documentation are all made from this one table.
"""

from typing import Final

import attrs

from statsd_trio.config import kinds, places, tables
from statsd_trio.config.kinds import Kind

PREFIX: Final = "STATSD_TRIO_"
AGENT_PREFIX: Final = "DD_"

# Where a file is, if no path is given.
FILE_VARIABLE: Final = "STATSD_TRIO_CONFIG"

# Variables that begin with the prefix and are no options: the file, how to build the
# package, and which engine runs.
OTHER_VARIABLES: Final = (
    FILE_VARIABLE,
    "STATSD_TRIO_BUILD_NATIVE",
    "STATSD_TRIO_ENGINE",
)


def _find_agent_key(alias: "Alias") -> str | None:
    """Return the Agent's key for a variable, which is ``DD_`` and the key in capitals.

    Source: datadog-agent, pkg/config/setup/common_settings.go.
    """
    if not alias.variable.startswith(AGENT_PREFIX):
        return None
    return alias.variable.removeprefix(AGENT_PREFIX).lower()


@attrs.frozen
class Alias:
    """A name that an option has outside of Python.

    Attributes:
        variable: the environment variable.
        key: its key in a ``datadog.yaml``, where a dot stands for a table; None if
            there is none.
        tag: the name of the tag whose value is given, where the option is a list of
            tags.
        counts_if_empty: whether an empty variable replaces what an earlier source
            says, or is as good as absent.
    """

    variable: str
    key: str | None = attrs.field(
        default=attrs.Factory(_find_agent_key, takes_self=True), kw_only=True
    )
    tag: str | None = attrs.field(default=None, kw_only=True)
    counts_if_empty: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class Option:
    """One field of `Config`.

    Attributes:
        help: one or two sentences for a flag's help and for the page.
        in_python: the same for a program, where it differs.
        aliases: its names outside of Python; the first that is set wins.
        flag: its name on the command line, without dashes.
        adds_up: all of the aliases count rather than the first.
        is_live: a running server takes a new value when it reloads.
    """

    name: str
    kind: Kind
    help: str
    in_python: str = attrs.field(default="", kw_only=True)
    aliases: tuple[Alias, ...] = attrs.field(kw_only=True)
    flag: str = attrs.field(kw_only=True)
    adds_up: bool = attrs.field(default=False, kw_only=True)
    is_live: bool = attrs.field(default=False, kw_only=True)

    @property
    def environ(self) -> tuple[str, ...]:
        """The names of its environment variables."""
        return tuple(alias.variable for alias in self.aliases)

    @property
    def keys(self) -> tuple[str, ...]:
        """Its keys in a ``datadog.yaml``."""
        return tuple(alias.key for alias in self.aliases if alias.key is not None)


@attrs.frozen
class Group:
    """Fields that belong together, under one heading."""

    title: str
    options: tuple[Option, ...]


def _option(
    name: str,
    kind: Kind,
    *aliases: str | Alias,
    help: str,  # noqa: A002 - the word for it, as in click
    in_python: str = "",
    flag: str | None = None,
    adds_up: bool = False,
    is_live: bool = False,
) -> Option:
    return Option(
        name,
        kind,
        help,
        in_python=in_python,
        aliases=tuple(
            Alias(alias) if isinstance(alias, str) else alias
            for alias in aliases or (PREFIX + name.upper(),)
        ),
        flag=flag or name.replace("_", "-"),
        adds_up=adds_up,
        is_live=is_live,
    )


GROUPS: Final = (
    Group(
        "Listening",
        (
            _option(
                "use_dogstatsd",
                kinds.FACT,
                "DD_USE_DOGSTATSD",
                help="Without it `serve` binds nothing, says so and ends with 0.",
                in_python="Without it serve binds nothing and raises ConfigError.",
            ),
            _option(
                "host",
                kinds.FILLED_TEXT,
                "DD_BIND_HOST",
                help="Name or address to listen on; all that it resolves to. 0.0.0.0"
                " and :: both stand for every address of both families.",
            ),
            _option(
                "non_local_traffic",
                kinds.FACT,
                "DD_DOGSTATSD_NON_LOCAL_TRAFFIC",
                help="Listen on every address of the machine instead of the host.",
            ),
            _option(
                "port",
                kinds.PORT,
                "DD_DOGSTATSD_PORT",
                help="UDP port; 0 turns UDP off, __random__ takes any free port.",
                in_python="UDP port; 0 takes any free port, None turns UDP off.",
            ),
            _option(
                "socket_path",
                kinds.PATH,
                "DD_DOGSTATSD_SOCKET",
                help="Unix datagram socket to make.",
            ),
            _option(
                "stream_socket_path",
                kinds.PATH,
                "DD_DOGSTATSD_STREAM_SOCKET",
                help="Unix stream socket to make.",
            ),
            _option(
                "tcp_port",
                kinds.PORT,
                "DD_DOGSTATSD_TCP_PORT",
                help="TCP port for lines that end in a newline.",
                in_python="TCP port for lines that end in a newline; 0 takes any free"
                " port.",
            ),
            _option(
                "pipe_name",
                kinds.PATH,
                "DD_DOGSTATSD_WINDOWS_PIPE_NAME",
                "DD_DOGSTATSD_PIPE_NAME",
                help="Named pipe: a name on Windows, a FIFO's path elsewhere.",
            ),
            _option(
                "origin_detection",
                kinds.FACT,
                "DD_DOGSTATSD_ORIGIN_DETECTION",
                help="Ask Unix sockets for the sender's process.",
            ),
            _option(
                "forward_host",
                kinds.OPTIONAL_TEXT,
                "DD_STATSD_FORWARD_HOST",
                help="Host to which each packet is sent on as it came.",
            ),
            _option(
                "forward_port",
                kinds.PORT,
                "DD_STATSD_FORWARD_PORT",
                help="UDP port of that host.",
            ),
        ),
    ),
    Group(
        "Buffers and limits",
        (
            _option(
                "buffer_size",
                kinds.size(),
                "DD_DOGSTATSD_BUFFER_SIZE",
                help="Longest packet; what a sender has beyond it is cut off.",
            ),
            _option(
                "queue_size",
                kinds.whole(0),
                "DD_DOGSTATSD_QUEUE_SIZE",
                help="Packets of each listener that may wait for the processor.",
            ),
            _option(
                "so_rcvbuf",
                kinds.size(),
                "DD_DOGSTATSD_SO_RCVBUF",
                help="Receive buffer asked of the kernel for each socket.",
            ),
            _option(
                "max_rest_seconds",
                kinds.SECONDS_OR_ZERO,
                help="How long a busy datagram reader may rest, to read many at once.",
            ),
            _option(
                "max_connections",
                kinds.whole(),
                help="Connections of a stream listener; the longest idle one yields.",
            ),
            _option(
                "frame_timeout_seconds",
                kinds.SECONDS,
                help="How long a stream's sender may take over one frame.",
            ),
            _option(
                "max_contexts",
                kinds.whole(),
                help="Different series at a time; beyond it new ones are refused.",
            ),
            _option(
                "max_memory_bytes",
                kinds.size(1024 * 1024),
                help=(
                    "Memory for series, strings of sets and values; beyond it new ones "
                    "are dropped."
                ),
            ),
        ),
    ),
    Group(
        "Lines",
        (
            _option(
                "eol_required",
                kinds.choices("udp", "uds", "named_pipe"),
                "DD_DOGSTATSD_EOL_REQUIRED",
                help="Transports on which a last line without newline is refused.",
            ),
            _option(
                "no_aggregation_pipeline",
                kinds.FACT,
                "DD_DOGSTATSD_NO_AGGREGATION_PIPELINE",
                help="Pass samples that carry a timestamp on as they are.",
            ),
        ),
    ),
    Group(
        "Names and tags",
        (
            _option(
                "tags",
                kinds.STRINGS,
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
            _option(
                "hostname",
                kinds.TEXT,
                "DD_HOSTNAME",
                help="Host of every metric, event and check that names none; by default"
                " the name of the system.",
            ),
            _option(
                "namespace",
                kinds.TEXT,
                "DD_STATSD_METRIC_NAMESPACE",
                help="Prefix for the names of all metrics.",
                is_live=True,
            ),
            _option(
                "namespace_exclude",
                kinds.STRINGS,
                "DD_STATSD_METRIC_NAMESPACE_BLACKLIST",
                "DD_STATSD_METRIC_NAMESPACE_BLOCKLIST",
                help="Starts of names that get no prefix.",
                is_live=True,
            ),
            _option(
                "mapper_profiles",
                tables.PROFILES,
                "DD_DOGSTATSD_MAPPER_PROFILES",
                help="Patterns that make tags of parts of names.",
                is_live=True,
            ),
            _option(
                "mapper_cache_size",
                kinds.whole(0),
                "DD_DOGSTATSD_MAPPER_CACHE_SIZE",
                help="Names for which the mapper remembers its answer.",
                is_live=True,
            ),
            _option(
                "metric_filterlist",
                kinds.STRINGS,
                "DD_METRIC_FILTERLIST",
                "DD_STATSD_METRIC_BLOCKLIST",
                help="Names of metrics to drop; an entry that ends in * is the start of"
                " names.",
                is_live=True,
            ),
            _option(
                "metric_filterlist_match_prefix",
                kinds.FACT,
                "DD_METRIC_FILTERLIST_MATCH_PREFIX",
                "DD_STATSD_METRIC_BLOCKLIST_MATCH_PREFIX",
                help="Take that list for starts of names.",
                is_live=True,
            ),
            _option(
                "metric_tag_filterlist",
                tables.TAG_FILTERS,
                "DD_METRIC_TAG_FILTERLIST",
                help="Tags to drop from, or keep on, single counters and"
                " distributions.",
                is_live=True,
            ),
        ),
    ),
    Group(
        "Aggregation",
        (
            _option(
                "interval_seconds",
                kinds.WHOLE_SECONDS,
                help="Width of a bucket, and time from flush to flush.",
            ),
            _option(
                "histogram_aggregates",
                kinds.choices("min", "max", "median", "avg", "sum", "count"),
                "DD_HISTOGRAM_AGGREGATES",
                help="Series that are made of each histogram and timer.",
            ),
            _option(
                "histogram_percentiles",
                tables.PERCENTILES,
                "DD_HISTOGRAM_PERCENTILES",
                help="Percentiles that are made of each histogram and timer.",
            ),
            _option(
                "histogram_copy_to_distribution",
                kinds.FACT,
                "DD_HISTOGRAM_COPY_TO_DISTRIBUTION",
                help="Make a distribution of each histogram and timer as well.",
            ),
            _option(
                "histogram_copy_to_distribution_prefix",
                kinds.TEXT,
                "DD_HISTOGRAM_COPY_TO_DISTRIBUTION_PREFIX",
                help="Prefix for the names of these distributions.",
            ),
            _option(
                "counter_type",
                kinds.choice("rate", "count"),
                help="Send counters per second, as the Agent, or as counts.",
            ),
            _option(
                "counter_expiry_seconds",
                kinds.SECONDS_OR_ZERO,
                "DD_DOGSTATSD_EXPIRY_SECONDS",
                help="How long a counter that is quiet reports zero.",
            ),
            _option(
                "context_expiry_seconds",
                kinds.SECONDS_OR_ZERO,
                "DD_DOGSTATSD_CONTEXT_EXPIRY_SECONDS",
                help="How long a series that is quiet is remembered.",
            ),
        ),
    ),
    Group(
        "Delivery",
        (
            _option(
                "sinks",
                kinds.choices("datadog", "console", "jsonl", none="none"),
                help="Where to deliver; none is for nowhere.",
                in_python="Where to deliver; () is for nowhere. Sinks that are handed"
                " to serve take the place of these.",
                flag="sink",
            ),
            _option(
                "jsonl_path",
                kinds.PATH,
                help="File of the jsonl sink; standard output by default.",
            ),
            _option(
                "api_key",
                places.SECRET,
                "DD_API_KEY",
                help="Datadog API key; better in the environment than in a flag.",
                in_python="Datadog API key, or an async callable that returns it.",
                is_live=True,
            ),
            _option(
                "site", places.SITE, "DD_SITE", help="Datadog site of the account."
            ),
            _option(
                "dd_url",
                places.URL,
                "DD_DD_URL",
                Alias("DD_URL", key=None),
                help="Base URL of the intake, instead of the site's.",
            ),
            _option(
                "additional_endpoints",
                places.ENDPOINTS,
                "DD_ADDITIONAL_ENDPOINTS",
                help="More intakes to send everything to, each with its keys.",
            ),
            _option(
                "routes",
                places.ROUTES,
                help="What to send to the main intake; an engine that stands in for"
                " Datadog may not take all of it.",
                flag="route",
            ),
            _option(
                "additional_routes",
                places.ROUTES_OF_ENDPOINTS,
                help="What to send to the additional endpoints that do not take all"
                " of it.",
            ),
            _option(
                "compression",
                kinds.choice("zstd", "zlib", "gzip", "none"),
                "DD_SERIALIZER_COMPRESSOR_KIND",
                help="How payloads are compressed.",
            ),
            _option(
                "compression_level",
                kinds.whole(1, 22),
                "DD_SERIALIZER_ZSTD_COMPRESSOR_LEVEL",
                help="Level of zstd. Above 9 it counts as 9: more would hold up the"
                " reading of packets and save next to nothing.",
            ),
            _option(
                "max_concurrent_requests",
                kinds.whole(),
                "DD_FORWARDER_MAX_CONCURRENT_REQUESTS",
                help="Requests under way at a time, for each intake and key; each route"
                " may have one beyond it.",
            ),
            _option(
                "request_timeout_seconds",
                kinds.SECONDS,
                "DD_FORWARDER_TIMEOUT",
                help="How long one request may take.",
            ),
            _option(
                "proxy",
                places.PROXY,
                Alias("DD_PROXY_HTTPS", key="proxy.https", counts_if_empty=True),
                "HTTPS_PROXY",
                "https_proxy",
                help="Proxy on the way to intakes whose URL begins with https.",
            ),
            _option(
                "proxy_http",
                places.PROXY,
                Alias("DD_PROXY_HTTP", key="proxy.http", counts_if_empty=True),
                "HTTP_PROXY",
                "http_proxy",
                help="Proxy on the way to intakes whose URL begins with http.",
            ),
            _option(
                "no_proxy",
                places.HOSTS,
                Alias("DD_PROXY_NO_PROXY", key="proxy.no_proxy", counts_if_empty=True),
                "NO_PROXY",
                "no_proxy",
                help="Hosts that are reached without a proxy.",
            ),
            _option(
                "ca_file",
                kinds.PATH,
                help="Certificates to trust beside the system's.",
            ),
            _option(
                "skip_ssl_validation",
                kinds.FACT,
                "DD_SKIP_SSL_VALIDATION",
                help="Trust any certificate: anyone on the way can read the key.",
            ),
            _option(
                "retry_queue_bytes",
                kinds.size(),
                "DD_FORWARDER_RETRY_QUEUE_PAYLOADS_MAX_SIZE",
                help="Payloads kept in memory for another try; 0 for no retries.",
            ),
            _option(
                "spool_path",
                kinds.PATH,
                "DD_FORWARDER_STORAGE_PATH",
                help="Folder for payloads that memory has no room for; the platform's"
                " state folder by default, if spool_max_bytes is set.",
            ),
            _option(
                "spool_max_bytes",
                kinds.size(),
                "DD_FORWARDER_STORAGE_MAX_SIZE_IN_BYTES",
                help="Room in that folder; 0 spools nothing.",
            ),
        ),
    ),
    Group(
        "Operating",
        (
            _option(
                "self_metrics",
                kinds.FACT,
                help="Send the ledger as metrics, statsd_trio.*.",
            ),
            _option(
                "shutdown_seconds",
                kinds.SECONDS_OR_ZERO,
                help="How long the last delivery may take once told to stop.",
            ),
            _option(
                "http",
                places.ADDRESS,
                help="Where to serve health, metrics and the ledger over HTTP.",
            ),
            _option(
                "engine",
                kinds.choice("auto", "plain", "native"),
                help="What aggregates: auto is native where that is installed.",
            ),
            _option(
                "log_level",
                kinds.choice(
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
            _option(
                "log_format",
                kinds.choice("text", "json"),
                help="How log lines are written.",
            ),
        ),
    ),
)

OPTIONS: Final = {option.name: option for group in GROUPS for option in group.options}

# What only a program can hand over.
PYTHON_ONLY: Final = {
    "sockets": "Sockets handed in, already bound.",
    "on_sample": "Sees each metric line as a Sample; what it returns is aggregated, and"
    " None drops it. Every line is parsed then, which costs speed.",
    "on_rejected": "Sees each line that is rejected when it is read: the ParseError,"
    " the line and where it came from. A bad number may be found later, and is then"
    " counted only.",
    "on_event": "Sees each event and service check.",
}
