"""Encode a snapshot as payloads for Datadog, in small steps."""

from collections.abc import Collection, Iterator
from typing import Final

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.sinks.datadog.items import (
    encode_event,
    encode_series,
    encode_service_check,
    encode_sketch,
)
from statsd_trio.sinks.datadog.payload_builder import Limits, PayloadBuilder
from statsd_trio.sinks.datadog.routes import DatadogRoute
from statsd_trio.sinks.delivery.compression import DEFAULT_ZSTD_LEVEL, IDENTITY
from statsd_trio.sinks.delivery.payload import Route, Step

# Source: datadog-agent, pkg/config/setup/common_settings.go,
# serializer_max_series_payload_size and the settings next to it.
SERIES_LIMITS: Final = Limits(512_000, 5_242_880, 10_000)
OTHER_LIMITS: Final = Limits(2_621_440, 4_194_304)


def build_payloads(
    snapshot: Snapshot,
    encoding: str,
    *,
    routes: Collection[Route] = tuple(DatadogRoute),
    zstd_level: int = DEFAULT_ZSTD_LEVEL,
    series_limits: Limits = SERIES_LIMITS,
    other_limits: Limits = OTHER_LIMITS,
) -> Iterator[Step]:
    """Encode *snapshot*; each step of the iterator does a small part.

    The most important data come first: series, sketches, service checks, events.

    Each event is one request without compression: the documentation of their public
    route does not mention Content-Encoding, and an event is small.

    Args:
        snapshot: the snapshot to encode.
        encoding: one of `compression.ENCODINGS`.
        routes: the routes to encode for; data for other routes are left out.
        zstd_level: the level, if the encoding is ``zstd``.
        series_limits: the limits for series.
        other_limits: the limits for sketches, events and service checks.
    """
    metrics = (
        (
            DatadogRoute.SERIES,
            series_limits,
            b"",
            (
                (one.name, len(one.points), encode_series(one))
                for one in snapshot.series
            ),
        ),
        (
            DatadogRoute.SKETCHES,
            other_limits,
            # The Agent sends this second field of the payload too, although it is
            # empty.
            b"\x12\x00",
            (
                (one.name, len(one.points), encode_sketch(one))
                for one in snapshot.sketches
            ),
        ),
    )
    for route, limits, end, items in metrics:
        if route not in routes:
            continue
        builder = PayloadBuilder(
            route, encoding, limits, zstd_level=zstd_level, end=end
        )
        for name, points, parts in items:
            yield from builder.add_item(name, points, parts, is_field=True)
        yield from builder.close()
    if DatadogRoute.SERVICE_CHECKS in routes:
        builder = PayloadBuilder(
            DatadogRoute.SERVICE_CHECKS,
            encoding,
            other_limits,
            zstd_level=zstd_level,
            start=b"[",
            separator=b",",
            end=b"]",
        )
        for check in snapshot.service_checks:
            yield from builder.add_item(check.name, 1, encode_service_check(check))
        yield from builder.close()
    if DatadogRoute.EVENTS in routes:
        for event in snapshot.events:
            builder = PayloadBuilder(DatadogRoute.EVENTS, IDENTITY, other_limits)
            yield from builder.add_item(event.title, 1, encode_event(event))
            yield from builder.close()
