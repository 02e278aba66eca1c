"""List the metrics: search, filter, sort, and cut to what is shown."""

from collections.abc import Callable, Iterator, Mapping
from heapq import merge
from itertools import islice
from typing import Any, Final

from statsd_trio.dev.history import TYPE_NAMES
from statsd_trio.dev.metrics import Metric, Track, describe_last
from statsd_trio.dev.problems import list_codes
from statsd_trio.dev.query import Query

# This takes about a millisecond to sort.
_STEP_NAMES: Final = 1000
_STEP_TRACKS: Final = 2000
_STEP_ROWS: Final = 10

_KINDS: Final = {name: kind for kind, name in TYPE_NAMES.items()}


def list_metrics(
    metrics: Mapping[str, Metric], query: Query, now: float, found: dict[str, Any]
) -> Iterator[None]:
    """Put the rows that *query* asks for into *found*; yields after each step."""
    matching: list[Metric] = []
    yield from select_names(metrics, query, matching)
    shown: list[Metric] = []
    key = _SORT_KEYS[query.sort]
    yield from sort_part(
        matching,
        lambda metric: key(metric, now),
        is_descending=query.is_descending,
        end=query.offset + query.limit,
        found=shown,
    )
    rows: list[dict[str, Any]] = []
    for index, metric in enumerate(shown[query.offset :], 1):
        rows.append(_describe(metric, now))
        if index % _STEP_ROWS == 0:
            yield
    found.update(total=len(matching), all=len(metrics), offset=query.offset, rows=rows)


def select_names(
    metrics: Mapping[str, Metric], query: Query, found: list[Metric]
) -> Iterator[None]:
    """Put the metrics that *query* selects into *found*; yields after each step."""
    words = query.q.split()
    kind = _KINDS.get(query.type)
    looked_at = 0
    for metric in list(metrics.values()):
        looked_at += 1
        if looked_at >= _STEP_TRACKS:
            looked_at = 0
            yield
        if words:
            text = metric.name.lower()
            if not all(word in text for word in words):
                continue
        if kind is not None and kind not in metric.kinds:
            continue
        if query.tags:
            looked_at += len(metric.tracks)
            if not any(has_tags(track, query.tags) for track in metric.tracks.values()):
                continue
        # If all contexts of a metric are forgotten, it is about to be removed.
        if metric.kinds:
            found.append(metric)


def has_tags(track: Track, wanted: tuple[str, ...]) -> bool:
    """Return whether *track* has all tags, each written as key or key:value."""
    tags = track.tags
    return all(
        tag in tags
        or (":" not in tag and any(each.startswith(f"{tag}:") for each in tags))
        for tag in wanted
    )


def sort_part(
    metrics: list[Metric],
    key: Callable[[Metric], Any],
    *,
    is_descending: bool,
    end: int,
    found: list[Metric],
) -> Iterator[None]:
    """Put the first *end* of *metrics*, sorted, into *found*.

    Yields after each step.
    """
    runs: list[list[tuple[Any, str, Metric]]] = []
    for start in range(0, len(metrics), _STEP_NAMES):
        run = [
            (key(metric), metric.name, metric)
            for metric in metrics[start : start + _STEP_NAMES]
        ]
        run.sort(key=_read_key, reverse=is_descending)
        runs.append(run)
        yield
    merged = merge(*runs, key=_read_key, reverse=is_descending)
    while part := list(islice(merged, min(_STEP_NAMES, max(end - len(found), 0)))):
        found += [metric for _, _, metric in part]
        yield


def _read_key(entry: tuple[Any, str, Metric]) -> tuple[Any, str]:
    return entry[0], entry[1]


def _describe(metric: Metric, now: float) -> dict[str, Any]:
    return {
        "name": metric.name,
        "types": metric.types,
        "contexts": len(metric.tracks),
        "lines": metric.lines,
        "lines_per_second": round(metric.measure_rate(now), 3),
        "last": metric.last,
        "last_kind": describe_last(metric.last_kind),
        "unit": metric.unit,
        "first_seen": metric.first_seen,
        "last_seen": metric.last_seen,
        "spark": metric.read_spark(now),
        "spark_step": 5,
        "spark_kind": "lines_per_second",
        "problems": list_codes(metric),
    }


_SORT_KEYS: Final[dict[str, Callable[[Metric, float], Any]]] = {
    "name": lambda metric, _: metric.name,
    "type": lambda metric, _: metric.types,
    "contexts": lambda metric, _: len(metric.tracks),
    "lines": lambda metric, now: metric.measure_rate(now),
    # Metrics without a value come before all others.
    "last": lambda metric, _: (metric.last is not None, metric.last or 0.0),
    "seen": lambda metric, _: metric.last_seen,
}
