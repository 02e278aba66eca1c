"""Open the destinations that a `Config` names, each with its sink and its queue."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Final

import attrs

from statsd_trio.config import Config, Secret
from statsd_trio.config.secret import strip_credentials
from statsd_trio.sinks.console import ConsoleSink
from statsd_trio.sinks.datadog.keys import ApiKey, KeySource
from statsd_trio.sinks.delivery.settings import DeliverySettings
from statsd_trio.sinks.jsonl import JsonLinesSink
from statsd_trio.sinks.sink import Destination
from statsd_trio.sinks.sink_caller import SinkCaller
from statsd_trio.sinks.sink_runner import SinkRunner

# The option, and the variable by which most people set it.
OTLP_CA_OPTION: Final = "otlp_ca_file (OTEL_EXPORTER_OTLP_CERTIFICATE)"


def make_api_key(config: Config) -> ApiKey | None:
    """Return the main intake's key, which can be replaced; None if none is set."""
    return None if config.api_key is None else ApiKey(reveal_key(config.api_key))


def open_destinations(
    config: Config,
    wall_clock: Callable[[], float] = time.time,
    api_key: ApiKey | None = None,
    resources: ExitStack | None = None,
) -> list[Destination]:
    """Open every sink that *config* names.

    Args:
        config: the sinks, and their settings.
        wall_clock: returns unix seconds.
        api_key: the main intake's key, instead of the one in *config*.
        resources: closes what is opened here, if a destination never runs.

    Raises:
        OSError: if a file, or standard output, cannot be written to; the message names
            it.
    """
    openers: dict[str, Callable[[], Destination]] = {
        "console": lambda: _open_runner("console", ConsoleSink(), wall_clock),
        "datadog": lambda: _open_datadog(config, wall_clock, api_key, resources),
        "jsonl": lambda: _open_runner(
            "jsonl", JsonLinesSink(config.jsonl_path), wall_clock
        ),
        "otlp": lambda: _open_otlp(config, wall_clock, resources),
    }
    return [openers[name]() for name in config.sinks]


def _open_runner(
    name: str, sink: ConsoleSink | JsonLinesSink, wall_clock: Callable[[], float]
) -> Destination:
    sink.check()
    return SinkRunner(SinkCaller(name, sink, wall_clock=wall_clock))


def _open_datadog(
    config: Config,
    wall_clock: Callable[[], float],
    api_key: ApiKey | None,
    resources: ExitStack | None,
) -> Destination:
    # This imports for a third of a second, and is only needed to deliver to Datadog.
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
    # once for each key, even if the main intake or a key is named again.
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
        _make_settings(config, wall_clock),
        compression=config.compression,
        compression_level=config.compression_level,
        resources=resources,
    )


def _open_otlp(
    config: Config, wall_clock: Callable[[], float], resources: ExitStack | None
) -> Destination:
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
    conversion = OtlpSettings(
        temporality=Temporality(config.otlp_temporality),
        sends_aggregates=config.otlp_histograms == "aggregates",
        sends_events=config.otlp_events,
        resource=resource,
        max_series=config.max_contexts,
        expiry_seconds=config.counter_expiry_seconds + config.context_expiry_seconds,
        started=wall_clock(),
    )
    settings = attrs.evolve(
        _make_settings(config, wall_clock),
        request_timeout_seconds=config.otlp_timeout_seconds,
        ca_file=config.otlp_ca_file or config.ca_file,
        ca_option=OTLP_CA_OPTION if config.otlp_ca_file else "ca_file",
    )
    return open_otlp_destination(
        conversion,
        settings,
        url=config.otlp_endpoint.reveal(),
        metrics_url=_reveal(config.otlp_metrics_endpoint),
        logs_url=_reveal(config.otlp_logs_endpoint),
        metrics_headers=_reveal_all(config.otlp_metrics_headers or config.otlp_headers),
        logs_headers=_reveal_all(config.otlp_logs_headers or config.otlp_headers),
        compression=config.otlp_compression,
        resources=resources,
    )


def _make_settings(config: Config, wall_clock: Callable[[], float]) -> DeliverySettings:
    return DeliverySettings(
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


def _reveal_all(headers: Mapping[str, Secret]) -> dict[str, str]:
    return {name: text.reveal() for name, text in headers.items()}


def _reveal(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


def _read_text(key: Secret | KeySource | None) -> str | None:
    """Return the text of *key*; None if it must be asked for."""
    if isinstance(key, Secret):
        key = key.reveal()
    return key.strip() if isinstance(key, str) else None


def reveal_key(key: Secret | KeySource) -> KeySource:
    """Return the text of a `Secret`, or a callable as it is."""
    return key.reveal() if isinstance(key, Secret) else key
