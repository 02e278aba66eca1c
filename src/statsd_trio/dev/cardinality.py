"""How many contexts there are, by name, and for a name by tag."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from statsd_trio.config import Config
from statsd_trio.dev.datadog import count_series
from statsd_trio.dev.history import TYPE_NAMES
from statsd_trio.dev.listing import select_names, sort_part
from statsd_trio.dev.names import Name
from statsd_trio.dev.problems import list_codes, looks_unbounded
from statsd_trio.dev.query import Query

_EXAMPLES: Final = 10
_STEP_TRACKS: Final = 300
_MAX_VALUES: Final = 10_000


def describe_cardinality(
    names: Mapping[str, Name], query: Query, config: Config, found: dict[str, Any]
) -> Iterator[None]:
    """Put what *query* asks for into *found*; yields after each step."""
    costs = {name: count_series(name, config) for name in TYPE_NAMES.values()}
    matching: list[Name] = []
    yield from select_names(names, query, matching)
    contexts = custom_metrics = 0
    for index, name in enumerate(list(names.values())):
        contexts += len(name.tracks)
        custom_metrics += _count_custom_metrics(name, costs)
        if index % _STEP_TRACKS == 0:
            yield
    shown: list[Name] = []
    yield from sort_part(
        matching,
        lambda name: -len(name.tracks),
        is_descending=False,
        end=query.offset + query.limit,
        found=shown,
    )
    rows: list[dict[str, Any]] = []
    for name in shown[query.offset :]:
        cost = _count_custom_metrics(name, costs)
        rows.append(
            {
                "name": name.name,
                "types": name.types,
                "contexts": len(name.tracks),
                "series_per_context": max(costs[each] for each in name.types),
                "custom_metrics": cost,
                "problems": list_codes(name),
            }
        )
        yield
    metric: dict[str, Any] | None = None
    asked = names.get(query.name)
    if asked is not None:
        metric = {"name": asked.name, "contexts": len(asked.tracks)}
        yield from count_tags(asked, metric)
    found.update(
        contexts=contexts,
        custom_metrics=custom_metrics,
        total=len(matching),
        offset=query.offset,
        names=rows,
        metric=metric,
    )


def count_tags(name: Name, found: dict[str, Any]) -> Iterator[None]:
    """Put the tags of *name*, with the number of their values, into *found*."""
    counted: dict[str, Counter[str]] = {}
    capped: set[str] = set()
    for index, track in enumerate(list(name.tracks.values())):
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
                "looks_unbounded": looks_unbounded(name.tag_values.get(key, set())),
            }
        )
        yield
    found["tags"] = tags


def _count_custom_metrics(name: Name, costs: Mapping[str, int]) -> int:
    return sum(count * costs[TYPE_NAMES[kind]] for kind, count in name.kinds.items())
