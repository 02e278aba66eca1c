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

    selected = select_generated(entries, ["avg", "max", "median"], [73, 22])

    assert selected == ("foo.avg", "foo.max", "baz.73percentile", "bar.22percentile")
