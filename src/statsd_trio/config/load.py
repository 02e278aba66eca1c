"""Make a `Config` from files, the environment and flags, or list what is wrong.

A later source replaces what an earlier one says. Only what is left after that is parsed
and checked.
"""

import functools
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import GenericAlias
from typing import Any, Final

import attrs

from statsd_trio.config.agent_file import leave_out_halves, leave_out_unknown
from statsd_trio.config.config import Config
from statsd_trio.config.option import Option
from statsd_trio.config.option_types.base import OptionType
from statsd_trio.config.options import FILE_VARIABLE, OPTIONS
from statsd_trio.config.parsing import parse_strings, parse_text
from statsd_trio.config.problems import (
    Wording,
    check_value,
    find_contradictions,
    show_value,
)
from statsd_trio.config.sources import Found, find_other_protocols, search_sources
from statsd_trio.errors import ConfigError

logger = logging.getLogger(__name__)

DEFAULT_SOURCE: Final = "default"


@attrs.frozen
class SourcedConfig:
    """A `Config`, with the source of the value of each field.

    Attributes:
        config: everything that could be read; fields that could not be have their
            defaults.
        sources: for each field that could be read, a description of its source.
        warnings: settings without effect, one line each.
        problems: what cannot be read or used, one line each.
        contradictions: why a server could not run with this configuration, one line
            each.
    """

    config: Config
    sources: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()


def load_config(
    *,
    environ: Mapping[str, str] = os.environ,
    path: str | os.PathLike[str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Config:
    """Combine what the file, the environment and the flags say.

    Args:
        environ: the environment variables.
        path: a TOML file, or a ``datadog.yaml``; by default the file in
            ``STATSD_TRIO_CONFIG``.
        flags: the values of fields from the command line, by name; None if there is no
            command line.

    Raises:
        ConfigError: with one line for each problem, which names its source.
    """
    sourced = load_sourced_config(environ=environ, path=path, flags=flags)
    for warning in sourced.warnings:
        logger.warning("%s", warning)
    return sourced.config


def load_sourced_config(
    *,
    environ: Mapping[str, str] = os.environ,
    path: str | os.PathLike[str] | None = None,
    flags: Mapping[str, object] | None = None,
    sockets: Sequence[socket.socket] = (),
) -> SourcedConfig:
    """Load a configuration like `load_config`, with the source of each value.

    With *sockets*, which a service manager has bound, the default port is not bound,
    because one of them may have it. A port that was asked for explicitly is still
    bound.
    """
    sourced = read_config(environ=environ, path=path, flags=flags, sockets=sockets)
    problems = [*sourced.problems, *sourced.contradictions]
    if problems:
        raise ConfigError(problems)
    return sourced


def read_config(
    *,
    environ: Mapping[str, str] = os.environ,
    path: str | os.PathLike[str] | None = None,
    flags: Mapping[str, object] | None = None,
    sockets: Sequence[socket.socket] = (),
) -> SourcedConfig:
    """Load a configuration like `load_sourced_config`, but return its problems."""
    path = path or environ.get(FILE_VARIABLE) or None
    findings = search_sources(
        environ, None if path is None else Path(path), flags or {}
    )
    found, problems = findings.found, findings.problems
    warnings: list[str] = []
    leave_out_unknown(found, warnings)
    config, bad = _structure(found, problems)
    config = leave_out_halves(config, found, warnings)
    if "otlp" in config.sinks:
        warnings += find_other_protocols(environ)
    if sockets:
        port = config.port if "port" in found else None
        config = attrs.evolve(config, sockets=sockets, port=port)
    contradictions: list[str] = []
    # If the file could not be read, a missing setting may be in it.
    if findings.has_whole_file and config.use_dogstatsd:
        contradictions = find_contradictions(
            config,
            wording=Wording.ENVIRONMENT if flags is None else Wording.SHELL,
            bad=bad | findings.meant,
        )
    sources = {
        name: found[name].source if name in found else DEFAULT_SOURCE
        for name in OPTIONS
        if name not in bad
    }
    if sockets and "port" not in found:
        sources["port"] = "the sockets handed in"
    if config.spool_path is not None and "spool_path" not in found:
        sources["spool_path"] = f"the state folder, for {sources['spool_max_bytes']}"
    return SourcedConfig(
        config, sources, tuple(warnings), tuple(problems), tuple(contradictions)
    )


def _structure(
    found: Mapping[str, Found], problems: list[str]
) -> tuple[Config, set[str]]:
    """Return a `Config` of everything that can be read, and the bad fields' names."""
    import cattrs  # noqa: PLC0415 - only who reads a configuration pays for it

    raw = {name: each.raw for name, each in found.items()}
    bad: set[str] = set()
    try:
        return _converter().structure(raw, Config), bad
    except cattrs.ClassValidationError as group:
        for error, note in group.group_exceptions()[0]:
            bad.add(note.name)
            source = found[note.name]
            shown = show_value(source.raw, OPTIONS[note.name].type.mask)
            problems += [
                f"{source.source}={shown}: {line}" for line in _describe_error(error)
            ]
    good = {name: value for name, value in raw.items() if name not in bad}
    return _converter().structure(good, Config), bad


def _describe_error(error: Exception) -> list[str]:
    from statsd_trio.structuring import list_problems  # noqa: PLC0415 - as above

    return error.problems if isinstance(error, ConfigError) else [*list_problems(error)]


@functools.cache
def _converter() -> Any:
    from cattrs.gen import make_dict_structure_fn, override  # noqa: PLC0415 - as above

    from statsd_trio.structuring import StrictConverter  # noqa: PLC0415 - as above

    converter = StrictConverter(forbid_extra_keys=True)
    converter.register_structure_hook(str, lambda raw, _: parse_text(raw))
    converter.register_structure_hook_func(
        lambda wanted: wanted == tuple[str, ...], lambda raw, _: parse_strings(raw)
    )

    def make_hook(option: Option) -> Callable[[object, object], Any]:
        def structure(raw: object, _type: object) -> Any:
            value = _read(converter, option.type, raw)
            lines = check_value(option, value)
            if lines:
                raise ConfigError(lines)
            return value

        return structure

    # Any, because a type checker would take an override for an option of the function
    # itself.
    overrides: dict[str, Any] = {
        field.name: override(struct_hook=make_hook(OPTIONS[field.name]))
        if field.name in OPTIONS
        else override(omit=True)
        for field in attrs.fields(Config)
    }
    converter.register_structure_hook(
        Config, make_dict_structure_fn(Config, converter, **overrides)
    )
    return converter


def _read(converter: Any, option_type: OptionType, raw: object) -> Any:
    value = option_type.parse(raw)
    if option_type.items is None:
        return value
    return converter.structure(value, GenericAlias(tuple, (option_type.items, ...)))
