"""Histograms and timers that keep their values, for sinks that need them."""

from statsd_trio.aggregation.snapshot import SketchPoint
from statsd_trio.engine.sketch import QuantileSketch
from tests.aggregation.conftest import MakeHarness


def test_no_values_are_kept_unless_asked_for(make_harness: MakeHarness) -> None:
    harness = make_harness()
    harness.put(1, "h", "h", 1.0, 2.0)
    snapshot = harness.take(10)
    assert snapshot.histograms == ()
    assert snapshot.points.histograms == 0


def test_a_histogram_keeps_a_sketch_beside_its_figures(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(keeps_histogram_values=True)
    harness.put(1, "h", "h", 1.0, 2.0, tags=("a:1",), host="web")
    harness.put(2, "h", "h", 7.0, tags=("a:1",), host="web")
    snapshot = harness.take(10)
    expected = QuantileSketch()
    expected.insert([1.0, 2.0, 7.0])
    (sketch,) = snapshot.histograms
    assert (sketch.name, sketch.tags, sketch.host) == ("h", ("a:1",), "web")
    assert sketch.unit == ""
    assert sketch.points == (SketchPoint(0, *expected.describe()),)
    # The others are what they are without it.
    assert snapshot.sketches == ()
    assert {one.name for one in snapshot.series} == {
        "h.max",
        "h.median",
        "h.avg",
        "h.count",
        "h.95percentile",
    }
    assert all(one.is_aggregate for one in snapshot.series)
    assert snapshot.points.series == snapshot.points.aggregates == 5
    assert snapshot.points.histograms == 1
    assert snapshot.points.total == 5


def test_values_of_a_timer_have_a_unit(make_harness: MakeHarness) -> None:
    harness = make_harness(keeps_histogram_values=True)
    harness.put(1, "t", "ms", 1.0)
    (sketch,) = harness.take(10).histograms
    assert sketch.unit == "millisecond"


def test_known_lines_keep_their_values_too(make_harness: MakeHarness) -> None:
    harness = make_harness(keeps_histogram_values=True)
    harness.put_raw(1, "h", "h", [b"1", b"2", b"3", b"4", b"5"])
    (sketch,) = harness.take(10).histograms
    assert sketch.points[0].count == 5
    assert sketch.points[0].sum == 15


def test_a_distribution_of_the_same_name_stays_apart(make_harness: MakeHarness) -> None:
    harness = make_harness(keeps_histogram_values=True)
    harness.put(1, "x", "h", 1.0)
    harness.put(1, "x", "d", 5.0)
    snapshot = harness.take(10)
    assert [one.points[0].sum for one in snapshot.histograms] == [1.0]
    assert [one.points[0].sum for one in snapshot.sketches] == [5.0]
    assert harness.contexts.current == 2


def test_a_histogram_that_is_copied_needs_no_values_of_its_own(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(
        keeps_histogram_values=True,
        histogram_copy_to_distribution=True,
        histogram_copy_to_distribution_prefix="d.",
    )
    harness.put(1, "h", "h", 1.0)
    snapshot = harness.take(10)
    assert snapshot.histograms == ()
    assert [one.name for one in snapshot.sketches] == ["d.h"]


def test_values_go_with_their_histogram(make_harness: MakeHarness) -> None:
    harness = make_harness(keeps_histogram_values=True, context_expiry_seconds=20)
    used = harness.aggregator.memory_used
    harness.put(1, "h", "h", 1.0)
    harness.take(10)
    harness.take(40)
    harness.take(50)
    assert harness.contexts.current == 0
    assert harness.aggregator.memory_used == used
    # Both begin anew, in the engine too.
    harness.put(55, "h", "h", 2.0)
    (sketch,) = harness.take(60).histograms
    assert sketch.points[0].sum == 2.0


def test_the_engine_forgets_them_with_their_histogram(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(keeps_histogram_values=True, context_expiry_seconds=20)
    context = harness.aggregator.open_context(harness.sample("h", "h", 1.0))
    harness.put(1, "h", "h", 1.0)
    harness.take(10)
    harness.take(50)
    assert harness.contexts.current == 0
    assert context is not None
    assert context.own_values is not None
    assert context.own_values.handle == context.handle


def test_points_say_which_buckets_they_are_of(make_harness: MakeHarness) -> None:
    harness = make_harness()
    harness.put(1, "g", "g", 1.0)
    harness.put(2, "g", "g", 2.0, timestamp=3)
    harness.put(12, "g", "g", 3.0)
    snapshot = harness.take(20)
    assert snapshot.starts == {0, 10}
    times = [point.timestamp for one in snapshot.series for point in one.points]
    assert times == [0, 3, 10]
