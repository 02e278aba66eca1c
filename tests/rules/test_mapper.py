"""The vectors are those of datadog-agent, comp/dogstatsd/mapper/mapper_test.go."""

import re
import time

import pytest
from hypothesis import given, strategies as st

from statsd_trio.errors import ConfigError
from statsd_trio.rules import regex
from statsd_trio.rules.mapper import (
    Mapper,
    MapperProfile,
    MetricMapping,
)
from statsd_trio.rules.regex import MAX_REGEX_NAME_LENGTH
from statsd_trio.rules.template import Groups, expand


@pytest.fixture(params=["python", "re2"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "re2":
        pytest.importorskip("re2")
    else:
        monkeypatch.setattr(regex, "find_re2", lambda: None)


def make_mapper(*mappings: MetricMapping, prefix: str = "test.") -> Mapper:
    return Mapper([MapperProfile("test", prefix, mappings)])


DURATION = MetricMapping(
    "test.job.duration.*.*",
    "test.job.duration",
    tags={"job_type": "$1", "job_name": "$2"},
)
SIZE = MetricMapping(
    "test.job.size.*.*", "test.job.size", tags={"foo": "$1", "bar": "$2"}
)


def test_wildcards_become_tags() -> None:
    mapped = make_mapper(DURATION, SIZE).map_name(
        "test.job.duration.my_job_type.my_job_name"
    )

    assert mapped == (
        "test.job.duration",
        ("job_type:my_job_type", "job_name:my_job_name"),
    )


def test_second_mapping_is_tried_after_the_first() -> None:
    mapped = make_mapper(DURATION, SIZE).map_name("test.job.size.a.b")

    assert mapped == ("test.job.size", ("foo:a", "bar:b"))


@pytest.mark.parametrize(
    "name",
    [
        "test.job.size.not_match",
        "test.job.size.a.b.c",
        "test.job.other.a.b",
        "other.job.size.a.b",
        "test",
        "",
    ],
)
def test_name_that_fits_no_mapping_is_left_alone(name: str) -> None:
    assert make_mapper(DURATION, SIZE).map_name(name) is None


def test_braces_end_a_reference() -> None:
    mapper = make_mapper(
        MetricMapping(
            "test.job.duration.*.*",
            "n",
            tags={"a": "${1}_x", "b": "${2}_y", "c": "$1_x"},
        )
    )

    mapped = mapper.map_name("test.job.duration.my_job_type.my_job_name")

    assert mapped == ("n", ("a:my_job_type_x", "b:my_job_name_y", "c:"))


def test_name_is_expanded_too() -> None:
    mapper = make_mapper(MetricMapping("test.job.duration.*.*", "test.hello.$2.$1"))

    mapped = mapper.map_name("test.job.duration.my_job_type.my_job_name")

    assert mapped == ("test.hello.my_job_name.my_job_type", ())


def test_star_stands_within_a_segment() -> None:
    mapper = make_mapper(
        MetricMapping("test.*_start", "test.start", tags={"job": "$1"})
    )

    assert mapper.map_name("test.my_job_start") == ("test.start", ("job:my_job",))


def test_star_stands_for_nothing_too() -> None:
    mapper = make_mapper(
        MetricMapping("test.*_start", "test.start", tags={"job": "$1"})
    )

    assert mapper.map_name("test._start") == ("test.start", ("job:",))


def test_pattern_without_star_renames() -> None:
    mapper = make_mapper(MetricMapping("test.my-worker.start", "test.worker.start"))

    assert mapper.map_name("test.my-worker.start") == ("test.worker.start", ())


@pytest.mark.usefixtures("engine")
def test_regex_crosses_dots() -> None:
    mapper = make_mapper(
        MetricMapping(
            r"test\.job\.duration\.(.*)",
            "test.job.duration",
            "regex",
            {"job_name": "$1"},
        )
    )

    mapped = mapper.map_name("test.job.duration.my.funky.job$name-abc/123")

    assert mapped == ("test.job.duration", ("job_name:my.funky.job$name-abc/123",))


@pytest.mark.usefixtures("engine")
def test_regex_that_does_not_match_leaves_the_name_alone() -> None:
    mapper = make_mapper(
        MetricMapping(
            r"test\.job\.([a-z][0-9]-\w+)\.(.*)",
            "test.job",
            "regex",
            {"job_type": "$1", "job_name": "$2"},
        )
    )

    assert mapper.map_name("test.job.a5-foo.bar") == (
        "test.job",
        ("job_type:a5-foo", "job_name:bar"),
    )
    assert mapper.map_name("test.job.foo.bar-not-match") is None


FOO = MapperProfile(
    "foo", "foo.", (MetricMapping("foo.duration.*", "foo.duration", tags={"n": "$1"}),)
)
BAR = MapperProfile(
    "bar",
    "bar.",
    (
        MetricMapping("bar.count.*", "bar.count", tags={"n": "$1"}),
        MetricMapping("foo.duration2.*", "foo.duration2", tags={"n": "$1"}),
    ),
)


def test_each_profile_maps_names_of_its_prefix() -> None:
    mapper = Mapper([FOO, BAR])

    assert mapper.map_name("foo.duration.a") == ("foo.duration", ("n:a",))
    assert mapper.map_name("bar.count.a") == ("bar.count", ("n:a",))


def test_mapping_of_another_prefix_is_never_reached() -> None:
    assert Mapper([FOO, BAR]).map_name("foo.duration2.foo_name1") is None


def test_star_prefix_takes_every_name_from_later_profiles() -> None:
    first = MapperProfile(
        "a", "*", (MetricMapping("foo.duration.*", "first", tags={"n": "$1"}),)
    )
    second = MapperProfile("b", "*", (MetricMapping("foo.*.*", "second"),))
    mapper = Mapper([first, second])

    assert mapper.map_name("foo.duration.foo_name") == ("first", ("n:foo_name",))
    assert mapper.map_name("foo.other.foo_name") is None


def test_first_fitting_prefix_wins_over_a_longer_one() -> None:
    short = MapperProfile(
        "short",
        "foo.",
        (
            MetricMapping(
                "foo.*.duration.*", "foo.bar1.duration", tags={"bar": "$1", "foo": "$2"}
            ),
        ),
    )
    long = MapperProfile(
        "long", "foo.bar.", (MetricMapping("foo.bar.duration.*", "foo.bar2.duration"),)
    )

    mapped = Mapper([short, long]).map_name("foo.bar.duration.foo_name")

    assert mapped == ("foo.bar1.duration", ("bar:bar", "foo:foo_name"))


@pytest.mark.parametrize(
    ("profile", "problem"),
    [
        (MapperProfile("", "p"), "profile 1: has no name"),
        (
            MapperProfile("n", ""),
            "profile 1 (n): has no prefix; '*' stands for every metric",
        ),
    ],
)
def test_incomplete_profile_is_a_problem(profile: MapperProfile, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Mapper([profile])

    assert refused.value.problems == [problem]


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (MetricMapping("a", ""), "has no name"),
        (MetricMapping("", "a"), "has no match"),
        (MetricMapping("a", "b", "glob"), "neither wildcard nor regex"),
        (MetricMapping("test.[]duration.*.*", "b"), "is not a wildcard pattern"),
        (MetricMapping("^test.invalid.duration.*.*", "b"), "is not a wildcard pattern"),
        (MetricMapping("test.invalid.duration.**", "b"), "has consecutive '*'"),
        (MetricMapping("(", "b", "regex"), "is not a regular expression"),
        (MetricMapping("a(?=b)", "b", "regex"), "has no lookaround"),
        (MetricMapping("a(?<!b)", "b", "regex"), "has no lookaround"),
        (MetricMapping(r"(a)\1", "b", "regex"), "has no backreference"),
        (MetricMapping(r"(?P<x>a)(?P=x)", "b", "regex"), "has no backreference"),
        (MetricMapping("(a)?(?(1)b)", "b", "regex"), "has no conditional group"),
        (MetricMapping("(?>a)", "b", "regex"), "has no atomic group"),
        (MetricMapping("(?#a)", "b", "regex"), "has no comment"),
        (MetricMapping("a*+b", "b", "regex"), "has no possessive repeat"),
        (MetricMapping("(?x)a", "b", "regex"), "has no flag"),
    ],
)
@pytest.mark.usefixtures("engine")
def test_unusable_mapping_is_a_problem(mapping: MetricMapping, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make_mapper(mapping)

    [problem] = refused.value.problems
    assert problem.startswith("profile 1 (test): mapping 1: ")
    assert words in problem


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("[[:alpha:]]", "has a POSIX class"),
        (r"\pL", "is not a regular expression"),
        ("(a+)+", "repeat within a repeat"),
        ("(a|a)*b", "repeat within a repeat"),
        ("(.+)" * 12, "repeats that may end anywhere"),
    ],
)
def test_what_only_re2_can_do_is_a_problem_without_it(
    pattern: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(regex, "find_re2", lambda: None)
        with pytest.raises(ConfigError, match="mapping 1: ") as refused:
            make_mapper(MetricMapping(pattern, "b", "regex"))
    assert words in refused.value.problems[0]

    pytest.importorskip("re2")
    assert make_mapper(MetricMapping(pattern, "b", "regex")).warnings == ()


def test_what_takes_long_without_re2_sees_short_names_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mapping = MetricMapping(r"test\.(.+)\.(.+)\.(.+)", "c", "regex")
    short, long = f"test.a.{'b' * 80}.c", f"test.a.{'b' * 180}.c"
    with monkeypatch.context() as patch:
        patch.setattr(regex, "find_re2", lambda: None)
        mapper = make_mapper(mapping)
        assert mapper.map_name(short) is not None
        assert mapper.map_name(long) is None
        (warning,) = mapper.warnings
        assert "profile 1 (test): mapping 1: " in warning
        assert "names of more than 94 characters" in warning
        # More of them share what one name may take.
        assert "more than 64 characters" in make_mapper(*[mapping] * 3).warnings[0]

    pytest.importorskip("re2")
    mapper = make_mapper(mapping)
    assert mapper.map_name(long) is not None
    assert mapper.warnings == ()


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("repeats", [1, 2, 3, 4, 5])
def test_no_name_takes_long(repeats: int) -> None:
    mapper = make_mapper(MetricMapping("(.+)" * repeats + "x", "c", "regex"))
    start = time.process_time()

    for length in (20, 30, 50, 80, 130, 180, 256):
        assert mapper.map_name(f"test.{'.' * (length - 5)}") is None

    # Five repeats would take minutes over the longest, of this process's own time.
    assert time.process_time() - start < 30
    assert mapper.worst_seconds < 0.002


def test_worst_time_is_that_of_the_largest_profile() -> None:
    assert Mapper([]).worst_seconds == 0
    few, many = ([MetricMapping("test.*", "a")] * number for number in (1, 50))
    mapper = Mapper([MapperProfile("a", "a", few), MapperProfile("b", "b", many)])
    assert mapper.worst_seconds == pytest.approx(50 * make_mapper(*few).worst_seconds)


def test_every_problem_is_named_at_once() -> None:
    bad = MetricMapping("**", "")
    with pytest.raises(ConfigError) as refused:
        Mapper([MapperProfile("a", "", (bad, bad)), MapperProfile("b", "p", (bad,))])

    assert len(refused.value.problems) == 4


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (r"a\(\?=b", "a(?=b"),
        ("a[*+]b", "a+b"),
        ("(?i)ABC", "abc"),
        ("[a||b]", "|"),
        (r"a\\1", r"a\1"),
    ],
)
@pytest.mark.usefixtures("engine")
def test_harmless_regex_is_taken(pattern: str, name: str) -> None:
    mapper = make_mapper(MetricMapping(pattern, "b", "regex"), prefix="*")

    assert mapper.map_name(name) == ("b", ())


@pytest.mark.usefixtures("engine")
def test_regex_is_wrapped_as_the_agent_wraps_it() -> None:
    mapper = make_mapper(MetricMapping("a|b", "c", "regex"), prefix="*")

    assert mapper.map_name("axx") is not None
    assert mapper.map_name("xxb") is not None
    assert mapper.map_name("xbx") is None


@pytest.mark.usefixtures("engine")
def test_regex_classes_are_ascii() -> None:
    mapper = make_mapper(MetricMapping(r"\d", "c", "regex"), prefix="*")

    assert mapper.map_name("٣") is None


@pytest.mark.usefixtures("engine")
def test_long_name_is_not_shown_to_a_regex() -> None:
    mapper = make_mapper(MetricMapping("(.*)", "c", "regex"), prefix="*")

    assert mapper.map_name("a" * MAX_REGEX_NAME_LENGTH) is not None
    assert mapper.map_name("a" * (MAX_REGEX_NAME_LENGTH + 1)) is None


def test_wildcards_stay_quick_on_a_hostile_name() -> None:
    mapper = make_mapper(MetricMapping("*_*_*_*_*_*b", "c"), prefix="*")

    # Backtracking would take years: the test would not end.
    assert mapper.map_name("_" * 8000) is None


def test_literal_between_stars_has_to_be_there() -> None:
    mapper = make_mapper(MetricMapping("*a*b", "c"), prefix="*")

    assert mapper.map_name("xb") is None
    assert mapper.map_name("xab") is not None


def test_remembers_only_the_latest_names() -> None:
    mapper = Mapper([FOO], cache_size=2)
    for number in range(5):
        mapper.map_name(f"foo.duration.{number}")

    assert mapper.map_name.cache_info().currsize == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("$1", "one"),
        ("${1}", "one"),
        ("$1x", ""),
        ("${1}x", "onex"),
        ("$0", "whole"),
        ("$9", ""),
        ("$01", ""),
        ("$99999999999999999999", ""),
        ("$word", "named"),
        ("${word}s", "nameds"),
        ("$other", ""),
        ("$$1", "$1"),
        ("$", "$"),
        ("a$-b", "a$-b"),
        ("${1", "${1"),
        ("${}", "${}"),
    ],
)
def test_expands_as_go_does(template: str, text: str) -> None:
    groups = Groups(("whole", "one"), {"word": "named"})

    assert expand(template, groups) == text


@given(
    pattern=st.text("ab.*_", min_size=1, max_size=8).filter(
        lambda text: "**" not in text
    ),
    name=st.text("ab._", max_size=12),
)
def test_wildcards_catch_what_a_greedy_regex_would(pattern: str, name: str) -> None:
    stars = pattern.count("*")
    mapping = MetricMapping(
        pattern, "n", tags={str(i): f"${{{i}}}" for i in range(1, stars + 1)}
    )
    oracle = re.fullmatch(re.escape(pattern).replace(r"\*", "([^.]*)"), name)

    mapped = make_mapper(mapping, prefix="*").map_name(name)

    assert mapped == (
        oracle
        and ("n", tuple(f"{i}:{text}" for i, text in enumerate(oracle.groups(), 1)))
    )
