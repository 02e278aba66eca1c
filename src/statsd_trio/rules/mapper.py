"""Map a metric's name to a new name and more tags, by an operator's patterns.

Profiles are tried in order. The first one whose prefix fits the name ends the search,
even if none of its mappings matches. Its mappings are tried in order, and the first
match wins.

Names are chosen by the senders, so the time for one name is bounded. A wildcard pattern
takes linear time, and so does a regular expression if ``google-re2`` is installed. On
Python's own engine, a pattern that can take long is only tried on names that are short
enough for it; a pattern for which no name is short enough is refused. Names longer than
`MAX_REGEX_NAME_LENGTH` are never tried on a regular expression, and every answer is
remembered.

Source: datadog-agent, comp/dogstatsd/mapper/mapper.go.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import attrs

from statsd_trio.errors import ConfigError
from statsd_trio.rules.backtracking import Effort
from statsd_trio.rules.regex import MAX_REGEX_NAME_LENGTH, Regex, compile_regex
from statsd_trio.rules.template import Groups, expand
from statsd_trio.rules.wildcard import compile_wildcard

DEFAULT_CACHE_SIZE: Final = 1000

# The limit for one name, over all patterns of its profile that can take long: 1 ms, at
# 7 ns per step.
MAX_STEPS_PER_NAME: Final = 150_000

# A pattern that may only be tried on names shorter than this is useless, and refused.
_SHORTEST_LIMIT: Final = 16

# The longest time for one name, measured with 256 characters (Python 3.11, RE2 of
# 2025).
_WILDCARD_SECONDS: Final = 5e-6
_REGEX_SECONDS: Final = 30e-6
_STEP_SECONDS: Final = 7e-9

MATCH_TYPES: Final = ("wildcard", "regex")


@attrs.frozen
class MetricMapping:
    """One pattern, and what a name that matches it becomes.

    Attributes:
        match: a wildcard pattern, in which ``*`` stands for any characters but a dot,
            or a regular expression.
        name: the new name; ``$1`` and ``${1}`` stand for the first captured text.
        match_type: ``wildcard`` or ``regex``.
        tags: the names of tags with their values; references in the values are expanded
            as in *name*.
    """

    match: str
    name: str
    match_type: str = "wildcard"
    tags: Mapping[str, str] = attrs.field(factory=dict[str, str])


def _to_tuple(mappings: Iterable[MetricMapping]) -> tuple[MetricMapping, ...]:
    # mypy does not accept `tuple` itself as the converter.
    return tuple(mappings)


@attrs.frozen
class MapperProfile:
    """The mappings for names that start with *prefix*; ``*`` stands for all names."""

    name: str
    prefix: str
    mappings: tuple[MetricMapping, ...] = attrs.field(default=(), converter=_to_tuple)


class MappedName(NamedTuple):
    """The new name of a metric, and the tags to add."""

    name: str
    tags: tuple[str, ...]


class _CompiledMapping(NamedTuple):
    place: str
    match: Callable[[str], Groups | None]
    is_regex: bool
    effort: Effort | None
    name: str
    tags: tuple[tuple[str, str], ...]
    pattern: str
    max_length: int = MAX_REGEX_NAME_LENGTH

    @property
    def is_slow(self) -> bool:
        """Whether a long name may take more than one step per character."""
        limit = MAX_REGEX_NAME_LENGTH
        return self.effort is not None and self.effort.count_steps(limit) > limit


class _CompiledProfile(NamedTuple):
    prefix: str
    mappings: tuple[_CompiledMapping, ...]

    @property
    def worst_seconds(self) -> float:
        return sum(map(_estimate_worst, self.mappings))


class Mapper:
    """Maps names, and remembers the answers for the *cache_size* latest ones.

    Attributes:
        worst_seconds: an estimate of the time that a name may take if its answer is not
            remembered.
        warnings: one line for each pattern that is only tried on short names.

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
        self.worst_seconds = max(
            (profile.worst_seconds for profile in self._profiles), default=0.0
        )
        self.warnings = tuple(
            _describe_limit(mapping)
            for profile in self._profiles
            for mapping in profile.mappings
            if mapping.max_length < MAX_REGEX_NAME_LENGTH
        )
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
        if mapping.is_regex and len(name) > mapping.max_length:
            continue
        groups = mapping.match(name)
        if groups is not None:
            return MappedName(
                expand(mapping.name, groups),
                tuple(f"{key}:{expand(value, groups)}" for key, value in mapping.tags),
            )
    return None


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
        mapping_place = f"{place}: mapping {number}"
        try:
            mappings.append(_compile_mapping(mapping, mapping_place))
        except ValueError as error:
            problems.append(f"{mapping_place}: {error}")
    mappings = _limit_lengths(mappings)
    problems += [
        f"{mapping.place}: {mapping.pattern!r} has so many repeats that may end "
        "anywhere that Python's engine could take hours on a name made for it; write "
        "[^.]+ for .+ between dots, or run pip install "
        "'statsd-trio[re2]', whose engine cannot"
        for mapping in mappings
        if mapping.max_length < _SHORTEST_LIMIT
    ]
    prefix = "" if profile.prefix == "*" else profile.prefix
    return _CompiledProfile(prefix, tuple(mappings))


def _limit_lengths(mappings: list[_CompiledMapping]) -> list[_CompiledMapping]:
    """Divide the steps allowed for one name among the patterns that can take long."""
    limit = MAX_REGEX_NAME_LENGTH
    slow = sum(mapping.is_slow for mapping in mappings)
    return [
        mapping._replace(
            max_length=mapping.effort.find_longest(MAX_STEPS_PER_NAME // slow, limit)
        )
        if mapping.effort is not None and mapping.is_slow
        else mapping
        for mapping in mappings
    ]


def _estimate_worst(mapping: _CompiledMapping) -> float:
    if not mapping.is_regex:
        return _WILDCARD_SECONDS
    if mapping.effort is None:
        return _REGEX_SECONDS
    steps = mapping.effort.count_steps(mapping.max_length)
    return _WILDCARD_SECONDS + steps * _STEP_SECONDS


def _describe_limit(mapping: _CompiledMapping) -> str:
    return (
        f"mapper_profiles: {mapping.place}: {mapping.pattern!r} is not tried on names "
        f"of more than {mapping.max_length} characters, since Python's engine could "
        "take long over them; write [^.]+ for .+ between dots, or run pip "
        "install 'statsd-trio[re2]', whose engine cannot"
    )


def _compile_mapping(mapping: MetricMapping, place: str) -> _CompiledMapping:
    if not mapping.name:
        raise ValueError("has no name, which is what the metric becomes")
    if not mapping.match:
        raise ValueError("has no match, which is the pattern")
    if mapping.match_type not in MATCH_TYPES:
        raise ValueError(
            f"match_type {mapping.match_type!r} is neither wildcard nor regex"
        )
    is_regex = mapping.match_type == "regex"
    regex = (
        compile_regex(mapping.match)
        if is_regex
        else Regex(compile_wildcard(mapping.match), None)
    )
    return _CompiledMapping(
        place,
        regex.match,
        is_regex,
        regex.effort,
        mapping.name,
        tuple(mapping.tags.items()),
        mapping.match,
    )
