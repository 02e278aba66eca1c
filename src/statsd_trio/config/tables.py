"""The kinds of value that are lists of tables, or of numbers."""

import math
from collections.abc import Sequence
from typing import Final, cast

from statsd_trio.config.kinds import Kind, each
from statsd_trio.config.units import drop_empty, parse_json, parse_strings
from statsd_trio.rules.mapper import Mapper, MapperProfile
from statsd_trio.rules.tagfilter import TagFilterEntry


def parse_percentile(text: str) -> int:
    """Read one percentile: ``"0.95"`` is 95.

    Source: datadog-agent, pkg/metrics/histogram.go, ParsePercentiles.

    Raises:
        ValueError: if it is not a number from 0 to 1.
    """
    try:
        fraction = float(text)
    except ValueError:
        fraction = math.nan
    if not 0 <= fraction <= 1:
        raise ValueError(f"{text!r} is not a percentile, which is a number from 0 to 1")
    return int(fraction * 100 + 0.5)


PERCENTILES: Final = Kind(
    words="list of numbers from 0 to 1",
    metavar="FRACTION",
    schema={"type": "array", "items": {"type": ["string", "number"]}},
    parse=parse_strings,
    check=each(parse_percentile),
    check_item=parse_percentile,
    is_list=True,
)


def _parse_tables(raw: object) -> list[object]:
    value = parse_json(raw) if isinstance(raw, str) else raw
    if not isinstance(value, list):
        raise ValueError("not a list of tables")  # noqa: TRY004 - the file's mistake, not ours
    return cast("list[object]", _prune(cast("object", value)))


def _prune(value: object) -> object:
    """Leave out what is present but empty, at any depth."""
    if isinstance(value, list):
        return [_prune(item) for item in drop_empty(cast("list[object]", value))]
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return {key: _prune(item) for key, item in items if item not in (None, "")}
    return value


def _check_profiles(value: Sequence[MapperProfile]) -> None:
    Mapper(value)


PROFILES: Final = Kind(
    words="list of profiles, see below; in one variable, as JSON",
    metavar="JSON",
    schema={
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "prefix"],
            "properties": {
                "name": {"type": "string"},
                "prefix": {"type": "string"},
                "mappings": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["match", "name"],
                        "properties": {
                            "match": {"type": "string"},
                            "match_type": {"enum": ["wildcard", "regex"]},
                            "name": {"type": "string"},
                            "tags": {
                                "type": "object",
                                "additionalProperties": {"type": "string"},
                            },
                        },
                    },
                },
            },
        },
    },
    parse=_parse_tables,
    check=_check_profiles,
    items=MapperProfile,
)

TAG_FILTERS: Final = Kind(
    words="list of tables, see below; in one variable, as JSON",
    metavar="JSON",
    schema={
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["metric_name"],
            "properties": {
                "metric_name": {"type": "string"},
                "action": {"enum": ["exclude", "include"]},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
        },
    },
    parse=_parse_tables,
    items=TagFilterEntry,
)
