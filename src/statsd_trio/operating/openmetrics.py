"""Render a ledger as OpenMetrics text, for Prometheus and similar systems."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, cast

from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)
from prometheus_client.openmetrics.exposition import (
    CONTENT_TYPE_LATEST as CONTENT_TYPE,
    generate_latest,  # pyright: ignore[reportUnknownVariableType]
)
from prometheus_client.registry import Collector

from statsd_trio.ledger import Ledger, ListenerLedger, SinkLedger

__all__ = ["CONTENT_TYPE", "render_openmetrics"]

# The library has no types for it.
_write: Final = cast("Callable[[CollectorRegistry], bytes]", generate_latest)

# One value, or pairs of the values of the labels and the value.
_Values = float | Iterable[tuple[str | tuple[str, ...], float]]

_LISTENER_COUNTS: Final = (
    ("packets", "counter", "Packets read."),
    ("bytes", "counter", "Bytes read."),
    ("truncated", "counter", "Packets longer than the buffer."),
    ("kernel_dropped", "counter", "Packets that the kernel dropped."),
    ("granted_buffer_bytes", "gauge", "Receive buffer that the kernel granted."),
    ("waits", "counter", "Times a reader waited for room in the queue."),
    ("longest_wait_seconds", "gauge", "Longest of these waits."),
    ("dropped_bytes", "counter", "Bytes of streams that did not become packets."),
    ("failures", "counter", "Times that a listener failed and tried again."),
)
_SINK_COUNTS: Final = (
    ("snapshotted", "counter", "Points passed to a sink."),
    ("delivered", "counter", "Points delivered."),
    ("pending", "gauge", "Points that wait in memory."),
    ("spooled", "gauge", "Points that wait on disk."),
    ("evicted", "counter", "Points dropped for lack of room."),
    ("oversize", "counter", "Points too large to send."),
    ("abandoned", "counter", "Points not delivered when the server stopped."),
    ("spool_gone", "counter", "Points whose spool file was removed by somebody else."),
    ("switched_off", "counter", "Points of routes that a sink does not get."),
    ("resent", "counter", "Points sent again after a lost answer."),
)


def render_openmetrics(ledger: Ledger, *, is_ready: bool) -> bytes:
    """Return *ledger* as text, without values that the system does not know."""
    registry = CollectorRegistry()
    registry.register(_LedgerCollector(ledger, is_ready=is_ready))
    return _write(registry)


class _LedgerCollector(Collector):
    """Makes the metric families of one ledger when the library asks for them."""

    def __init__(self, ledger: Ledger, *, is_ready: bool) -> None:
        self._ledger = ledger
        self._is_ready = is_ready

    def collect(self) -> Iterator[Metric]:
        """Yield the families that have a sample."""
        help_text = "1 if the server is ready, else 0."
        ready = _gauge("ready", help_text, self._is_ready)
        for family in (ready, *_list_families(self._ledger)):
            if family.samples:
                yield family


def _list_families(ledger: Ledger) -> Iterator[Metric]:
    engine = [(ledger.engine, 1)]
    yield _gauge("engine", "1 for the engine that aggregates.", engine, "name")
    yield from _list_listener_families(ledger.listeners)
    queue, lines = ledger.queue, ledger.lines
    yield _gauge(
        "queue_capacity",
        "Packets that the queue of each listener holds.",
        queue.capacity,
    )
    yield _gauge("queue_used", "Packets in the fullest of these queues.", queue.used)
    yield _gauge("queue_peak", "Most packets ever in one of these queues.", queue.peak)
    yield _counter("queue_dropped", "Packets that a failure dropped.", queue.dropped)
    yield _counter("lines", "Lines read.", lines.read)
    accepted = [
        ("metric", lines.metrics),
        ("event", lines.events),
        ("service_check", lines.service_checks),
    ]
    yield _counter("lines_accepted", "Lines understood.", accepted, "kind")
    yield _counter(
        "lines_rejected", "Lines rejected.", lines.rejected.items(), "reason"
    )
    yield _counter("lines_filtered", "Lines on a filter list.", lines.filtered)
    yield _counter("lines_repaired", "Lines not in UTF-8, repaired.", lines.repaired)
    yield _counter(
        "hook_failures",
        "Times that a hook of the host program raised.",
        lines.hook_failures.items(),
        "hook",
    )
    samples, contexts = ledger.samples, ledger.contexts
    yield _counter("samples", "Values of metric lines.", samples.parsed)
    yield _counter("samples_aggregated", "Values aggregated.", samples.aggregated)
    yield _counter(
        "samples_dropped", "Values dropped.", samples.dropped.items(), "reason"
    )
    yield _gauge("contexts", "Different series at present.", contexts.current)
    yield _gauge("contexts_peak", "Most series ever at a time.", contexts.peak)
    yield _gauge(
        "memory_bytes", "Memory that aggregation takes.", ledger.memory.used_bytes
    )
    yield _gauge(
        "memory_limit_bytes", "Memory that it may take.", ledger.memory.limit_bytes
    )
    yield _counter("contexts_expired", "Series forgotten.", contexts.expired)
    yield _counter(
        "contexts_type_clashes",
        "Series whose name arrived with another type.",
        contexts.type_clashes,
    )
    yield from _list_sink_families(ledger.sinks)
    yield from _list_failure_families(ledger.sinks)


def _list_listener_families(listeners: tuple[ListenerLedger, ...]) -> Iterator[Metric]:
    for name, kind, help_text in _LISTENER_COUNTS:
        counts = [(each.name, getattr(each, name)) for each in listeners]
        known = [(listener, count) for listener, count in counts if count is not None]
        yield _make_family(kind, name, help_text, known, "listener")
    yield _gauge(
        "listener_failing",
        "1 while a listener fails, else 0.",
        [(each.name, bool(each.failure)) for each in listeners],
        "listener",
    )
    yield _count_refused(
        "listener_refused",
        "Connections, frames and packets refused.",
        listeners,
        ("listener", "reason"),
    )


def _list_sink_families(sinks: tuple[SinkLedger, ...]) -> Iterator[Metric]:
    for name, kind, help_text in _SINK_COUNTS:
        counts = [(sink.name, getattr(sink, name)) for sink in sinks]
        yield _make_family(kind, f"points_{name}", help_text, counts, "sink")
    yield _counter(
        "joined_tags",
        "Tags joined with another one of the same key.",
        [(sink.name, sink.joined_tags) for sink in sinks],
        "sink",
    )
    yield _count_refused(
        "points_refused", "Points that a sink refused.", sinks, ("sink", "status")
    )


def _count_refused(
    name: str,
    help_text: str,
    ledgers: tuple[ListenerLedger, ...] | tuple[SinkLedger, ...],
    labels: tuple[str, str],
) -> Metric:
    """Return the family of what each of *ledgers* refused, by the reason for it."""
    refused = [
        ((each.name, reason), count)
        for each in ledgers
        for reason, count in each.refused.items()
    ]
    return _counter(name, help_text, refused, *labels)


def _list_failure_families(sinks: tuple[SinkLedger, ...]) -> Iterator[Metric]:
    yield _gauge(
        "sink_failing_since_seconds",
        "Unix time since when a sink fails; 0 while it works.",
        [(sink.name, sink.failing_since or 0) for sink in sinks],
        "sink",
    )
    routes = [
        ((sink.name, route.name), route.failing_since or 0)
        for sink in sinks
        for route in sink.routes
    ]
    yield _gauge(
        "route_failing_since_seconds",
        "Unix time since when a route of an intake fails; 0 while it works.",
        routes,
        "sink",
        "route",
    )
    yield _gauge(
        "api_key_invalid",
        "1 if an intake does not know the API key, else 0.",
        [(sink.name, sink.api_key == "invalid") for sink in sinks if sink.api_key],
        "sink",
    )


def _gauge(name: str, help_text: str, values: _Values, *labels: str) -> Metric:
    return _make_family("gauge", name, help_text, values, *labels)


def _counter(name: str, help_text: str, values: _Values, *labels: str) -> Metric:
    return _make_family("counter", name, help_text, values, *labels)


def _make_family(
    kind: str, name: str, help_text: str, values: _Values, *labels: str
) -> Metric:
    make = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
    family = make(f"statsd_trio_{name}", help_text, labels=labels)
    samples = [((), values)] if isinstance(values, int | float) else values
    for key, value in samples:
        family.add_metric((key,) if isinstance(key, str) else key, value)
    return family
