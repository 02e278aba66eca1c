"""The list of metrics: searched, filtered, sorted and cut to what is shown."""

from collections.abc import Callable, Iterator, Mapping
from heapq import merge
from itertools import islice
from typing import Any, Final

from statsd_trio.dev.history import TYPE_NAMES, Track
from statsd_trio.dev.names import Name, describe_last
from statsd_trio.dev.problems import list_codes
from statsd_trio.dev.query import Query

# About a millisecond of sorting.
_STEP_NAMES: Final = 1000
_STEP_TRACKS: Final = 2000
_STEP_ROWS: Final = 10

_KINDS: Final = {name: kind for kind, name in TYPE_NAMES.items()}


def list_metrics(
    names: Mapping[str, Name], query: Query, now: float, found: dict[str, Any]
) -> Iterator[None]:
    """Put the rows that *query* asks for into *found*; yields after each step."""
    matching: list[Name] = []
    yield from select_names(names, query, matching)
    shown: list[Name] = []
    key = _SORT_KEYS[query.sort]
    yield from sort_part(
        matching,
        lambda name: key(name, now),
        is_descending=query.is_descending,
        end=query.offset + query.limit,
        found=shown,
    )
    rows: list[dict[str, Any]] = []
    for index, name in enumerate(shown[query.offset :], 1):
        rows.append(_describe(name, now))
        if index % _STEP_ROWS == 0:
            yield
    found.update(total=len(matching), all=len(names), offset=query.offset, rows=rows)


def select_names(
    names: Mapping[str, Name], query: Query, found: list[Name]
) -> Iterator[None]:
    """Put the names that *query* is about into *found*; yields after each step."""
    words = query.q.split()
    kind = _KINDS.get(query.type)
    looked_at = 0
    for name in list(names.values()):
        looked_at += 1
        if looked_at >= _STEP_TRACKS:
            looked_at = 0
            yield
        if words:
            text = name.name.lower()
            if not all(word in text for word in words):
                continue
        if kind is not None and kind not in name.kinds:
            continue
        if query.tags:
            looked_at += len(name.tracks)
            if not any(has_tags(track, query.tags) for track in name.tracks.values()):
                continue
        # One whose contexts are all forgotten is about to go.
        if name.kinds:
            found.append(name)


def has_tags(track: Track, wanted: tuple[str, ...]) -> bool:
    """Tell whether *track* has all tags, each written as key or key:value."""
    tags = track.tags
    return all(
        tag in tags
        or (":" not in tag and any(each.startswith(f"{tag}:") for each in tags))
        for tag in wanted
    )


def sort_part(
    names: list[Name],
    key: Callable[[Name], Any],
    *,
    is_descending: bool,
    end: int,
    found: list[Name],
) -> Iterator[None]:
    """Put the first *end* of *names*, sorted, into *found*; yields after each step."""
    runs: list[list[tuple[Any, str, Name]]] = []
    for start in range(0, len(names), _STEP_NAMES):
        run = [
            (key(name), name.name, name) for name in names[start : start + _STEP_NAMES]
        ]
        run.sort(key=_read_key, reverse=is_descending)
        runs.append(run)
        yield
    merged = merge(*runs, key=_read_key, reverse=is_descending)
    while part := list(islice(merged, min(_STEP_NAMES, max(end - len(found), 0)))):
        found += [name for _, _, name in part]
        yield


def _read_key(entry: tuple[Any, str, Name]) -> tuple[Any, str]:
    return entry[0], entry[1]


def _describe(name: Name, now: float) -> dict[str, Any]:
    return {
        "name": name.name,
        "types": name.types,
        "contexts": len(name.tracks),
        "lines": name.lines,
        "lines_per_second": round(name.measure_rate(now), 3),
        "last": name.last,
        "last_kind": describe_last(name.last_kind),
        "unit": name.unit,
        "first_seen": name.first_seen,
        "last_seen": name.last_seen,
        "spark": name.read_spark(now),
        "spark_step": 5,
        "spark_kind": "lines_per_second",
        "problems": list_codes(name),
    }


_SORT_KEYS: Final[dict[str, Callable[[Name, float], Any]]] = {
    "name": lambda name, _: name.name,
    "type": lambda name, _: name.types,
    "contexts": lambda name, _: len(name.tracks),
    "lines": lambda name, now: name.measure_rate(now),
    # What has no value yet comes before all others.
    "last": lambda name, _: (name.last is not None, name.last or 0.0),
    "seen": lambda name, _: name.last_seen,
}
