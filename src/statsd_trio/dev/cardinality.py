"""Count contexts by name and, for one name, by tag."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from statsd_trio.config import Config
from statsd_trio.dev.datadog import count_series
from statsd_trio.dev.history import TYPE_NAMES
from statsd_trio.dev.listing import select_names, sort_part
from statsd_trio.dev.metrics import Metric
from statsd_trio.dev.problems import is_unbounded, list_codes
from statsd_trio.dev.query import Query

_EXAMPLES: Final = 10
_STEP_TRACKS: Final = 300
_MAX_VALUES: Final = 10_000


def describe_cardinality(
    metrics: Mapping[str, Metric], query: Query, config: Config, found: dict[str, Any]
) -> Iterator[None]:
    """Put what *query* asks for into *found*; yields after each step."""
    costs = {name: count_series(name, config) for name in TYPE_NAMES.values()}
    matching: list[Metric] = []
    yield from select_names(metrics, query, matching)
    contexts = custom_metrics = 0
    for index, metric in enumerate(list(metrics.values())):
        contexts += len(metric.tracks)
        custom_metrics += _count_custom_metrics(metric, costs)
        if index % _STEP_TRACKS == 0:
            yield
    shown: list[Metric] = []
    yield from sort_part(
        matching,
        lambda metric: -len(metric.tracks),
        is_descending=False,
        end=query.offset + query.limit,
        found=shown,
    )
    rows: list[dict[str, Any]] = []
    for metric in shown[query.offset :]:
        cost = _count_custom_metrics(metric, costs)
        rows.append(
            {
                "name": metric.name,
                "types": metric.types,
                "contexts": len(metric.tracks),
                "series_per_context": max(costs[each] for each in metric.types),
                "custom_metrics": cost,
                "problems": list_codes(metric),
            }
        )
        yield
    shown_metric: dict[str, Any] | None = None
    asked = metrics.get(query.name)
    if asked is not None:
        shown_metric = {"name": asked.name, "contexts": len(asked.tracks)}
        yield from count_tags(asked, shown_metric)
    found.update(
        contexts=contexts,
        custom_metrics=custom_metrics,
        total=len(matching),
        offset=query.offset,
        names=rows,
        metric=shown_metric,
    )


def count_tags(metric: Metric, found: dict[str, Any]) -> Iterator[None]:
    """Put the tags of *metric*, with how many values each has, into *found*."""
    counted: dict[str, Counter[str]] = {}
    capped: set[str] = set()
    for index, track in enumerate(list(metric.tracks.values())):
        for tag in track.tags:
            key, _, value = tag.partition(":")
            values = counted.setdefault(key, Counter())
            if value in values or len(values) < _MAX_VALUES:
                values[value] += 1
            else:
                capped.add(key)
        if index % _STEP_TRACKS == 0:
            yield
    tags: list[dict[str, Any]] = []
    for key, values in sorted(
        counted.items(), key=lambda item: (-len(item[1]), item[0])
    ):
        tags.append(
            {
                "key": key,
                "values": len(values),
                "is_capped": key in capped,
                "examples": [
                    {"value": value, "contexts": count}
                    for value, count in values.most_common(_EXAMPLES)
                ],
                "looks_unbounded": is_unbounded(metric, key),
            }
        )
        yield
    found["tags"] = tags


def _count_custom_metrics(metric: Metric, costs: Mapping[str, int]) -> int:
    return sum(count * costs[TYPE_NAMES[kind]] for kind, count in metric.kinds.items())
