"""The types of options that are lists of words, numbers or tables."""

from collections.abc import Sequence
from typing import cast

from statsd_trio.config.option_types.base import CheckedList, OptionType
from statsd_trio.config.option_types.scalars import check_text
from statsd_trio.config.parsing import (
    drop_empty,
    parse_json,
    parse_percentile,
    parse_strings,
)
from statsd_trio.rules.mapper import Mapper, MapperProfile
from statsd_trio.rules.tag_filter import TagFilterEntry
from statsd_trio.suggestion import suggest


class Strings(OptionType):
    """A list of texts."""

    words = "list of strings, separated by commas or spaces"
    metavar = "TEXT"
    is_list = True

    def make_schema(self) -> dict[str, object]:
        return {"type": "array", "items": {"type": "string"}}

    def parse(self, raw: object) -> tuple[str, ...]:
        return parse_strings(raw)

    def check(self, value: Sequence[str]) -> None:
        for item in value:
            check_text(item)


class Hosts(Strings):
    """A list of hosts, separated by commas or spaces.

    Source: datadog-agent, pkg/config/setup/config.go: DD_PROXY_NO_PROXY is split at
    spaces and commas, and NO_PROXY at commas.
    """

    words = "list of hosts, separated by commas, spaces or both"

    def parse(self, raw: object) -> tuple[str, ...]:
        if isinstance(raw, str) and not raw.lstrip().startswith("["):
            raw = raw.replace(",", " ")
        return parse_strings(raw)


class Choices(CheckedList):
    """Any of the words *known*; the word *none*, alone, means an empty list."""

    def __init__(self, *known: str, none: str | None = None) -> None:
        self.words = "any of " + ", ".join(f"`{word}`" for word in known)
        self.metavar = "|".join(known if none is None else (*known, none))
        self.known = known
        self._none = none

    def make_schema(self) -> dict[str, object]:
        return {"type": "array", "items": {"enum": list(self.known)}}

    def parse(self, raw: object) -> tuple[str, ...]:
        words = tuple(dict.fromkeys(word.lower() for word in parse_strings(raw)))
        if self._none not in words:
            return words
        if len(words) > 1:
            raise ValueError(
                f"{self._none} cannot be combined with others; remove it, or the others"
            )
        return ()

    def check_item(self, item: str) -> None:
        if item not in self.known:
            raise ValueError(f"unknown {item!r}; {suggest(item, self.known)}")


class Percentiles(CheckedList):
    """A list of percentiles, each a number from 0 to 1."""

    words = "list of numbers from 0 to 1"
    metavar = "FRACTION"

    def make_schema(self) -> dict[str, object]:
        return {"type": "array", "items": {"type": ["string", "number"]}}

    def check_item(self, item: str) -> None:
        parse_percentile(item)


class Profiles(OptionType):
    """A list of profiles of the mapper."""

    words = "list of profiles, see below; in one variable, as JSON"
    metavar = "JSON"
    items: type | None = MapperProfile

    def make_schema(self) -> dict[str, object]:
        text = {"type": "string"}
        mapping = {
            "type": "object",
            "additionalProperties": False,
            "required": ["match", "name"],
            "properties": {
                "match": text,
                "match_type": {"enum": ["wildcard", "regex"]},
                "name": text,
                "tags": {"type": "object", "additionalProperties": text},
            },
        }
        profile = {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "prefix"],
            "properties": {
                "name": text,
                "prefix": text,
                "mappings": {"type": "array", "items": mapping},
            },
        }
        return {"type": "array", "items": profile}

    def parse(self, raw: object) -> list[object]:
        return _parse_tables(raw)

    def check(self, value: Sequence[MapperProfile]) -> None:
        Mapper(value)


class TagFilters(OptionType):
    """A list of tables, each with the tags to keep, or to drop, for one metric."""

    words = "list of tables, see below; in one variable, as JSON"
    metavar = "JSON"
    items: type | None = TagFilterEntry

    def make_schema(self) -> dict[str, object]:
        entry = {
            "type": "object",
            "additionalProperties": False,
            "required": ["metric_name"],
            "properties": {
                "metric_name": {"type": "string"},
                "action": {"enum": ["exclude", "include"]},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
        }
        return {"type": "array", "items": entry}

    def parse(self, raw: object) -> list[object]:
        return _parse_tables(raw)


def _parse_tables(raw: object) -> list[object]:
    value = parse_json(raw) if isinstance(raw, str) else raw
    if not isinstance(value, list):
        raise ValueError("not a list of tables")  # noqa: TRY004 - the file's mistake, not ours
    return cast("list[object]", _prune(cast("object", value)))


def _prune(value: object) -> object:
    """Remove what is present but empty, at any depth."""
    if isinstance(value, list):
        return [_prune(item) for item in drop_empty(cast("list[object]", value))]
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return {key: _prune(item) for key, item in items if item not in (None, "")}
    return value
