"""What a bound in bytes refuses, with either engine, and that it is given back."""

import pytest

from statsd_trio.aggregation.warnings import MemoryFull
from tests.aggregation.conftest import Harness, MakeHarness

MIB = 1024 * 1024


def check_identity(harness: Harness) -> None:
    samples = harness.samples
    assert samples.parsed == samples.aggregated + sum(samples.dropped.values())


def find_warning(harness: Harness) -> MemoryFull:
    (warning,) = [w for w in harness.warnings if isinstance(w, MemoryFull)]
    return warning


def test_long_strings_of_a_set_are_counted_and_take_little(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(max_memory_bytes=8 * MIB)
    strings = [b"%08d" % number + b"x" * 7000 for number in range(2000)]
    for start in range(0, 2000, 10):
        harness.put_raw(1000, "users", "s", strings[start : start + 10])
    harness.put_raw(1000, "users", "s", strings[:10])
    assert harness.flush(1010) == {"users": [(1000, 2000)]}
    assert harness.samples.dropped == {}
    assert harness.aggregator.memory.peak_bytes < MIB


def test_new_strings_are_dropped_where_there_is_no_memory(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(max_memory_bytes=MIB)
    harness.put(1000, "visitors", "s", "known")
    harness.put_raw(1000, "users", "s", [b"%040d" % number for number in range(9000)])
    harness.put(1000, "visitors", "s", "known")
    harness.put(1000, "visitors", "s", "new")
    dropped = harness.samples.dropped["set_memory"]
    assert 1000 < dropped < 9000
    check_identity(harness)
    assert harness.aggregator.memory.used_bytes <= MIB
    assert harness.flush(1010) == {
        "users": [(1000, 9000 - dropped + 1)],
        "visitors": [(1000, 1)],
    }
    warning = find_warning(harness)
    assert (warning.dropped, warning.limit) == ({"set_memory": dropped}, MIB)
    assert warning.names == (("users", dropped - 1), ("visitors", 1))
    # What was sent is given back, and new ones find room.
    harness.put(1011, "users", "s", "new")
    assert harness.flush(1020) == {"users": [(1010, 1)]}
    assert harness.warnings == ()


@pytest.mark.parametrize("type_", ["h", "ms", "d"])
def test_values_are_dropped_where_there_is_no_memory(
    make_harness: MakeHarness, type_: str
) -> None:
    harness = make_harness(
        max_memory_bytes=MIB,
        counter_type="count",
        histogram_aggregates=("count",),
        histogram_percentiles=(),
    )
    # Each of another bin, and more than are kept as they came.
    values = [b"%.6e" % 1.02**exponent for exponent in range(1, 6000)]
    for name in range(20):
        # A second later, each time: how much may be used is said anew by the second.
        harness.put_raw(1000 + name / 3, f"t{name}", type_, values)
    harness.put(1007, "hits", "c", 5)
    harness.put(1007, "load", "g", 5)
    dropped = harness.samples.dropped["value_memory"]
    assert dropped > 0
    check_identity(harness)
    assert harness.aggregator.memory.peak_bytes <= 1.5 * MIB
    snapshot = harness.take(1010)
    kept = sum(point.count for s in snapshot.sketches for point in s.points) + sum(
        s.points[0].value for s in snapshot.series if s.name.endswith(".count")
    )
    assert kept == 20 * len(values) - dropped
    known = {s.name: s.points[0].value for s in snapshot.series}
    assert (known["hits"], known["load"]) == (5, 5)
    assert set(find_warning(harness).dropped) == {"value_memory"}
    harness.put_raw(1011, "t0", type_, values[:100])
    assert harness.samples.dropped["value_memory"] == dropped


def test_new_contexts_are_dropped_where_there_is_no_memory(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(max_memory_bytes=MIB, context_expiry_seconds=15)
    harness.put(1000, "hits", "c", 1)
    harness.put(1000, "load", "g", 1)
    for number in range(1000):
        tags = ("a" * 7000, f"user:{number}")
        harness.put(1000, f"flood.{number % 2}", "g", 1, tags=tags)
    dropped = harness.samples.dropped["context_memory"]
    assert 800 < dropped < 1000
    harness.put(1000, "hits", "c", 1)
    check_identity(harness)
    assert harness.aggregator.memory.used_bytes <= MIB
    assert harness.flush(1010)["hits"] == [(1000, 0.2)]
    warning = find_warning(harness)
    assert warning.dropped == {"context_memory": dropped}
    assert {name for name, _ in warning.names} == {"flood.0", "flood.1"}
    (name, size), _, *others = warning.ranking.names
    assert name.startswith("flood.")
    assert size > 10 * 7000
    assert {name for name, _ in others} == {"hits", "load"}
    # They expire, and their memory with them.
    harness.flush(1030)
    assert harness.aggregator.memory.used_bytes < 5000
    harness.put(1031, "new", "g", 1, tags=("a" * 7000,))
    assert harness.flush(1040)["new"] == [(1030, 1)]


def test_a_histogram_and_its_copy_take_memory_both(make_harness: MakeHarness) -> None:
    harness = make_harness(
        max_memory_bytes=MIB,
        histogram_copy_to_distribution=True,
        histogram_copy_to_distribution_prefix="copy.",
    )
    harness.put_raw(1000, "a", "h", [b"%d" % value for value in range(2000)])
    assert harness.aggregator.memory.used_bytes > 2000 * 8
    harness.take(1010)
    harness.take(1200)
    assert harness.aggregator.memory.used_bytes < 2000


def test_heads_are_not_kept_where_there_is_no_memory(make_harness: MakeHarness) -> None:
    harness = make_harness(max_memory_bytes=MIB)
    # One context, however its tags are ordered and repeated.
    for number in range(200):
        tags = ",".join(["a" * 100] * (20 + number % 40) + ["b"] * (number // 40))
        line = f"hits:1|c|#{tags}".encode()
        for _ in range(3):
            harness.aggregator.advance(1000)
            harness.aggregator.take(line, harness.put_line)
    assert harness.aggregator.memory.used_bytes <= MIB
    assert harness.samples.dropped == {}
    assert harness.samples.aggregated == 600
    # Those that are not kept are parsed each time, and count all the same.
    snapshot = harness.take(1010)
    assert sum(series.points[0].value for series in snapshot.series) == 60


def test_idle_heads_give_their_memory_back(make_harness: MakeHarness) -> None:
    harness = make_harness()
    for number in range(100):
        harness.put_raw(1000, f"hits.{number}" + "x" * 1000, "c", [b"1"] * 3)
    heads = 100 * 1000
    before = harness.aggregator.memory.used_bytes
    assert before > 2 * heads
    harness.flush(1010)
    for second in range(1010, 1100):
        harness.aggregator.advance(second)
        while harness.aggregator.tidy():
            pass
    assert harness.aggregator.memory.used_bytes < before - heads


def test_rules_that_change_give_the_memory_of_heads_back(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    for number in range(100):
        harness.put_raw(1000, f"hits.{number}" + "x" * 1000, "c", [b"1"] * 3)
    before = harness.aggregator.memory.used_bytes
    harness.aggregator.forget_heads()
    for second in range(1001, 1080):
        harness.aggregator.advance(second)
        while harness.aggregator.tidy():
            pass
    assert harness.aggregator.memory.used_bytes < before - 100 * 1000
