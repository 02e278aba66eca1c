"""Find what a file, the environment and flags say about each field.

A later source replaces what an earlier one says about a field; the order is: a file,
the environment, the command line. If the names of a field add up, as those for tags do,
a later source replaces only what an earlier one says under the same name, but a flag
replaces everything.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, cast

import attrs

from statsd_trio.config.files import is_agent_file, read_file
from statsd_trio.config.option import AGENT_PREFIX, PREFIX, Alias
from statsd_trio.config.options import OPTIONS, OTHER_VARIABLES
from statsd_trio.config.parsing import parse_strings, parse_text
from statsd_trio.errors import ConfigError
from statsd_trio.suggestion import find_nearest

# Variables that Kubernetes, and Docker before it, set for a service whose name begins
# with `statsd-trio`. Source: kubernetes.io, "Discovering services", environment
# variables.
_OF_A_SERVICE: Final = re.compile(
    r".*_SERVICE_(HOST|PORT(_.+)?)|.*_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?"
)
_URL_OF_A_SERVICE: Final = re.compile(r"(tcp|udp|sctp)://.*")

# What other servers of StatsD call a field.
# Source: statsd, exampleConfig.js (flushInterval); gostatsd, README.md
# (flush-interval); telegraf, agent (flush_interval).
_OTHER_WORDS: Final = {
    "flush": "interval_seconds",
    "flush_interval": "interval_seconds",
    "flush_interval_seconds": "interval_seconds",
    "flushinterval": "interval_seconds",
}

# The prefix of variables that are for any program that sends OTLP.
_FOREIGN: Final = "OTEL_"

# The first one that is set counts. Source: opentelemetry-specification,
# protocol/exporter.md.
_PROTOCOLS: Final = (
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
)


class Found(NamedTuple):
    """What one source says about a field.

    Attributes:
        raw: text, or what TOML or YAML turned it into.
        source: a description of the source for people.
        rank: the index of the name that was used, among the Agent's names for the
            field.
        is_agents: whether it is in a file of the Agent, where the Agent's rules for bad
            values apply.
    """

    raw: object
    source: str
    rank: int | None = None
    is_agents: bool = False


@attrs.define
class Findings:
    """What all sources say together.

    Attributes:
        found: for each field, what the last source says.
        problems: what cannot be read, or is not the name of a field, one line each.
        meant: the fields that unknown names were probably meant for.
        has_whole_file: False if the file could not be read, so that its contents are
            not known.
    """

    found: dict[str, Found] = attrs.field(factory=dict[str, Found])
    problems: list[str] = attrs.field(factory=list[str])
    meant: set[str] = attrs.field(factory=set[str])
    has_whole_file: bool = True


# For each field, what one source says under each of its names, by rank.
_ByRank = dict[str, dict[int, Found]]


def search_sources(
    environ: Mapping[str, str],
    path: Path | None,
    flags: Mapping[str, object],
) -> Findings:
    """Search the file, the environment and the flags, in this order."""
    findings = Findings()
    in_file = {} if path is None else _search_file(path, findings)
    in_environ = _search_environ(environ)
    _check_variables(environ, findings)
    for option in OPTIONS.values():
        earlier = in_file.get(option.name, {})
        later = in_environ.get(option.name, {})
        said = earlier | later if option.adds_up else later or earlier
        candidates = [said[rank] for rank in sorted(said)]
        if candidates:
            findings.found[option.name] = (
                _combine(candidates) if option.adds_up else candidates[0]
            )
    findings.found |= {
        name: Found(raw, f"--{OPTIONS[name].flag}")
        for name, raw in flags.items()
        if raw is not None
    }
    _separate_filterlists(findings.found)
    _leave_out_foreign(findings.found)
    return findings


def _search_file(path: Path, findings: Findings) -> _ByRank:
    try:
        table = read_file(path)
    except ConfigError as error:
        findings.problems += error.problems
        findings.has_whole_file = False
        return {}
    if is_agent_file(path):
        return _search_agent_table(path, table)
    found: _ByRank = {}
    for key, raw in table.items():
        if key in OPTIONS:
            found[key] = {0: Found(raw, f"{path}: {key}")}
        else:
            hint = _suggest_key(key, findings)
            findings.problems.append(f"{path}: {key}: unknown key; {hint}")
    return found


def _suggest_key(key: str, findings: Findings) -> str:
    for option in OPTIONS.values():
        if key in option.keys:
            findings.meant.add(option.name)
            return f"the Agent's {key} is {option.name} here"
    near = _OTHER_WORDS.get(key) or find_nearest(key, OPTIONS)
    if near is None:
        return "`statsd-trio config schema` has them all"
    findings.meant.add(near)
    return f"did you mean {near}?"


def _search_agent_table(path: Path, table: Mapping[str, object]) -> _ByRank:
    # Other keys belong to other parts of the Agent.
    return {
        option.name: {
            rank: Found(
                _read_alias(alias, raw), f"{path}: {alias.key}", rank, is_agents=True
            )
            for rank, alias in enumerate(option.aliases)
            if alias.key is not None
            and (raw := _look_up_dotted(table, alias.key)) not in (None, "")
        }
        for option in OPTIONS.values()
    }


def _look_up_dotted(table: object, key: str) -> object:
    for part in key.split("."):
        if not isinstance(table, dict):
            return None
        table = cast("dict[str, object]", table).get(part)
    return table


def _search_environ(environ: Mapping[str, str]) -> _ByRank:
    return {
        option.name: {
            rank: Found(_read_alias(alias, raw), alias.variable, rank)
            for rank, alias in enumerate(option.aliases)
            if (raw := environ.get(alias.variable, "").strip())
            or (alias.counts_if_empty and alias.variable in environ)
        }
        for option in OPTIONS.values()
    }


def _check_variables(environ: Mapping[str, str], findings: Findings) -> None:
    """Find variables that look like ours but are unknown."""
    known = [name for option in OPTIONS.values() for name in option.environ]
    ours = [*(name for name in known if name.startswith(PREFIX)), *OTHER_VARIABLES]
    for name, text in environ.items():
        rest = name.removeprefix(PREFIX)
        if rest == name or name in ours or not text.strip():
            continue
        if _OF_A_SERVICE.fullmatch(f"_{rest}") or (
            rest.endswith("PORT") and _URL_OF_A_SERVICE.fullmatch(text)
        ):
            continue
        hint = _suggest_variable(name, ours, findings)
        findings.problems.append(f"{name}: unknown variable; {hint}")


def _suggest_variable(name: str, ours: list[str], findings: Findings) -> str:
    # Without the prefixes, which would make any two names look alike.
    word = name.removeprefix(PREFIX).lower()
    variables = {known.removeprefix(PREFIX).lower(): known for known in ours}
    for option in OPTIONS.values():
        for known in option.environ:
            variables.setdefault(known.removeprefix(AGENT_PREFIX).lower(), known)
        variables[option.name] = option.environ[0]
    near = _OTHER_WORDS.get(word) or find_nearest(word, variables)
    if near is None:
        return f"known are {', '.join(ours)}"
    variable = variables[near]
    findings.meant |= {
        option.name for option in OPTIONS.values() if variable in option.environ
    }
    return f"did you mean {variable}?"


def _read_alias(alias: Alias, raw: object) -> object:
    """Return the value of the option of *alias*, which was given as *raw*."""
    if alias.unit and str(raw).strip().isdecimal():
        return f"{raw}{alias.unit}"
    if alias.tag is None:
        return raw
    try:
        return [f"{alias.tag}:{parse_text(raw)}"]
    except ValueError:
        # As one item of a list it will be refused, under its own name.
        return [raw]


def _combine(candidates: list[Found]) -> Found:
    strings: list[str] = []
    for candidate in candidates:
        try:
            strings += parse_strings(candidate.raw)
        except ValueError:
            # It is the only one, and will be refused under its own name.
            return candidate
    strings = list(dict.fromkeys(strings))
    return Found(strings, " + ".join(candidate.source for candidate in candidates))


def find_other_protocols(environ: Mapping[str, str]) -> list[str]:
    """Return a line if OpenTelemetry's variables ask for another protocol."""
    for name in _PROTOCOLS:
        asked = environ.get(name, "").strip()
        if asked and asked != "http/protobuf":
            how = "OTLP is sent by http/protobuf, most often to port 4318"
            return [f"{name}={asked!r} has no effect: {how}"]
    return []


def _leave_out_foreign(found: dict[str, Found]) -> None:
    """Drop OpenTelemetry's variables, unless OTLP is sent.

    They may be meant for another program, with values that cannot be used here.
    """
    sinks = found.get("sinks")
    try:
        sends_otlp = sinks is not None and "otlp" in OPTIONS["sinks"].type.parse(
            sinks.raw
        )
    except ValueError:
        # It is not known what was meant; this is refused later.
        sends_otlp = True
    if sends_otlp:
        return
    for name, each in list(found.items()):
        if each.source.startswith(_FOREIGN):
            del found[name]


def _separate_filterlists(found: dict[str, Found]) -> None:
    """Drop a match_prefix that belongs to the other one of the Agent's two lists.

    Source: datadog-agent, comp/filterlist/impl/filterlist.go: the older pair of keys is
    read only when ``metric_filterlist`` is empty, and then as a pair.
    """
    ranks = [
        found[name].rank if name in found else None
        for name in ("metric_filterlist", "metric_filterlist_match_prefix")
    ]
    if None not in ranks and ranks[0] != ranks[1]:
        del found["metric_filterlist_match_prefix"]
