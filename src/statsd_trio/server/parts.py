"""A `Config` in, the parts of a server out: the only place that spreads it."""

import time
from collections.abc import Callable
from socket import SOCK_DGRAM, SOCK_STREAM
from typing import Final

from statsd_trio.aggregation.settings import AggregationSettings, parse_percentiles
from statsd_trio.config import Config, Secret
from statsd_trio.config.option_types.addresses import ROUTE_NAMES
from statsd_trio.config.secret import strip_credentials
from statsd_trio.rules import (
    FilterList,
    Mapper,
    Namespace,
    Rules,
    TagFilter,
    select_generated,
)
from statsd_trio.sinks.console import ConsoleSink
from statsd_trio.sinks.datadog.keys import ApiKey, KeySource
from statsd_trio.sinks.jsonl import JsonLinesSink
from statsd_trio.sinks.outlet import Outlet
from statsd_trio.sinks.sink import Destination
from statsd_trio.transports.descriptors import fit_connections
from statsd_trio.transports.forward import Forwarder, open_forwarder
from statsd_trio.transports.inherited import find_bound, open_inherited
from statsd_trio.transports.listener import Listener
from statsd_trio.transports.pipe import bind_pipe
from statsd_trio.transports.receiving import NativeReceive
from statsd_trio.transports.tcp import bind_tcp
from statsd_trio.transports.udp import bind_udp
from statsd_trio.transports.unix import bind_unix_datagram, bind_unix_stream

# Files that may be open beside connections and requests: the spool's, those of who
# looks at the views, those that Python opens itself.
_OTHER_DESCRIPTORS: Final = 64


def make_aggregation_settings(config: Config, rules: Rules) -> AggregationSettings:
    """Pick what aggregation needs."""
    return AggregationSettings(
        interval_seconds=config.interval_seconds,
        hostname=config.hostname,
        tags=config.tags,
        counter_type=config.counter_type,
        counter_expiry_seconds=config.counter_expiry_seconds,
        context_expiry_seconds=config.context_expiry_seconds,
        max_contexts=config.max_contexts,
        max_memory_bytes=config.max_memory_bytes,
        histogram_aggregates=config.histogram_aggregates,
        histogram_percentiles=config.histogram_percentiles,
        histogram_copy_to_distribution=config.histogram_copy_to_distribution,
        histogram_copy_to_distribution_prefix=(
            config.histogram_copy_to_distribution_prefix
        ),
        keeps_histogram_values=(
            "otlp" in config.sinks and config.otlp_histograms == "exponential"
        ),
        is_blocked=make_series_filter(config, rules),
    )


def make_series_filter(config: Config, rules: Rules) -> Callable[[str], bool] | None:
    """Make what tells which generated series are not wanted; None if all are."""
    if not config.metric_filterlist:
        return None
    return lambda name: not rules.keeps_series(name)


def make_rules(config: Config) -> Rules:
    """Make the rules that each new metric passes."""
    match_prefix = config.metric_filterlist_match_prefix
    generated = select_generated(
        config.metric_filterlist,
        config.histogram_aggregates,
        parse_percentiles(config.histogram_percentiles),
        match_prefix=match_prefix,
    )
    return Rules(
        mapper=Mapper(config.mapper_profiles, cache_size=config.mapper_cache_size),
        namespace=Namespace(config.namespace, config.namespace_exclude),
        filterlist=FilterList(config.metric_filterlist, match_prefix=match_prefix),
        generated_filterlist=FilterList(generated, match_prefix=match_prefix),
        tag_filter=TagFilter(config.metric_tag_filterlist),
    )


def find_rule_warnings(config: Config) -> tuple[str, ...]:
    """Return what an operator should know of the rules in *config*, a line each."""
    return make_rules(config).warnings


def make_api_key(config: Config) -> ApiKey | None:
    """Make the main intake's key, which can be replaced; None if none is set."""
    return None if config.api_key is None else ApiKey(reveal_key(config.api_key))


def open_destinations(
    config: Config,
    wall_clock: Callable[[], float] = time.time,
    api_key: ApiKey | None = None,
) -> list[Destination]:
    """Open every sink that *config* names.

    Args:
        config: which, and how.
        wall_clock: unix seconds.
        api_key: the main intake's, instead of the one in *config*.

    Raises:
        OSError: naming a file, or standard output, that cannot be written to.
    """
    openers: dict[str, Callable[[], Destination]] = {
        "console": lambda: _open_outlet("console", ConsoleSink(), wall_clock),
        "datadog": lambda: _open_datadog(config, wall_clock, api_key),
        "jsonl": lambda: _open_outlet(
            "jsonl", JsonLinesSink(config.jsonl_path), wall_clock
        ),
        "otlp": lambda: _open_otlp(config, wall_clock),
    }
    return [openers[name]() for name in config.sinks]


def _open_outlet(
    name: str, sink: ConsoleSink | JsonLinesSink, wall_clock: Callable[[], float]
) -> Destination:
    sink.check()
    return Outlet(name, sink, wall_clock=wall_clock)


def _open_datadog(
    config: Config, wall_clock: Callable[[], float], api_key: ApiKey | None
) -> Destination:
    # A third of a second of imports, for those alone who deliver to Datadog.
    from statsd_trio.sinks.datadog.opening import (  # noqa: PLC0415
        Account,
        open_datadog_destination,
    )
    from statsd_trio.sinks.datadog.routes import DatadogRoute  # noqa: PLC0415 - as above

    def to_routes(names: tuple[str, ...]) -> tuple[DatadogRoute, ...]:
        return tuple(route for route in DatadogRoute if route.word in names)

    url = f"https://api.{config.site}"
    if config.dd_url is not None:
        url = config.dd_url.reveal()
    accounts: list[Account] = []
    api_key = api_key or make_api_key(config)
    if api_key is not None:
        accounts.append(Account(url, api_key, to_routes(config.routes)))
    routes_of = {
        strip_credentials(other): to_routes(names)
        for other, names in config.additional_routes.items()
    }
    # Source: datadog-agent, pkg/config/utils/endpoints.go: an intake gets everything
    # once for each key, though the main one or a key may be named again.
    seen = {(url.rstrip("/"), _read_text(config.api_key))}
    for other, keys in config.additional_endpoints.items():
        routes = routes_of.get(strip_credentials(other), tuple(DatadogRoute))
        for key in keys:
            pair = (other.reveal().rstrip("/"), _read_text(key))
            if pair in seen:
                continue
            seen.add(pair)
            accounts.append(
                Account(other.reveal(), key.reveal(), routes, is_additional=True)
            )
    return open_datadog_destination(
        accounts,
        compression=config.compression,
        compression_level=config.compression_level,
        max_concurrent_requests=config.max_concurrent_requests,
        request_timeout_seconds=config.request_timeout_seconds,
        proxy=_reveal(config.proxy),
        proxy_http=_reveal(config.proxy_http),
        no_proxy=config.no_proxy,
        ca_file=config.ca_file,
        skip_ssl_validation=config.skip_ssl_validation,
        retry_queue_bytes=config.retry_queue_bytes,
        spool_path=config.spool_path,
        spool_max_bytes=config.spool_max_bytes,
        report_seconds=config.interval_seconds,
        wall_clock=wall_clock,
    )


def _open_otlp(config: Config, wall_clock: Callable[[], float]) -> Destination:
    # As above.
    from statsd_trio.sinks.otlp.opening import (  # noqa: PLC0415
        open_otlp_destination,
    )
    from statsd_trio.sinks.otlp.settings import (  # noqa: PLC0415
        OtlpSettings,
        Temporality,
    )

    resource = dict(config.otlp_resource_attributes)
    if config.otlp_service_name:
        resource["service.name"] = config.otlp_service_name
    settings = OtlpSettings(
        temporality=Temporality(config.otlp_temporality),
        sends_aggregates=config.otlp_histograms == "aggregates",
        sends_events=config.otlp_events,
        resource=resource,
        max_series=config.max_contexts,
        expiry_seconds=config.counter_expiry_seconds + config.context_expiry_seconds,
        started=wall_clock(),
    )
    return open_otlp_destination(
        settings,
        url=config.otlp_endpoint.reveal(),
        metrics_url=_reveal(config.otlp_metrics_endpoint),
        logs_url=_reveal(config.otlp_logs_endpoint),
        headers={name: text.reveal() for name, text in config.otlp_headers.items()},
        compression=config.otlp_compression,
        max_concurrent_requests=config.max_concurrent_requests,
        request_timeout_seconds=config.otlp_timeout_seconds,
        proxy=_reveal(config.proxy),
        proxy_http=_reveal(config.proxy_http),
        no_proxy=config.no_proxy,
        ca_file=config.otlp_ca_file or config.ca_file,
        skip_ssl_validation=config.skip_ssl_validation,
        retry_queue_bytes=config.retry_queue_bytes,
        spool_path=config.spool_path,
        spool_max_bytes=config.spool_max_bytes,
        report_seconds=config.interval_seconds,
        wall_clock=wall_clock,
    )


def _reveal(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


def _read_text(key: Secret | KeySource | None) -> str | None:
    """Return the text of *key*; None for one that has to be asked for."""
    if isinstance(key, Secret):
        key = key.reveal()
    return key.strip() if isinstance(key, str) else None


def reveal_key(key: Secret | KeySource) -> KeySource:
    """Take the text out of a `Secret`; a callable stays one."""
    return key.reveal() if isinstance(key, Secret) else key


async def bind_listeners(
    config: Config, native_receive: NativeReceive | None = None
) -> list[Listener]:
    """Bind every address that *config* names.

    Args:
        config: which addresses, and how to read them.
        native_receive: reads many datagrams at once; None to read one by one.

    Raises:
        OSError: naming the address; what was bound before is closed.
    """
    listeners: list[Listener] = []
    try:
        await _bind_each(config, native_receive, listeners)
        keys = 1 + sum(len(keys) for keys in config.additional_endpoints.values())
        # One for each route beyond the shared ones, and one for the key's check.
        connections = config.max_concurrent_requests + len(ROUTE_NAMES)
        # The same, at most, for OTLP.
        accounts = keys + ("otlp" in config.sinks)
        fit_connections(listeners, _OTHER_DESCRIPTORS + accounts * connections)
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


async def open_forward(config: Config) -> Forwarder | None:
    """Open what every packet is sent on through; None if that was not asked for."""
    if config.forward_host is None or config.forward_port is None:
        return None
    return await open_forwarder(config.forward_host, config.forward_port)


async def _bind_each(
    config: Config, native_receive: NativeReceive | None, listeners: list[Listener]
) -> None:
    """Add what is bound to *listeners*, where the caller finds it if the next fails.

    A port or a path that one of the sockets handed in is bound to is that socket.
    """
    handed_in = find_bound(config.sockets)
    if config.port is not None and (SOCK_DGRAM, config.port) not in handed_in:
        listeners += await bind_udp(
            config.host,
            config.port,
            buffer_size=config.buffer_size,
            receive_buffer_bytes=config.so_rcvbuf,
            max_rest_seconds=config.max_rest_seconds,
            native_receive=native_receive,
            non_local_traffic=config.non_local_traffic,
        )
    path = config.socket_path
    if path is not None and (SOCK_DGRAM, path) not in handed_in:
        listeners.append(
            bind_unix_datagram(
                path,
                buffer_size=config.buffer_size,
                max_rest_seconds=config.max_rest_seconds,
                native_receive=native_receive,
                detects_containers=config.origin_detection,
            )
        )
    path = config.stream_socket_path
    if path is not None and (SOCK_STREAM, path) not in handed_in:
        listeners.append(
            bind_unix_stream(
                path,
                buffer_size=config.buffer_size,
                max_connections=config.max_connections,
                frame_timeout_seconds=config.frame_timeout_seconds,
                detects_containers=config.origin_detection,
            )
        )
    if config.tcp_port is not None and (SOCK_STREAM, config.tcp_port) not in handed_in:
        listeners += await bind_tcp(
            config.host,
            config.tcp_port,
            buffer_size=config.buffer_size,
            max_connections=config.max_connections,
            frame_timeout_seconds=config.frame_timeout_seconds,
            non_local_traffic=config.non_local_traffic,
        )
    if config.pipe_name is not None:
        listeners.append(
            bind_pipe(
                config.pipe_name,
                buffer_size=config.buffer_size,
                max_connections=config.max_connections,
                frame_timeout_seconds=config.frame_timeout_seconds,
            )
        )
    for sock in config.sockets:
        listeners.append(
            open_inherited(
                sock,
                buffer_size=config.buffer_size,
                receive_buffer_bytes=config.so_rcvbuf,
                max_rest_seconds=config.max_rest_seconds,
                native_receive=native_receive,
                max_connections=config.max_connections,
                frame_timeout_seconds=config.frame_timeout_seconds,
                detects_containers=config.origin_detection,
            )
        )
