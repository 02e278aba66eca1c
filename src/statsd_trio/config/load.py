"""Files, environment and flags in; one `Config`, or everything wrong with it, out.

What a later source says replaces what an earlier one said: defaults, a file, the
environment, the command line. Only what is left at the end is read and checked.
"""

import functools
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import GenericAlias
from typing import Any, Final, NamedTuple, cast

import attrs

from statsd_trio.config.fields import Config
from statsd_trio.config.files import is_agent_file, read_file
from statsd_trio.config.kinds import Kind, suggest
from statsd_trio.config.options import OPTIONS, PYTHON_ONLY, Alias, Option
from statsd_trio.config.problems import (
    check_value,
    find_contradictions,
    show_value,
)
from statsd_trio.config.units import parse_strings, parse_text
from statsd_trio.errors import ConfigError

logger = logging.getLogger(__name__)

DEFAULT_SOURCE: Final = "default"

# Where a file is, if no path is given.
FILE_VARIABLE: Final = "STATSD_TRIO_CONFIG"


@attrs.frozen
class SourcedConfig:
    """A `Config`, and for each field where its value came from.

    Attributes:
        warnings: what the sources say without effect, one line each.
    """

    config: Config
    sources: Mapping[str, str]
    warnings: tuple[str, ...] = ()


class _Found(NamedTuple):
    """What one source says.

    Attributes:
        raw: text, or what TOML or YAML made of it.
        source: words for a person.
        rank: which of the Agent's several names for the field it was.
        is_agents: whether it stands in a file of the Agent's, which is good for us if
            it is good for the Agent.
    """

    raw: object
    source: str
    rank: int | None = None
    is_agents: bool = False


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
    problems: list[str] = []
    path = path or environ.get(FILE_VARIABLE) or None
    found = {} if path is None else _search_file(Path(path), problems)
    found |= _search_environ(environ)
    found |= _search_flags(flags or {})
    _separate_filterlists(found)
    warnings: list[str] = []
    _leave_out_unknown(found, warnings)
    config, bad = _structure(found, problems)
    config = _leave_out_halves(config, found, warnings)
    if sockets:
        port = config.port if "port" in found else None
        config = attrs.evolve(config, sockets=sockets, port=port)
    if config.use_dogstatsd:
        problems += find_contradictions(config, bad=bad)
    if problems:
        raise ConfigError(problems)
    sources = {
        name: found[name].source if name in found else DEFAULT_SOURCE
        for name in OPTIONS
    }
    if sockets and "port" not in found:
        sources["port"] = "the sockets handed in"
    if config.spool_path is not None and "spool_path" not in found:
        sources["spool_path"] = f"the state folder, for {sources['spool_max_bytes']}"
    return SourcedConfig(config, sources, tuple(warnings))


def _search_file(path: Path, problems: list[str]) -> dict[str, _Found]:
    try:
        table = read_file(path)
    except ConfigError as error:
        problems += error.problems
        return {}
    if is_agent_file(path):
        return _search_agent_table(path, table)
    found: dict[str, _Found] = {}
    for key, raw in table.items():
        if key in OPTIONS:
            found[key] = _Found(raw, f"{path}: {key}")
        else:
            problems.append(f"{path}: {key}: unknown key; {_suggest_key(key)}")
    return found


def _suggest_key(key: str) -> str:
    for option in OPTIONS.values():
        if key in option.keys:
            return f"the Agent's {key} is {option.name} here"
    near = suggest(key, list(OPTIONS))
    return near if near.endswith("?") else "`statsd-trio config schema` has them all"


def _search_agent_table(path: Path, table: Mapping[str, object]) -> dict[str, _Found]:
    # Other keys are the rest of the Agent's.
    def look_up(option: Option) -> list[_Found]:
        return [
            _Found(
                _read_alias(alias, raw), f"{path}: {alias.key}", rank, is_agents=True
            )
            for rank, alias in enumerate(option.aliases)
            if alias.key is not None
            and (raw := _look_up_dotted(table, alias.key)) not in (None, "")
        ]

    return _search(look_up)


def _look_up_dotted(table: object, key: str) -> object:
    for part in key.split("."):
        if not isinstance(table, dict):
            return None
        table = cast("dict[str, object]", table).get(part)
    return table


def _search_environ(environ: Mapping[str, str]) -> dict[str, _Found]:
    def look_up(option: Option) -> list[_Found]:
        return [
            _Found(_read_alias(alias, raw), alias.variable, rank)
            for rank, alias in enumerate(option.aliases)
            if (raw := environ.get(alias.variable, "").strip())
            or (alias.counts_if_empty and alias.variable in environ)
        ]

    return _search(look_up)


def _read_alias(alias: Alias, raw: object) -> object:
    """Return what *alias* says of its option, where it is *raw*."""
    if alias.tag is None:
        return raw
    try:
        return [f"{alias.tag}:{parse_text(raw)}"]
    except ValueError:
        # As one value of a list it will be refused, under its own name.
        return [raw]


def _search(look_up: Callable[[Option], list[_Found]]) -> dict[str, _Found]:
    return {
        option.name: _combine(candidates) if option.adds_up else candidates[0]
        for option in OPTIONS.values()
        if (candidates := look_up(option))
    }


def _combine(candidates: list[_Found]) -> _Found:
    strings: list[str] = []
    for candidate in candidates:
        try:
            strings += parse_strings(candidate.raw)
        except ValueError:
            # Alone, it will be refused under its own name.
            return candidate
    strings = list(dict.fromkeys(strings))
    return candidates[0]._replace(
        raw=strings, source=" + ".join(candidate.source for candidate in candidates)
    )


def _search_flags(flags: Mapping[str, object]) -> dict[str, _Found]:
    return {
        name: _Found(raw, f"--{OPTIONS[name].flag}")
        for name, raw in flags.items()
        if raw is not None
    }


def _separate_filterlists(found: dict[str, _Found]) -> None:
    """Drop a match_prefix that belongs to the other of the Agent's two lists.

    Source: datadog-agent, comp/filterlist/impl/filterlist.go: the older pair of keys
    is read only when ``metric_filterlist`` is empty, and then as a pair.
    """
    ranks = [
        found[name].rank if name in found else None
        for name in ("metric_filterlist", "metric_filterlist_match_prefix")
    ]
    if None not in ranks and ranks[0] != ranks[1]:
        del found["metric_filterlist_match_prefix"]


def _leave_out_unknown(found: dict[str, _Found], warnings: list[str]) -> None:
    """Leave out of the Agent's lists what it leaves out itself, and warn of it."""
    for name, each in found.items():
        kind = OPTIONS[name].kind
        if not each.is_agents or kind.check_item is None:
            continue
        try:
            items = kind.parse(each.raw)
        except ValueError:
            # Not a list at all, which will be refused.
            continue
        known: list[object] = []
        for item in items:
            try:
                kind.check_item(item)
            except ValueError as error:
                warnings.append(f"{each.source}: left out: {error}")
            else:
                known.append(item)
        found[name] = each._replace(raw=known)


def _leave_out_halves(
    config: Config, found: Mapping[str, _Found], warnings: list[str]
) -> Config:
    """Take back what has no effect in the Agent without another key."""
    halves: dict[str, Any] = {}
    for name, other, effect in (
        ("forward_host", "forward_port", "nothing is forwarded"),
        ("forward_port", "forward_host", "nothing is forwarded"),
        ("spool_path", "spool_max_bytes", "nothing is spooled"),
    ):
        is_half = getattr(config, name) and not getattr(config, other)
        if is_half and name in found and found[name].is_agents:
            key = OPTIONS[other].keys[0]
            warnings.append(f"{found[name].source}: {effect} without {key}")
            halves[name] = None
    return attrs.evolve(config, **halves)


def _structure(
    found: Mapping[str, _Found], problems: list[str]
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
            shown = show_value(source.raw, OPTIONS[note.name].kind.mask)
            problems += [
                f"{source.source}={shown}: {line}" for line in _describe_error(error)
            ]
    good = {name: value for name, value in raw.items() if name not in bad}
    return _converter().structure(good, Config), bad


def _describe_error(error: Exception) -> list[str]:
    import cattrs  # noqa: PLC0415 - as above

    if isinstance(error, ConfigError):
        return error.problems
    if isinstance(error, cattrs.BaseValidationError):
        return cattrs.transform_error(error, "item", _describe_leaf)
    return [_describe_leaf(error, None)]


def _describe_leaf(error: BaseException, _type: type | None) -> str:
    import cattrs  # noqa: PLC0415 - as above

    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return f"unknown key {', '.join(sorted(error.extra_fields))}"
    if isinstance(error, KeyError):
        return f"has no {error.args[0]}"
    if isinstance(error, ValueError) and error.args:
        # A library may have added objects of its own behind the words.
        return str(error.args[0])
    return "not what is expected here"


@functools.cache
def _converter() -> Any:
    import cattrs  # noqa: PLC0415 - as above
    from cattrs.gen import make_dict_structure_fn, override  # noqa: PLC0415 - as above

    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(str, lambda raw, _: parse_text(raw))
    converter.register_structure_hook_func(
        lambda wanted: wanted == tuple[str, ...], lambda raw, _: parse_strings(raw)
    )

    def make_hook(option: Option) -> Callable[[object, object], Any]:
        def structure(raw: object, _type: object) -> Any:
            value = _read(converter, option.kind, raw)
            lines = check_value(option, value)
            if lines:
                raise ConfigError(lines)
            return value

        return structure

    # Any, or a checker would take an override for one of the function's own options.
    overrides: dict[str, Any] = {name: override(omit=True) for name in PYTHON_ONLY}
    for option in OPTIONS.values():
        overrides[option.name] = override(struct_hook=make_hook(option))
    converter.register_structure_hook(
        Config, make_dict_structure_fn(Config, converter, **overrides)
    )
    return converter


def _read(converter: Any, kind: Kind, raw: object) -> Any:
    value = kind.parse(raw)
    if kind.items is None:
        return value
    return converter.structure(value, GenericAlias(tuple, (kind.items, ...)))
