"""``statsd-trio config``: show, check and describe the configuration."""

import json
from typing import Any, cast

import click

from statsd_trio.cli.flags import (
    config_command,
    load_from_flags,
    read_from_flags,
)
from statsd_trio.cli.messages import USAGE_EXIT, refuse, write_error, write_warning
from statsd_trio.config.load import DEFAULT_SOURCE, SourcedConfig
from statsd_trio.config.show import ShownField, make_schema, show_fields
from statsd_trio.errors import ConfigError
from statsd_trio.plural import describe_count
from statsd_trio.printable import escape
from statsd_trio.server import find_rule_warnings, find_unusable


@click.group("config")
def command() -> None:
    """Show, check or describe the configuration."""


@config_command(
    "show",
    short_help="Show each value, and where it came from.",
    epilog="Example: DD_DOGSTATSD_PORT=9125 statsd-trio config show --sink console",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.option(
    "--all", "is_all", is_flag=True, help="Show defaults as well, as --json does."
)
def show(
    *, config_path: str | None, as_json: bool, is_all: bool, **flags: object
) -> None:
    """Show each value and where it came from; secrets are masked.

    What cannot be read is left out, and each problem follows on standard error.
    """
    sourced = read_from_flags(config_path, flags)
    _print_fields(show_fields(sourced), as_json=as_json, is_all=is_all)
    for warning in sourced.warnings:
        write_warning(warning)
    for problem in (*sourced.problems, *sourced.contradictions):
        write_error(problem)
    if sourced.problems:
        click.get_current_context().exit(USAGE_EXIT)


def _print_fields(fields: list[ShownField], *, as_json: bool, is_all: bool) -> None:
    if as_json:
        members = {
            field.name: {"value": field.value, "source": field.source}
            for field in fields
        }
        click.echo(json.dumps(members, indent=2))
        return
    given = [field for field in fields if field.source != DEFAULT_SOURCE]
    for line in _align(fields if is_all else given):
        click.echo(line)
    if not is_all:
        defaults = describe_count(len(fields) - len(given), "more field")
        click.echo(f"{defaults} at their default; --all shows them.")


def _align(fields: list[ShownField]) -> list[str]:
    rows = [(name, _write(value), source) for name, value, source in fields]
    name_width = max((len(row[0]) for row in rows), default=0)
    # One long value must not push all sources off the screen.
    value_width = min(max((len(row[1]) for row in rows), default=0), 40)
    return [
        f"{name:<{name_width}}  {value:<{value_width}}  {source}"
        for name, value, source in rows
    ]


def _write(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return escape(value) or '""'
    if isinstance(value, list):
        items = cast("list[object]", value)
        return ", ".join(map(_write, items)) or "-"
    return json.dumps(value)


@config_command("check", epilog="Example: statsd-trio config check --config s.toml")
def check(*, config_path: str | None, **flags: object) -> None:
    """Check whether the configuration can be used.

    Exits with 0 if it can; otherwise with 2, and one line for each problem. The files
    that it names are tried, and so is its engine; addresses, keys and intakes are not.
    """
    try:
        sourced = load_from_flags(config_path, flags)
        _try_out(sourced)
    except ConfigError as error:
        refuse(error)
    for warning in (*sourced.warnings, *find_rule_warnings(sourced.config)):
        write_warning(warning)
    click.echo("The configuration can be used.")


def _try_out(sourced: SourcedConfig) -> None:
    unusable = find_unusable(sourced.config)
    if unusable:
        raise ConfigError(
            [f"{sourced.sources[name]}: {line}" for name, line in unusable.items()]
        )


@click.command(
    "schema",
    short_help="Describe a TOML file as JSON Schema.",
    epilog="Example: statsd-trio config schema > schema.json",
)
def schema() -> None:
    """Describe a TOML file as JSON Schema, for editors."""
    click.echo(json.dumps(make_schema(), indent=2))


command.add_command(show)
command.add_command(check)
command.add_command(schema)
