"""Describe one metric: chart, contexts, lines, problems, and what Datadog receives."""

from collections.abc import Iterator
from typing import Any, Final

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.config import Config
from statsd_trio.dev.assertion import write_assertion, write_track_assertion
from statsd_trio.dev.cardinality import count_tags
from statsd_trio.dev.chart import draw_chart
from statsd_trio.dev.datadog import list_generated_names, show_payloads
from statsd_trio.dev.history import TYPE_NAMES
from statsd_trio.dev.metrics import Metric, ReceivedLine, Track, find_common_tags
from statsd_trio.dev.problems import find_problems
from statsd_trio.dev.query import Query
from statsd_trio.dev.received import Received
from statsd_trio.dev.rejected import show_bytes

_MAX_LINES: Final = 50
_STEP_TRACKS: Final = 500
_KINDS: Final = {name: kind for kind, name in TYPE_NAMES.items()}

_NO_LINES: Final = (
    "The lines of this metric are older than what is kept; the next line will be shown."
)
_NO_FLUSH: Final = "Nothing was flushed yet."
_NOT_SENT: Final = "This metric was not in the last flush."


def describe_metric(
    metric: Metric,
    received: Received,
    snapshot: Snapshot | None,
    config: Config,
    query: Query,
    now: float,
    second: int,
    found: dict[str, Any],
) -> Iterator[None]:
    """Put everything about *metric* into *found*; yields after each step.

    Args:
        metric: the metric to describe.
        received: provides its recent lines.
        snapshot: the last snapshot; None before the first one.
        config: the server's configuration.
        query: which details are wanted.
        now: unix seconds.
        second: the first second for which there are no figures yet.
        found: receives the document.
    """
    tracks = list(metric.tracks.values())
    kind = _KINDS.get(query.type, metric.main_kind)
    chart: dict[str, Any] = {"type": TYPE_NAMES[kind]}
    yield from draw_chart(
        tracks, kind, minutes=query.minutes, by=query.by, now=second, found=chart
    )
    tags: dict[str, Any] = {}
    yield from count_tags(metric, tags)
    contexts: dict[str, Any] = {}
    added = frozenset(config.tags)
    yield from _list_contexts(tracks, query, added, contexts)
    lines = list(reversed(metric.recent))
    newest: list[ReceivedLine] = []
    yield from received.find(frozenset(metric.raw_names), _MAX_LINES, newest)
    seen = {(line.time, line.line) for line in newest}
    lines = [*newest, *(line for line in lines if (line.time, line.line) not in seen)]
    lines.sort(key=lambda line: -line.time)
    datadog: dict[str, Any] = {"series": [], "left_out": 0, "note": _NO_FLUSH}
    datadog["as_of"] = None if snapshot is None else snapshot.time
    datadog["next"] = (
        int(now) // config.interval_seconds + 1
    ) * config.interval_seconds
    if snapshot is not None:
        names = list_generated_names(metric.name, metric.types, config)
        yield from show_payloads(snapshot, names, datadog)
        datadog["note"] = "" if datadog["series"] else _NOT_SENT
    common = [tag for tag in find_common_tags(tracks) if tag not in added]
    yield
    problems: list[dict[str, str]] = []
    for problem in find_problems(metric):
        described = {"code": problem.code, "text": problem.text}
        if problem.tag:
            described["tag"] = problem.tag
        problems.append(described)
    found.update(
        name=metric.name,
        types=metric.types,
        first_seen=metric.first_seen,
        last_seen=metric.last_seen,
        lines=metric.lines,
        lines_per_second=round(metric.measure_rate(now), 3),
        chart=chart,
        tag_keys=[{"key": tag["key"], "values": tag["values"]} for tag in tags["tags"]],
        contexts=contexts,
        lines_received=[
            {
                "time": line.time,
                "line": show_bytes(line.line),
                "sender": line.sender,
            }
            for line in lines[:_MAX_LINES]
        ],
        lines_note="" if lines else _NO_LINES,
        datadog=datadog,
        problems=problems,
        assertion=_write_common_assertion(metric, kind, tracks, common),
    )


def _write_common_assertion(
    metric: Metric, kind: int, tracks: list[Track], tags: list[str]
) -> str:
    if len(tracks) == 1:
        return write_track_assertion(tracks[0], frozenset(tracks[0].tags) - {*tags})
    return write_assertion(metric.name, kind, tags, None)


def _list_contexts(
    tracks: list[Track], query: Query, added: frozenset[str], found: dict[str, Any]
) -> Iterator[None]:
    words = query.q.split()
    matching: list[Track] = []
    for index, track in enumerate(tracks, 1):
        if words:
            text = " ".join((*track.tags, track.host)).lower()
            if not all(word in text for word in words):
                continue
        matching.append(track)
        if index % _STEP_TRACKS == 0:
            yield
    rows: list[dict[str, Any]] = []
    for track in matching[query.offset : query.offset + query.limit]:
        rows.append(
            {
                "type": TYPE_NAMES[track.kind],
                "host": track.host,
                "tags": list(track.tags),
                "last_seen": track.last_seen,
                "values": track.read_last(),
                "assertion": write_track_assertion(track, added),
            }
        )
        yield
    found.update(total=len(matching), offset=query.offset, rows=rows)
