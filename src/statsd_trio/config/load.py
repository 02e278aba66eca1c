"""Makes one `Config` of files, the environment and flags, or says all that is wrong.

Only what is left once later sources have replaced what earlier ones say is read and
checked.
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
    """A `Config`, and for each field where its value came from.

    Attributes:
        config: what could be read; the default of a field stands for what could not.
        sources: name of each field that could be read to words for a person.
        warnings: what the sources say without effect, one line each.
        problems: what cannot be read or used, one line each.
        contradictions: why a server could not run what was read, one line each.
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
    """Put together what the file, the environment and the flags say.

    Args:
        environ: the environment.
        path: a TOML file, or a ``datadog.yaml``; ``STATSD_TRIO_CONFIG`` otherwise.
        flags: names of fields to what the command line says; None for nothing.

    Raises:
        ConfigError: with every problem, one line each, naming its source.
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
    """Do as `load_config`, and remember where each value came from.

    With *sockets*, which a service manager bound, the default port is not bound: one
    of them may be it. A port that somebody asked for stays.
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
    """Do as `load_sourced_config`, and return the problems with what could be read."""
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
    # What a file says that nobody could read may be what is missed.
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
    """Make a `Config` of all that can be read, and name the fields that cannot."""
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

    # Any, or a checker would take an override for one of the function's own options.
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
