"""Describe the ledger as the stages of a pipeline, with each loss at its stage."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from statsd_trio.errors import Reason
from statsd_trio.ledger import Ledger

_TEXTS: Final = {
    "kernel_dropped": (
        "dropped by the kernel, because its buffer was full: raise so_rcvbuf"
    ),
    "truncated": "longer than buffer_size, so their last line was cut",
    "dropped_bytes": "bytes of streams that did not become packets",
    "not_processed": "not processed, because a stage of the server failed",
    "queue_full": "refused by submit(), because the queue was full",
    "too_long": "refused by submit(), because they were longer than buffer_size",
    "stopped": "refused by submit(), because the server was stopping",
    "stop": "left unread when the server stopped",
    "events_dropped": "events and service checks beyond what one interval holds",
    "type_clash": "of a context that has another type in the same interval",
    "max_contexts": "of new contexts, because max_contexts is used up",
    "context_memory": "of new contexts, because max_memory_bytes is used up",
    "set_memory": "strings of sets, because max_memory_bytes is used up",
    "value_memory": "because max_memory_bytes is used up",
    "timestamp_unsupported": "with a timestamp, on a type that cannot have one",
    "hook_failed": "because the hook on_sample raised",
    "evicted": "points given up for newer ones, because the retry queue was full",
    "oversize": "points too large for any request",
    "abandoned": "points not delivered when the server stopped",
    "spool_gone": "points in spool files that are no longer there",
}


def describe_flow(
    ledger: Ledger, rates: Mapping[str, float], now: float
) -> dict[str, Any]:
    """Describe *ledger* as the stages of a pipeline.

    Args:
        ledger: the server's ledger.
        rates: how much arrived in the last second, by the id of a stage.
        now: unix seconds.
    """
    stages = [
        _describe_sockets(ledger),
        _describe_queue(ledger),
        _describe_lines(ledger),
        _describe_samples(ledger),
        _describe_contexts(ledger),
        _describe_sinks(ledger),
    ]
    for stage in stages:
        stage["per_second"] = rates.get(stage["id"], 0.0)
    lost = count_lost(stages)
    return {
        "now": now,
        "lost": lost,
        "good_news": lost == 0,
        "stages": stages,
        "ledger": attrs.asdict(ledger),
    }


def measure_stages(ledger: Ledger) -> dict[str, int]:
    """Return how much each stage has received, by its id."""
    return {
        "sockets": sum(each.packets for each in ledger.listeners),
        "queue": sum(each.packets for each in ledger.listeners),
        "lines": ledger.lines.read,
        "samples": ledger.samples.parsed,
        "contexts": ledger.contexts.current,
        "sinks": sum(sink.delivered for sink in ledger.sinks),
    }


def count_ledger_losses(ledger: Ledger) -> int:
    """Return how much was lost at all stages together."""
    return int(describe_flow(ledger, {}, 0.0)["lost"])


def count_lost(stages: Iterable[Mapping[str, Any]]) -> int:
    """Return the sum of the losses of all *stages*."""
    return sum(loss["count"] for stage in stages for loss in stage["losses"])


def _describe_sockets(ledger: Ledger) -> dict[str, Any]:
    listeners = ledger.listeners
    refused: dict[str, int] = dict.fromkeys(("queue_full", "too_long", "stopped"), 0)
    for listener in listeners:
        for reason, count in listener.refused.items():
            refused[reason] = refused.get(reason, 0) + count
    return _make_stage(
        "sockets",
        "Sockets",
        sum(listener.packets for listener in listeners),
        "packets",
        [
            {
                "name": listener.name,
                "count": listener.packets,
                "failure": listener.failure,
            }
            for listener in listeners
        ],
        [
            _make_loss(
                "kernel_dropped",
                sum(listener.kernel_dropped or 0 for listener in listeners),
                "packets",
            ),
            _make_loss(
                "truncated",
                sum(listener.truncated for listener in listeners),
                "packets",
            ),
            _make_loss(
                "dropped_bytes",
                sum(listener.dropped_bytes for listener in listeners),
                "bytes",
            ),
            *(
                _make_loss(reason, count, "packets")
                for reason, count in refused.items()
            ),
        ],
    )


def _describe_queue(ledger: Ledger) -> dict[str, Any]:
    queue = ledger.queue
    return _make_stage(
        "queue",
        "Queue",
        queue.used,
        "packets",
        [
            {"name": "capacity", "count": queue.capacity, "failure": ""},
            {"name": "peak", "count": queue.peak, "failure": ""},
        ],
        [_make_loss("not_processed", queue.dropped, "packets")],
    )


def _describe_lines(ledger: Ledger) -> dict[str, Any]:
    lines = ledger.lines
    # The last line of a packet that was truncated is rejected; that loss stands where
    # it happened, at the sockets.
    truncated = lines.rejected.get(Reason.TRUNCATED.value, 0)
    return _make_stage(
        "lines",
        "Lines",
        lines.read,
        "lines",
        [
            {"name": "metrics", "count": lines.metrics, "failure": ""},
            {"name": "events", "count": lines.events, "failure": ""},
            {"name": "service checks", "count": lines.service_checks, "failure": ""},
            {"name": "filtered", "count": lines.filtered, "failure": ""},
        ],
        [
            _make_loss(
                "rejected",
                sum(lines.rejected.values()) - truncated,
                "lines",
                "rejected, because they are not DogStatsD: see Rejected",
            )
        ],
    )


def _describe_samples(ledger: Ledger) -> dict[str, Any]:
    samples = ledger.samples
    return _make_stage(
        "samples",
        "Samples",
        samples.parsed,
        "values",
        [
            {"name": "aggregated", "count": samples.aggregated, "failure": ""},
            {"name": "in the future", "count": samples.future, "failure": ""},
            {"name": "condensed", "count": samples.condensed, "failure": ""},
        ],
        [
            *(
                _make_loss(reason, count, "values")
                for reason, count in samples.dropped.items()
            ),
            _make_loss("events_dropped", samples.events_dropped, "messages"),
        ],
    )


def _describe_contexts(ledger: Ledger) -> dict[str, Any]:
    contexts = ledger.contexts
    return _make_stage(
        "contexts",
        "Contexts",
        contexts.current,
        "contexts",
        [
            {"name": "peak", "count": contexts.peak, "failure": ""},
            {"name": "expired", "count": contexts.expired, "failure": ""},
            {"name": "type clashes", "count": contexts.type_clashes, "failure": ""},
        ],
        [],
    )


def _describe_sinks(ledger: Ledger) -> dict[str, Any]:
    losses = dict.fromkeys(("evicted", "oversize", "abandoned", "spool_gone"), 0)
    for sink in ledger.sinks:
        for name in losses:
            losses[name] += getattr(sink, name)
    refused: dict[str, int] = {}
    for sink in ledger.sinks:
        for reason, count in sink.refused.items():
            refused[reason] = refused.get(reason, 0) + count
    return _make_stage(
        "sinks",
        "Sinks",
        sum(sink.delivered for sink in ledger.sinks),
        "points",
        [
            {"name": sink.name, "count": sink.delivered, "failure": sink.failure}
            for sink in ledger.sinks
        ],
        [
            *(_make_loss(reason, count, "points") for reason, count in losses.items()),
            *(
                _make_loss(reason, count, "points", f"refused by a sink ({reason})")
                for reason, count in refused.items()
            ),
        ],
    )


def _make_stage(
    stage_id: str,
    title: str,
    count: int,
    unit: str,
    parts: list[dict[str, Any]],
    losses: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "id": stage_id,
        "title": title,
        "count": count,
        "unit": unit,
        "parts": parts,
        "losses": losses,
    }


def _make_loss(reason: str, count: int, unit: str, text: str = "") -> dict[str, Any]:
    return {
        "reason": reason,
        "text": text or _TEXTS.get(reason, f"lost ({reason})"),
        "count": count,
        "unit": unit,
    }
