from typing import Any

import pytest

from statsd_trio.aggregation.context_table import (
    KEPT_CLASHES,
    SHARED_STRINGS,
    TypeClash,
    TypeClashes,
    find_details,
)
from statsd_trio.aggregation.snapshot import Point, Series, Sketch
from statsd_trio.aggregation.warnings import ContextsFull
from statsd_trio.engine.context import Context
from statsd_trio.protocol.messages import ClientOrigin, MetricType
from tests.aggregation.conftest import Harness, MakeHarness


def open_context(harness: Harness, name: str, type_: str, **fields: Any) -> Context:
    sample = harness.sample(name, type_, 1, **fields)
    context = harness.aggregator.open_context(sample)
    assert context is not None
    return context


def test_order_and_duplicates_of_tags_do_not_matter(make_harness: MakeHarness) -> None:
    harness = make_harness()
    first = open_context(harness, "a", "c", tags=("y", "x", "y"))
    assert open_context(harness, "a", "c", tags=("x", "y", "x")) is first
    assert first.tags == ("x", "y")


@pytest.mark.parametrize(
    "other",
    [
        ("b", "c", {}),
        ("a", "g", {}),
        ("a", "c", {"tags": ("x",)}),
        ("a", "c", {"host": "there"}),
        ("a", "c", {"host": ""}),
    ],
)
def test_name_type_host_and_tags_make_a_context(
    make_harness: MakeHarness, other: Any
) -> None:
    harness = make_harness(hostname="here")
    name, type_, fields = other
    first = open_context(harness, "a", "c")
    assert open_context(harness, name, type_, **fields) is not first


def test_the_servers_host_is_that_of_samples_without_one(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(hostname="here")
    first = open_context(harness, "a", "c")
    assert open_context(harness, "a", "c", host="here") is first
    assert first.host == "here"


def test_constant_tags_are_part_of_every_context(make_harness: MakeHarness) -> None:
    harness = make_harness(tags=("env:x", "a:b"))
    context = open_context(harness, "a", "c", tags=("z", "env:x"))
    assert context.tags == ("a:b", "env:x", "z")


@pytest.mark.parametrize("type_", ["c", "g", "s", "h", "ms", "d"])
def test_the_first_sample_names_the_jmx_check(
    make_harness: MakeHarness, type_: str
) -> None:
    # Source: datadog-agent, pkg/aggregator/context_resolver.go.
    harness = make_harness(
        histogram_copy_to_distribution=True,
        histogram_copy_to_distribution_prefix="copy.",
    )
    value = "x" if type_ == "s" else 1
    for name, origin in (
        ("jmx", ClientOrigin(jmx_check_name="kafka")),
        ("jmx", None),
        ("plain", ClientOrigin(container_id="x")),
        ("plain", ClientOrigin(jmx_check_name="kafka")),
    ):
        harness.put(1000, name, type_, value, origin=origin)
    snapshot = harness.take(1010)
    metrics: list[Series | Sketch] = [*snapshot.series, *snapshot.sketches]
    checks = {
        (each.name.removeprefix("copy.").partition(".")[0], each.jmx_check_name)
        for each in metrics
    }
    assert checks == {("jmx", "kafka"), ("plain", None)}


def test_origin_is_no_part_of_a_context(make_harness: MakeHarness) -> None:
    harness = make_harness()
    first = open_context(harness, "a", "c", origin=ClientOrigin(container_id="x"))
    assert open_context(harness, "a", "c") is first


def test_device_and_resources_leave_the_tags_of_a_series(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    tags = (
        "device:sda",
        "dd.internal.resource:database_instance:orders:1",
        "device:sdb",
        "env:x",
        "dd.internal.resource:nothing",
        "dd.internal.resource::name",
    )
    harness.put(1000, "disk", "g", 1, tags=tags)
    (series,) = harness.take(1010).series
    assert (series.tags, series.device) == (("env:x",), "sdb")
    assert series.resources == (("database_instance", "orders:1"),)


def test_tags_of_a_sketch_stay_as_they_are(make_harness: MakeHarness) -> None:
    harness = make_harness(hostname="here")
    harness.put(1000, "disk", "d", 1, tags=("device:sda", "a"))
    (sketch,) = harness.take(1010).sketches
    assert (sketch.tags, sketch.host) == (("a", "device:sda"), "here")


def test_most_tags_name_no_resources() -> None:
    assert find_details(("a", "device_name:x")) is None


def test_equal_tags_are_kept_once(make_harness: MakeHarness) -> None:
    harness = make_harness()
    first = open_context(harness, "a", "c", tags=("tag:" + "x" * 3, "b"))
    second = open_context(harness, "b", "c", tags=("b", "tag:" + "xxx"))
    third = open_context(harness, "b", "c", tags=("b", "c", "tag:" + "xxx"))
    assert second.tags is first.tags
    assert third.tags[2] is first.tags[1]


def test_tags_to_share_are_forgotten_when_there_are_many(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    for index in range(SHARED_STRINGS + 10):
        open_context(harness, "a", "c", tags=(f"tag:{index}",))
    table = harness.aggregator._table
    assert 0 < len(table._shared) <= SHARED_STRINGS
    assert 0 < len(table._shared_tags) <= SHARED_STRINGS


def test_beyond_the_limit_known_contexts_go_on_and_new_ones_are_refused(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(max_contexts=2)
    for name in "abc":
        harness.put(1000, name, "c", 1, 2)
    harness.put(1000, "a", "c", 3)
    assert harness.flush(1010) == {"a": [(1000, 0.6)], "b": [(1000, 0.3)]}
    assert harness.samples.dropped == {"max_contexts": 2}
    assert (harness.samples.parsed, harness.samples.aggregated) == (7, 5)
    assert harness.contexts.current == harness.contexts.peak == 2


def test_a_full_table_is_reported_once_an_interval(make_harness: MakeHarness) -> None:
    harness = make_harness(max_contexts=2)
    for user in range(5):
        harness.put(1000, "a", "c", 1, tags=(f"user:{user}",))
    harness.take(1010)
    (warning,) = harness.warnings
    assert isinstance(warning, ContextsFull)
    assert (warning.dropped, warning.limit) == (3, 2)
    assert warning.ranking.names == (("a", 2),)
    assert warning.ranking.tag_keys == (("user", 2),)
    harness.take(1020)
    assert harness.warnings == ()


def test_two_types_of_one_name_are_counted_and_named(make_harness: MakeHarness) -> None:
    harness = make_harness()
    harness.put(1000, "a", "g", 1)
    harness.put(1000, "a", "c", 2)
    harness.put(1000, "a", "c", 2)
    harness.put(1000, "a", "c", 2, tags=("x",))
    assert harness.contexts.type_clashes == 1
    harness.take(1010)
    gauge_and_counter = (MetricType.GAUGE, MetricType.COUNTER)
    assert harness.warnings == (TypeClashes(1, (TypeClash("a", gauge_and_counter),)),)
    harness.take(1020)
    assert harness.warnings == ()


def test_a_gauge_and_a_counter_of_one_name_stay_two_series(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    harness.put(1000, "a", "g", 1)
    harness.put(1000, "a", "c", 2)
    series = {s.type.name: s.points[0].value for s in harness.take(1010).series}
    assert series == {"GAUGE": 1, "RATE": 0.2}


def test_only_the_first_few_clashes_are_named(make_harness: MakeHarness) -> None:
    harness = make_harness()
    for index in range(KEPT_CLASHES + 5):
        harness.put(1000, f"a{index}", "g", 1)
        harness.put(1000, f"a{index}", "c", 1)
    harness.take(1010)
    (clashes,) = harness.warnings
    assert isinstance(clashes, TypeClashes)
    assert (clashes.count, len(clashes.first)) == (KEPT_CLASHES + 5, KEPT_CLASHES)
    assert harness.contexts.type_clashes == KEPT_CLASHES + 5


@pytest.mark.parametrize(("first", "second"), [("g", "s"), ("s", "g")])
def test_of_a_gauge_and_a_set_the_first_in_a_bucket_is_sent(
    make_harness: MakeHarness, first: str, second: str
) -> None:
    harness = make_harness()
    harness.put(1000, "a", first, *([7] if first == "g" else ["x"]))
    harness.put(1000, "a", second, *([8] if second == "g" else ["y"]))
    assert harness.flush(1010) == {"a": [(1000, 7 if first == "g" else 1)]}
    assert harness.samples.dropped == {"type_clash": 1}
    harness.put(1010, "a", second, *([8] if second == "g" else ["y"]))
    assert harness.flush(1020) == {"a": [(1010, 8 if second == "g" else 1)]}


def test_a_histogram_and_a_timer_of_one_name_are_one_series(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(histogram_aggregates=("max", "count"))
    harness.put(1000, "a", "ms", 1)
    harness.put(1000, "a", "h", 5)
    series = harness.series(1010)
    assert series["a.max"].points == (Point(1000, 5),)
    assert series["a.count"].points == (Point(1000, 0.2),)
    assert series["a.max"].unit == "millisecond"
    assert harness.contexts.type_clashes == 1


@pytest.mark.parametrize(
    ("first", "second", "sent"),
    [("g", "s", {"a": 3}), ("s", "g", {"a": 2}), ("ms", "h", {"a.count": 5})],
)
def test_lines_that_are_known_heed_a_conflicting_type_from_then_on(
    make_harness: MakeHarness, first: str, second: str, sent: dict[str, float]
) -> None:
    harness = make_harness(
        histogram_aggregates=("count",), histogram_percentiles=(), interval_seconds=1
    )
    for _ in range(3):
        harness.put_raw(1000, "a", first, [b"3"])
    harness.put_raw(1000, "a", second, [b"2"])
    harness.put_raw(1000, "a", first, [b"3" if first == "g" else b"2"])
    assert {n: p[0][1] for n, p in harness.flush(1001).items()} == sent


def test_a_conflicting_type_that_expired_and_comes_back_is_heeded_too(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    harness.put_raw(1000, "a", "s", [b"x"] * 3)
    harness.flush(2000)
    harness.put_raw(2000, "a", "g", [b"7"] * 3)
    harness.put_raw(2000, "a", "s", [b"x"])
    assert harness.flush(2010, include_open=True) == {"a": [(2000, 7)]}
    assert harness.samples.dropped == {"type_clash": 1}


COPYING = {
    "histogram_copy_to_distribution": True,
    "histogram_copy_to_distribution_prefix": "dist.",
}


@pytest.mark.parametrize("type_", ["h", "ms"])
def test_a_histogram_is_copied_to_a_distribution(
    make_harness: MakeHarness, type_: str
) -> None:
    harness = make_harness(**COPYING)
    harness.put(1000, "a", type_, 1, 2, sample_rate=0.5, tags=("x",))
    snapshot = harness.take(1010)
    assert {series.name for series in snapshot.series} > {"a.max", "a.count"}
    (sketch,) = snapshot.sketches
    assert (sketch.name, sketch.tags, sketch.points[0].count) == ("dist.a", ("x",), 4)
    assert (harness.samples.parsed, harness.samples.aggregated) == (2, 2)


def test_a_copy_joins_the_distribution_of_its_name(make_harness: MakeHarness) -> None:
    harness = make_harness(**COPYING)
    harness.put(1000, "dist.a", "d", 1, tags=("device:x",))
    harness.put(1000, "a", "h", 2, tags=("device:x",))
    snapshot = harness.take(1010)
    assert [p.count for s in snapshot.sketches for p in s.points] == [2]
    assert {series.device for series in snapshot.series} == {"x"}
    assert harness.contexts.current == 2


def test_a_copy_of_the_same_name_is_no_clash(make_harness: MakeHarness) -> None:
    harness = make_harness(histogram_copy_to_distribution=True)
    harness.put(1000, "a", "h", 1)
    harness.put(1000, "a", "d", 2)
    (sketch,) = harness.take(1010).sketches
    assert sketch.points[0].count == 2
    assert harness.contexts.type_clashes == 0


def test_a_histogram_and_its_copy_come_in_together_or_not_at_all(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(max_contexts=3, **COPYING)
    harness.put(1000, "a", "h", 1)
    harness.put(1000, "b", "h", 1)
    snapshot = harness.take(1010)
    assert {sketch.name for sketch in snapshot.sketches} == {"dist.a"}
    assert harness.samples.dropped == {"max_contexts": 1}


def test_a_copy_lives_as_long_as_its_histogram(make_harness: MakeHarness) -> None:
    harness = make_harness(**COPYING)
    for now in range(1000, 1100, 10):
        harness.put_raw(now, "a", "h", [b"1"] * 3)
        harness.take(now + 10)
        assert harness.contexts.current == 2
    assert harness.flush(1200) == {}
    assert harness.flush(1210) == {}
    assert harness.contexts.current == 0
    assert harness.contexts.expired == 2


def test_a_histogram_with_a_timestamp_is_refused_but_its_copy_is_not(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(**COPYING)
    harness.put(1000, "a", "h", 1, 2, timestamp=900)
    snapshot = harness.take(1010)
    assert snapshot.series == ()
    assert [p.count for p in snapshot.sketches[0].points] == [2]
    assert harness.samples.dropped == {"timestamp_unsupported": 2}
    assert harness.samples.parsed == 2


def test_without_room_the_copy_of_a_refused_histogram_is_not_made(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(max_contexts=0, **COPYING)
    harness.put(1000, "a", "h", 1, timestamp=900)
    assert harness.take(1010).sketches == ()
    assert harness.samples.dropped == {"timestamp_unsupported": 1}


def test_a_context_that_expired_is_made_anew_when_a_known_line_comes(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    harness.put_raw(1000, "a", "g", [b"1"] * 3)
    harness.flush(1010)
    harness.flush(1040)
    assert harness.contexts.current == 0
    harness.put_raw(1040, "a", "g", [b"5"])
    assert harness.flush(1050) == {"a": [(1040, 5)]}
    assert harness.contexts.current == 1


@pytest.mark.parametrize("type_", ["c", "s"])
def test_a_known_line_whose_context_expired_may_find_no_room(
    make_harness: MakeHarness, type_: str
) -> None:
    harness = make_harness(max_contexts=1)
    harness.put_raw(1000, "a", type_, [b"1"] * 3)
    harness.flush(1010)
    harness.flush(2000)
    harness.put(2000, "b", "g", 1)
    harness.put_raw(2000, "a", type_, [b"1"])
    assert harness.flush(2010) == {"b": [(2000, 1)]}
    assert harness.samples.dropped == {"max_contexts": 1}
    assert (harness.samples.parsed, harness.samples.aggregated) == (5, 4)
    assert isinstance(harness.warnings[0], ContextsFull)


def test_contexts_are_ranked_on_demand(make_harness: MakeHarness) -> None:
    harness = make_harness()
    for user in range(3):
        open_context(harness, "a", "c", tags=(f"user:{user}",))
    ranker = harness.aggregator.rank_contexts(1)
    for _ in ranker.rank():
        pass
    assert ranker.ranking.names == (("a", 3),)
    assert ranker.ranking.tag_keys == (("user", 3),)


def test_a_table_that_was_large_gives_its_memory_back(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    for index in range(2000):
        harness.put(1000, f"a{index}", "g", 1)
    table = harness.aggregator._table
    before = sum(part.__sizeof__() for part in table._parts)
    harness.take(1010)
    harness.put(2000, "a", "g", 1)
    harness.take(2010)
    assert sum(part.__sizeof__() for part in table._parts) < before / 20
    assert len(table) == len(table.ordered) == harness.contexts.current == 1
