"""Show the values of a `Config` without its secrets, and its JSON Schema."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import attrs

from statsd_trio.config.load import SourcedConfig
from statsd_trio.config.option import Option
from statsd_trio.config.options import OPTIONS
from statsd_trio.config.secret import Secret
from statsd_trio.rules.mapper import MapperProfile, MetricMapping
from statsd_trio.rules.tag_filter import TagFilterEntry


class ShownField(NamedTuple):
    """One field, with its value as JSON and the source of the value."""

    name: str
    value: Any
    source: str


def show_fields(sourced: SourcedConfig) -> list[ShownField]:
    """Return every field that could be read, with secrets masked."""
    return [
        ShownField(name, to_json(getattr(sourced.config, name)), source)
        for name, source in sourced.sources.items()
    ]


def to_json(value: object) -> Any:
    """Convert *value* to what JSON knows; a secret becomes its mask."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, tuple):
        return [to_json(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {str(key): to_json(item) for key, item in items}
    if isinstance(value, MapperProfile | MetricMapping | TagFilterEntry):
        return {
            field.name: to_json(getattr(value, field.name))
            for field in attrs.fields(type(value))
        }
    # A program's own function that returns a key.
    return f"<{type(value).__name__}>"


def make_schema() -> dict[str, Any]:
    """Return a JSON Schema for a TOML file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "statsd-trio",
        "description": "The configuration of a statsd-trio server, as TOML.",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _describe(option) for name, option in OPTIONS.items()},
    }


def _describe(option: Option) -> dict[str, Any]:
    described = {**option.type.make_schema(), "description": option.help}
    if option.default is not None:
        described["default"] = to_json(option.default)
    return described
