import pytest
from hypothesis import given, strategies as st

from statsd_trio.rules.filterlist import FilterList, select_generated


def test_whole_names_match() -> None:
    filterlist = FilterList(["foo", "bar.baz"])

    assert filterlist.matches("foo")
    assert filterlist.matches("bar.baz")
    assert not filterlist.matches("foo.bar")
    assert not filterlist.matches("f")


def test_starts_match_where_asked_for() -> None:
    filterlist = FilterList(["foo", "foo.bar", "x"], match_prefix=True)

    assert filterlist.matches("foo")
    assert filterlist.matches("foo.zzz")
    assert filterlist.matches("foobar")
    assert not filterlist.matches("f")
    assert not filterlist.matches("wx")


def test_empty_entry_drops_nothing() -> None:
    filterlist = FilterList([""], match_prefix=True)

    assert not filterlist.matches("foo")
    assert len(filterlist) == 0


def test_empty_list_drops_nothing() -> None:
    assert not FilterList([]).matches("foo")


@given(
    entries=st.lists(st.text("ab", min_size=1, max_size=4), max_size=6),
    name=st.text("ab", max_size=6),
)
def test_starts_are_found_as_by_trying_each(entries: list[str], name: str) -> None:
    expected = any(name.startswith(entry) for entry in entries)

    assert FilterList(entries, match_prefix=True).matches(name) is expected
    assert FilterList([f"{entry}*" for entry in entries]).matches(name) is expected


# Source of these and the next: datadog-agent, comp/filterlist/impl/filterlist_test.go
# and pkg/util/metricname/matcher_test.go (2026).
@pytest.mark.parametrize(
    ("entries", "match_prefix", "dropped", "kept"),
    [
        (
            ["exact.metric", "prefixed.metric.*"],
            False,
            ["exact.metric", "prefixed.metric.", "prefixed.metric.anything"],
            ["exact.metric.suffix", "prefixed.metric", "other.metric"],
        ),
        (["foo.*", "bar"], True, ["foo.metric", "bar.metric"], ["foo"]),
        (["*"], False, ["a", "some thing"], ["", "123", "..."]),
        (["*"], True, ["a"], ["123"]),
        (
            ["my metric-name", "123", "already_normalized.metric"],
            False,
            ["my metric-name", "my_metric_name", "already_normalized.metric"],
            ["123", "unrelated.metric"],
        ),
        (
            ["my metric.*"],
            False,
            ["my metric.count", "my_metric.count", "my_metric."],
            ["my_metric", "other.metric"],
        ),
        *(
            (
                entries,
                match_prefix,
                ["service_requests", "service requests", "service-requests"],
                ["service.requests", "services.requests", "serviceother", "service"],
            )
            for entries, match_prefix in [(["service_*"], False), (["service_"], True)]
        ),
        (
            ["redis.checkpoint_"],
            True,
            ["redis.checkpoint_bytes", "redis.checkpoint-bytes"],
            ["redis.checkpointing.count", "redis.checkpointed"],
        ),
        (["custom.metric_one"], False, ["custom.metric one"], []),
        (["host.cpu_util"], False, ["host.cpu%util"], []),
        (["app.requests"], False, ["1app.requests"], []),
        (["caf.requests"], False, ["caf\u00e9.requests"], []),
        (["multiple_norm_1"], False, ["multiple-norm-1", "multiple_norm-1"], []),
        (["my_metric"], False, [], ["my.metric", "other metric"]),
        (["foo"], True, ["foo"], ["foo" * 200]),
    ],
)
def test_entries_and_names_are_compared_as_datadog_stores_them(
    entries: list[str], match_prefix: bool, dropped: list[str], kept: list[str]
) -> None:
    filterlist = FilterList(entries, match_prefix=match_prefix)
    assert [name for name in dropped if not filterlist.matches(name)] == []
    assert [name for name in kept if filterlist.matches(name)] == []


def test_entries_that_can_be_no_name_are_ignored_and_told() -> None:
    entries = ["valid.metric", "", "123", "...", "123.*", "a" * 351, "another.valid"]
    filterlist = FilterList(entries)
    assert filterlist.ignored == ("123", "...", "123.*", "a" * 351)
    assert len(filterlist) == 2


def test_starts_are_kept_for_what_a_histogram_generates() -> None:
    # Source: datadog-agent, comp/filterlist/impl/filterlist_test.go,
    # TestHistogramMetricNamesFilterWithPrefixes.
    entries = ["foo", "foo.avg", "bar.*", "baz.9*", "qux.avg.*", "count.other"]

    selected = select_generated(entries, ["avg", "max", "median", "73percentile"])
    assert selected == ("foo.avg", "bar.*", "baz.9*", "qux.avg.*")
    assert FilterList(selected).matches("baz.95percentile")

    selected = select_generated(entries, ["avg"], match_prefix=True)
    assert selected == tuple(entries)


def test_generated_names_are_selected_as_datadog_stores_them() -> None:
    selected = select_generated(["my histo.max ", "x.maxx"], ["max"])
    assert selected == ("my histo.max ",)
    assert FilterList(selected).matches("my-histo.max")


def test_generated_names_are_selected_by_suffix() -> None:
    # Source: datadog-agent, comp/dogstatsd/server/server_test.go,
    # TestHistogramMetricNamesFilter.
    entries = [
        "foo",
        "bar",
        "baz",
        "foomax",
        "foo.avg",
        "foo.max",
        "foo.count",
        "baz.73percentile",
        "bar.50percentile",
        "bar.22percentile",
        "count",
    ]

    selected = select_generated(
        entries, ["avg", "max", "median", "73percentile", "22percentile"]
    )

    assert selected == ("foo.avg", "foo.max", "baz.73percentile", "bar.22percentile")
