"""What may be shown of a `Config`, its values, and of the options, a JSON Schema."""

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
    """One field, its value as JSON has it, and where that came from."""

    name: str
    value: Any
    source: str


def show_fields(sourced: SourcedConfig) -> list[ShownField]:
    """Show every field that could be read, secrets masked."""
    return [
        ShownField(name, to_json(getattr(sourced.config, name)), source)
        for name, source in sourced.sources.items()
    ]


def to_json(value: object) -> Any:
    """Turn *value* into what JSON knows; a secret into its mask."""
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
    # A program's own way to a key.
    return f"<{type(value).__name__}>"


def make_schema() -> dict[str, Any]:
    """Describe a TOML file as JSON Schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "statsd-trio",
        "description": "The configuration of a statsd-trio server, as TOML has it.",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _describe(option) for name, option in OPTIONS.items()},
    }


def _describe(option: Option) -> dict[str, Any]:
    described = {**option.type.make_schema(), "description": option.help}
    if option.default is not None:
        described["default"] = to_json(option.default)
    return described
