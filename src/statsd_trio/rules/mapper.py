"""A metric name in; a new name and more tags out, by an operator's patterns.

Profiles are asked in order, and the first whose prefix fits the name ends the
search, mapped or not. Its mappings are asked in order; the first match wins.

A wildcard pattern takes linear time on any name. A regular expression may not: Go's
engine, for which the Agent's profiles are written, always does, but Python's can take
exponential time on a name that somebody sends. Hence names longer than
`MAX_REGEX_NAME_LENGTH` are never shown to one, and every answer is remembered; a
pattern with nested repeats, such as ``(a+)+``, remains the operator's own risk.

Source: datadog-agent, comp/dogstatsd/mapper/mapper.go.
"""

import functools
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import attrs

from statsd_trio.errors import ConfigError

DEFAULT_CACHE_SIZE: Final = 1000

# Datadog's naming policy ends at 200 characters; the Agent does not enforce it.
MAX_REGEX_NAME_LENGTH: Final = 256

MATCH_TYPES: Final = ("wildcard", "regex")

_WILDCARD_PATTERN: Final = re.compile(r"[a-zA-Z0-9\-_*.]+")

# What Python understands and Go's engine refuses, so that a profile which works
# here works in the Agent too.
_PYTHON_ONLY: Final = re.compile(
    r"""
    (?P<lookaround> \(\?<?[=!] )
    | (?P<backreference> \\[1-9] | \(\?P= )
    | (?P<conditional_group> \(\?\( )
    | (?P<atomic_group> \(\?> )
    | (?P<comment> \(\?\# )
    | (?P<possessive_repeat> [*+?}]\+ )
    | (?P<flag> \(\?[a-zA-Z]*[aLuxt] )
    """,
    re.VERBOSE,
)
# What Go understands and Python reads as something else, silently.
_POSIX_CLASS: Final = re.compile(r"\[:\^?[a-z]+:\]")
_LEADING_FLAGS: Final = re.compile(r"\(\?[ims]+\)")
_SET: Final = re.compile(r"\[\^?\]?[^\]]*\]")
_ESCAPED: Final = re.compile(r"\\[^1-9]", re.DOTALL)

_REFERENCE: Final = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


@attrs.frozen
class MetricMapping:
    """One pattern, and what a name that fits it becomes.

    Attributes:
        match: a wildcard pattern, whose ``*`` stands for anything but a dot, or a
            regular expression.
        name: the new name; ``$1`` and ``${1}`` stand for what matched.
        match_type: ``wildcard`` or ``regex``.
        tags: tag names to values, which are expanded as *name* is.
    """

    match: str
    name: str
    match_type: str = "wildcard"
    tags: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen
class MapperProfile:
    """The mappings for the names that start with one prefix, ``*`` for all."""

    name: str
    prefix: str
    mappings: tuple[MetricMapping, ...] = attrs.field(default=(), converter=tuple)


class MappedName(NamedTuple):
    """What a name became."""

    name: str
    tags: tuple[str, ...]


class Groups(NamedTuple):
    """What a pattern caught: the whole name first, then each group."""

    numbered: tuple[str, ...]
    named: Mapping[str, str]


class _CompiledMapping(NamedTuple):
    match: Callable[[str], Groups | None]
    name: str
    tags: tuple[tuple[str, str], ...]


class _CompiledProfile(NamedTuple):
    prefix: str
    mappings: tuple[_CompiledMapping, ...]


class Mapper:
    """Maps names, remembering the answers for the *cache_size* latest ones.

    Raises:
        ConfigError: with one line for each profile or mapping that cannot work.
    """

    def __init__(
        self,
        profiles: Sequence[MapperProfile],
        *,
        cache_size: int = DEFAULT_CACHE_SIZE,
    ) -> None:
        problems: list[str] = []
        self._profiles = tuple(
            _compile_profile(profile, f"profile {number}", problems)
            for number, profile in enumerate(profiles, 1)
        )
        if problems:
            raise ConfigError(problems)
        self.map_name: Callable[[str], MappedName | None] = functools.lru_cache(
            maxsize=cache_size
        )(self._map_uncached)

    def _map_uncached(self, name: str) -> MappedName | None:
        for profile in self._profiles:
            if name.startswith(profile.prefix):
                return _map_by_profile(profile, name)
        return None


def _map_by_profile(profile: _CompiledProfile, name: str) -> MappedName | None:
    for mapping in profile.mappings:
        groups = mapping.match(name)
        if groups is not None:
            return MappedName(
                expand(mapping.name, groups),
                tuple(f"{key}:{expand(value, groups)}" for key, value in mapping.tags),
            )
    return None


def expand(template: str, groups: Groups) -> str:
    """Fill in *template*'s references with *groups*.

    ``$1x`` is a reference to a group named ``1x``; ``${1}x`` is what one means.
    A reference to a group that does not exist, or took no part, is empty.

    Source: Go, package regexp, Expand.
    """

    def replace(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        # Nine digits, since Python refuses to convert thousands of them; a leading
        # zero makes a name of a number, as in Go.
        if name.isdecimal() and (name == "0" or not name.startswith("0")):
            number = int(name[:9])
            return groups.numbered[number] if number < len(groups.numbered) else ""
        return groups.named.get(name, "")

    return _REFERENCE.sub(replace, template)


def _compile_profile(
    profile: MapperProfile, place: str, problems: list[str]
) -> _CompiledProfile:
    if profile.name:
        place = f"{place} ({profile.name})"
    else:
        problems.append(f"{place}: has no name")
    if not profile.prefix:
        problems.append(f"{place}: has no prefix; '*' stands for every metric")
    mappings: list[_CompiledMapping] = []
    for number, mapping in enumerate(profile.mappings, 1):
        try:
            mappings.append(_compile_mapping(mapping))
        except ValueError as error:
            problems.append(f"{place}: mapping {number}: {error}")
    prefix = "" if profile.prefix == "*" else profile.prefix
    return _CompiledProfile(prefix, tuple(mappings))


def _compile_mapping(mapping: MetricMapping) -> _CompiledMapping:
    if not mapping.name:
        raise ValueError("has no name, which is what the metric becomes")
    if not mapping.match:
        raise ValueError("has no match, which is the pattern")
    if mapping.match_type not in MATCH_TYPES:
        raise ValueError(
            f"match_type {mapping.match_type!r} is neither wildcard nor regex"
        )
    compile_pattern = (
        _compile_regex if mapping.match_type == "regex" else _compile_wildcard
    )
    return _CompiledMapping(
        compile_pattern(mapping.match), mapping.name, tuple(mapping.tags.items())
    )


def _compile_wildcard(pattern: str) -> Callable[[str], Groups | None]:
    if not _WILDCARD_PATTERN.fullmatch(pattern):
        raise ValueError(
            f"{pattern!r} is no wildcard pattern: letters, digits, '-', '_', '.'"
            " and '*' only"
        )
    if "**" in pattern:
        raise ValueError(f"{pattern!r} has consecutive '*'")
    # What stands between the stars, for each part between dots.
    parts = [part.split("*") for part in pattern.split(".")]

    def match(name: str) -> Groups | None:
        segments = name.split(".")
        if len(segments) != len(parts):
            return None
        caught = [name]
        for literals, segment in zip(parts, segments, strict=True):
            stars = _match_segment(literals, segment)
            if stars is None:
                return None
            caught += stars
        return Groups(tuple(caught), {})

    return match


def _match_segment(literals: Sequence[str], segment: str) -> list[str] | None:
    """Tell what each star stands for; the first ones take as much as they can.

    From the right, the last place where a literal fits leaves most to the stars
    before it, so that nothing has to be tried twice.
    """
    first, *others = literals
    if not others:
        return [] if segment == first else None
    if not segment.startswith(first):
        return None
    *middle, last = others
    end = len(segment) - len(last)
    if end < len(first) or not segment.endswith(last):
        return None
    stars: list[str] = []
    for literal in reversed(middle):
        start = segment.rfind(literal, len(first), end)
        if start < 0:
            return None
        stars.append(segment[start + len(literal) : end])
        end = start
    stars.append(segment[len(first) : end])
    return stars[::-1]


def _compile_regex(pattern: str) -> Callable[[str], Groups | None]:
    _refuse_foreign(pattern)
    flags = _LEADING_FLAGS.match(pattern)
    start = flags.end() if flags else 0
    try:
        with warnings.catch_warnings():
            # Python may one day read `[a||b]` otherwise; today it is a plain set.
            warnings.simplefilter("ignore", FutureWarning)
            # As the Agent wraps it: `a|b` is `^a` or `b$`. Go's classes are ASCII.
            compiled = re.compile(rf"{pattern[:start]}^{pattern[start:]}\Z", re.ASCII)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None

    def match(name: str) -> Groups | None:
        if len(name) > MAX_REGEX_NAME_LENGTH:
            return None
        found = compiled.search(name)
        if found is None:
            return None
        return Groups((found[0], *found.groups("")), found.groupdict(""))

    return match


def _refuse_foreign(pattern: str) -> None:
    # Escaped characters first, then sets: in `\(\?=` and `[*+]` nothing is special.
    plain = _ESCAPED.sub("  ", pattern)
    if _POSIX_CLASS.search(plain):
        raise ValueError(
            f"{pattern!r} has a POSIX class; write [a-zA-Z] for [[:alpha:]]"
        )
    python_only = _PYTHON_ONLY.search(_SET.sub("[]", plain))
    if python_only is not None:
        what = str(python_only.lastgroup).replace("_", " ")
        raise ValueError(f"{pattern!r}: the Agent's engine knows no {what}")
