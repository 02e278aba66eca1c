"""A ledger in; OpenMetrics text, for Prometheus and its like, out.

Source: the OpenMetrics specification, 1.0.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from statsd_trio.ledger import Ledger, ListenerLedger, SinkLedger

CONTENT_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_Labels = tuple[tuple[str, str], ...]


class _Family(NamedTuple):
    name: str
    type: str
    help: str
    samples: list[tuple[_Labels, float]]


def render_openmetrics(ledger: Ledger, *, is_ready: bool) -> str:
    """Write *ledger*; what the system cannot tell is left out."""
    lines: list[str] = []
    ready = _gauge("ready", "1 if the server does its work, else 0.", is_ready)
    engine = _Family(
        "engine",
        "gauge",
        "1 for the engine that aggregates.",
        [((("name", ledger.engine),), 1)],
    )
    for family in (ready, engine, *_list_families(ledger)):
        if not family.samples:
            continue
        name = f"statsd_trio_{family.name}"
        lines.append(f"# TYPE {name} {family.type}")
        lines.append(f"# HELP {name} {family.help}")
        suffix = "_total" if family.type == "counter" else ""
        lines += [
            f"{name}{suffix}{_render_labels(labels)} {value:.17g}"
            for labels, value in family.samples
        ]
    return "\n".join([*lines, "# EOF", ""])


def _list_families(ledger: Ledger) -> Iterator[_Family]:
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
    yield _Family(
        "lines_accepted",
        "counter",
        "Lines understood.",
        [
            ((("kind", "metric"),), lines.metrics),
            ((("kind", "event"),), lines.events),
            ((("kind", "service_check"),), lines.service_checks),
        ],
    )
    yield _Family(
        "lines_rejected",
        "counter",
        "Lines rejected.",
        [((("reason", reason),), count) for reason, count in lines.rejected.items()],
    )
    yield _counter("lines_filtered", "Lines on a filter list.", lines.filtered)
    yield _counter("lines_repaired", "Lines not in UTF-8, repaired.", lines.repaired)
    yield _Family(
        "hook_failures",
        "counter",
        "Times that a hook of the host program raised.",
        [((("hook", hook),), count) for hook, count in lines.hook_failures.items()],
    )
    samples, contexts = ledger.samples, ledger.contexts
    yield _counter("samples", "Values of metric lines.", samples.parsed)
    yield _counter("samples_aggregated", "Values aggregated.", samples.aggregated)
    yield _Family(
        "samples_dropped",
        "counter",
        "Values dropped.",
        [((("reason", reason),), count) for reason, count in samples.dropped.items()],
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
        "Series whose name came with another type.",
        contexts.type_clashes,
    )
    yield from _list_sink_families(ledger.sinks)
    yield from _list_failure_families(ledger.sinks)


def _list_listener_families(
    listeners: tuple[ListenerLedger, ...],
) -> Iterator[_Family]:
    for name, metric_type, help_text in (
        ("packets", "counter", "Packets read."),
        ("bytes", "counter", "Bytes read."),
        ("truncated", "counter", "Packets longer than the buffer."),
        ("kernel_dropped", "counter", "Packets that the kernel dropped."),
        ("granted_buffer_bytes", "gauge", "Receive buffer that the kernel granted."),
        ("waits", "counter", "Times a reader waited for room in the queue."),
        ("longest_wait_seconds", "gauge", "Longest of these waits."),
        ("dropped_bytes", "counter", "Bytes of streams that became no packet."),
        ("failures", "counter", "Times that a listener failed and tried again."),
    ):
        yield _Family(
            name,
            metric_type,
            help_text,
            [
                ((("listener", listener.name),), value)
                for listener in listeners
                if (value := getattr(listener, name)) is not None
            ],
        )
    yield _Family(
        "listener_failing",
        "gauge",
        "1 while a listener fails, else 0.",
        [
            ((("listener", listener.name),), bool(listener.failure))
            for listener in listeners
        ],
    )
    yield _Family(
        "listener_refused",
        "counter",
        "Connections, frames and packets refused.",
        [
            ((("listener", listener.name), ("reason", reason)), count)
            for listener in listeners
            for reason, count in listener.refused.items()
        ],
    )


def _list_sink_families(sinks: tuple[SinkLedger, ...]) -> Iterator[_Family]:
    for name, metric_type, help_text in (
        ("snapshotted", "counter", "Points handed to a sink."),
        ("delivered", "counter", "Points delivered."),
        ("pending", "gauge", "Points that wait in memory."),
        ("spooled", "gauge", "Points that wait on disk."),
        ("evicted", "counter", "Points dropped for lack of room."),
        ("oversize", "counter", "Points too large to send."),
        ("abandoned", "counter", "Points given up at a stop."),
        ("spool_gone", "counter", "Points whose file left the spool otherwise."),
        ("switched_off", "counter", "Points of routes that a sink does not get."),
        ("resent", "counter", "Points sent again after a lost answer."),
    ):
        yield _Family(
            f"points_{name}",
            metric_type,
            help_text,
            [((("sink", sink.name),), getattr(sink, name)) for sink in sinks],
        )
    yield _Family(
        "joined_tags",
        "counter",
        "Tags joined with another one of the same key.",
        [((("sink", sink.name),), sink.joined_tags) for sink in sinks],
    )
    yield _Family(
        "points_refused",
        "counter",
        "Points that a sink refused.",
        [
            ((("sink", sink.name), ("status", status)), count)
            for sink in sinks
            for status, count in sink.refused.items()
        ],
    )


def _list_failure_families(sinks: tuple[SinkLedger, ...]) -> Iterator[_Family]:
    yield _Family(
        "sink_failing_since_seconds",
        "gauge",
        "Unix time since when a sink fails; 0 while it works.",
        [((("sink", sink.name),), sink.failing_since or 0) for sink in sinks],
    )
    yield _Family(
        "route_failing_since_seconds",
        "gauge",
        "Unix time since when a route of an intake fails; 0 while it works.",
        [
            ((("sink", sink.name), ("route", route.name)), route.failing_since or 0)
            for sink in sinks
            for route in sink.routes
        ],
    )
    yield _Family(
        "api_key_invalid",
        "gauge",
        "1 if an intake does not know the API key, else 0.",
        [
            ((("sink", sink.name),), sink.api_key == "invalid")
            for sink in sinks
            if sink.api_key
        ],
    )


def _gauge(name: str, help_text: str, value: float) -> _Family:
    return _Family(name, "gauge", help_text, [((), value)])


def _counter(name: str, help_text: str, value: float) -> _Family:
    return _Family(name, "counter", help_text, [((), value)])


def _render_labels(labels: _Labels) -> str:
    if not labels:
        return ""
    pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in labels)
    return f"{{{pairs}}}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
