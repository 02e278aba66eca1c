"""Buckets, flushes, expiry: the Agent's own vectors first."""

from itertools import pairwise
from typing import Any

import pytest

from statsd_trio.aggregation import message_buffer, timestamped_points
from statsd_trio.aggregation.snapshot import SeriesType
from statsd_trio.aggregation.snapshot_builder import STEP_CONTEXTS
from statsd_trio.engine.histogram import KEPT_VALUES
from statsd_trio.errors import Reason
from statsd_trio.protocol.messages import Event, ServiceCheck, ServiceStatus
from tests.aggregation.conftest import MakeHarness

# Source of the vectors: datadog-agent, pkg/aggregator/time_sampler_test.go.


def test_counters_fill_idle_buckets_with_zeros_and_then_expire(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    harness.put(1004, "counter1", "c", 1)
    harness.put(1002, "counter2", "c", 2)
    harness.put(1003, "gauge", "g", 2)
    assert harness.flush(1010) == {
        "counter1": [(1000, 0.1)],
        "counter2": [(1000, 0.2)],
        "gauge": [(1000, 2)],
    }
    harness.put(1010, "counter1", "c", 1)
    harness.put(1020, "counter2", "c", 2)
    harness.put(1034, "counter2", "c", 2)
    assert harness.flush(1040) == {
        "counter1": [(1010, 0.1), (1020, 0), (1030, 0)],
        "counter2": [(1010, 0), (1020, 0.2), (1030, 0.2)],
    }
    assert harness.flush(1045) == {}
    assert harness.flush(1050) == {"counter1": [(1040, 0)], "counter2": [(1040, 0)]}
    assert harness.flush(1329) == {"counter2": [(1310, 0)]}
    assert harness.flush(1800) == {}
    assert harness.contexts.current == 0


def test_gauges_leave_when_their_bucket_is_closed(make_harness: MakeHarness) -> None:
    harness = make_harness()
    for now in (12345, 12355, 12365):
        harness.put(now, "gauge", "g", 1)
    assert harness.flush(12360) == {"gauge": [(12340, 1), (12350, 1)]}
    assert harness.flush(12370) == {"gauge": [(12360, 1)]}


def test_distributions_leave_when_their_bucket_is_closed(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    for now in (10001, 10011):
        harness.put(now, "d", "d", 1)
        harness.put(now + 1, "d", "d", 2)
    harness.put(10021, "d", "d", 1)
    (sketch,) = harness.take(10020).sketches
    assert [(p.timestamp, p.count, p.sum) for p in sketch.points] == [
        (10000, 2, 3),
        (10010, 2, 3),
    ]
    (sketch,) = harness.take(10030).sketches
    assert [(p.timestamp, p.count) for p in sketch.points] == [(10020, 1)]


@pytest.mark.parametrize(
    ("now", "start"), [(123456.5, 123450), (123460.5, 123460), (123460, 123460)]
)
def test_a_bucket_starts_at_the_interval_below(
    make_harness: MakeHarness, now: float, start: int
) -> None:
    harness = make_harness()
    harness.put(now, "gauge", "g", 1)
    assert harness.flush(start + 10) == {"gauge": [(start, 1)]}


def test_an_idle_interval_gives_zeros_at_its_edge(make_harness: MakeHarness) -> None:
    harness = make_harness()
    harness.put(1005, "hits", "c", 1)
    assert harness.flush(1010) == {"hits": [(1000, 0.1)]}
    # What has come since the edge does not keep the closed interval from its zeros.
    harness.put(1020.001, "load", "g", 1)
    assert harness.flush(1020.002) == {"hits": [(1010, 0)]}
    assert harness.flush(1020.003) == {}


def test_a_counter_is_not_zero_before_its_first_sample(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    harness.put(1005, "load", "g", 1)
    harness.put(1010.001, "hits", "c", 1)
    assert harness.flush(1010.002) == {"load": [(1000, 1)]}
    assert harness.flush(1020) == {"hits": [(1010, 0.1)]}


def test_zeros_end_with_the_expiry(make_harness: MakeHarness) -> None:
    harness = make_harness(counter_expiry_seconds=25)
    harness.put(1001, "hits", "c", 1)
    stamps = [t for now in range(1010, 1090, 10) for t in harness.flush(now).values()]
    assert stamps == [[(1000, 0.1)], [(1010, 0)], [(1020, 0)]]


def test_a_bad_value_does_not_make_zeros_go_on(make_harness: MakeHarness) -> None:
    harness = make_harness(counter_expiry_seconds=20)
    harness.put(1001, "hits", "c", 1)
    harness.flush(1010)
    harness.put_raw(1015, "hits", "c", [b"x"])
    assert harness.flush(1020) == {"hits": [(1010, 0)]}
    assert harness.flush(1030) == {"hits": [(1020, 0)]}
    assert harness.flush(1040) == {}


def test_counters_can_be_sent_as_counts(make_harness: MakeHarness) -> None:
    harness = make_harness(counter_type="count", interval_seconds=5)
    harness.put(1001, "hits", "c", 3)
    harness.put(1001, "times", "ms", 7, 7, 7, sample_rate=0.5)
    series = harness.series(1005)
    for name, count in (("hits", 3), ("times.count", 6)):
        assert series[name].type == SeriesType.COUNT
        assert series[name].points == ((1000, count),)
        assert series[name].interval_seconds == 5
    assert series["times.max"].type == SeriesType.GAUGE


def test_a_rate_is_divided_by_the_interval(make_harness: MakeHarness) -> None:
    harness = make_harness(interval_seconds=5)
    harness.put(1001, "hits", "c", 3)
    harness.put(1001, "times", "h", 3)
    series = harness.series(1005)
    assert series["hits"].points == ((1000, 0.6),)
    assert series["times.count"].points == ((1000, 0.2),)
    assert series["times.count"].type == SeriesType.RATE
    assert {s.interval_seconds for s in series.values()} == {5}


def test_histograms_give_aggregates_then_percentiles(make_harness: MakeHarness) -> None:
    harness = make_harness(
        histogram_aggregates=("count", "min"), histogram_percentiles=(50, 99)
    )
    harness.put(1000, "t", "ms", *range(1, 101))
    series = harness.series(1010)
    assert {name: s.points[0].value for name, s in series.items()} == {
        "t.count": 10,
        "t.min": 1,
        "t.50percentile": 50,
        "t.99percentile": 99,
    }
    assert list(series) == ["t.count", "t.min", "t.50percentile", "t.99percentile"]
    assert {name: s.unit for name, s in series.items()} == {
        "t.count": "",
        "t.min": "millisecond",
        "t.50percentile": "millisecond",
        "t.99percentile": "millisecond",
    }


def test_points_of_two_buckets_are_one_series(make_harness: MakeHarness) -> None:
    harness = make_harness(histogram_aggregates=("max",), histogram_percentiles=())
    for now in (1000, 1010):
        for type_ in "cghds":
            harness.put(now, type_, type_, *(["x"] if type_ == "s" else [5]))
    snapshot = harness.take(1020)
    assert harness.points(snapshot) == {
        "c": [(1000, 0.5), (1010, 0.5)],
        "g": [(1000, 5), (1010, 5)],
        "s": [(1000, 1), (1010, 1)],
        "h.max": [(1000, 5), (1010, 5)],
    }
    assert [len(sketch.points) for sketch in snapshot.sketches] == [2]
    assert snapshot.points.total == 10


def test_series_that_the_operator_blocks_are_left_out(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(is_blocked=lambda name: name == "t.max")
    harness.put(1000, "t", "h", 1)
    assert "t.max" not in harness.flush(1010)


def test_a_snapshot_bears_the_edge_or_the_time_it_was_asked_for(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    assert harness.take(1010.003).time == 1010
    assert harness.take(1013.9, include_open=True).time == 1013


def test_what_is_sent_early_is_not_sent_again(make_harness: MakeHarness) -> None:
    harness = make_harness()
    harness.put(1001, "hits", "c", 1)
    assert harness.flush(1002, include_open=True) == {"hits": [(1000, 0.1)]}
    harness.put(1003, "hits", "c", 2)
    # The next bucket has not begun, so it waits, however often one asks.
    assert harness.flush(1004, include_open=True) == {}
    harness.put(1005, "hits", "c", 3)
    assert harness.flush(1010) == {}
    harness.put(1011, "hits", "c", 4)
    assert harness.flush(1012, include_open=True) == {"hits": [(1010, 0.9)]}
    harness.put(1013, "hits", "c", 5)
    assert harness.flush(1020) == {}
    assert harness.flush(1030) == {"hits": [(1020, 0.5)]}


def test_a_first_bucket_in_mid_interval_is_flushed_early_and_once(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(started=1003.5)
    harness.put(1004, "hits", "c", 1)
    assert harness.flush(1005, include_open=True) == {"hits": [(1003, 0.1)]}
    harness.put(1006, "hits", "c", 2)
    assert harness.flush(1007, include_open=True) == {}
    assert harness.flush(1010) == {}
    assert harness.flush(1020) == {"hits": [(1010, 0.2)]}


def test_the_last_flush_sends_what_waits_too(make_harness: MakeHarness) -> None:
    harness = make_harness()
    harness.put(1001, "hits", "c", 1)
    harness.flush(1002, include_open=True)
    harness.put(1003, "hits", "c", 2)
    # Not with 1010, which the server after this one will fill.
    assert harness.flush(1004, final=True) == {"hits": [(1004, 0.2)]}
    assert harness.flush(1005, final=True) == {}


def test_an_early_flush_of_nothing_spends_nothing(make_harness: MakeHarness) -> None:
    harness = make_harness()
    assert harness.flush(1002, include_open=True) == {}
    harness.put(1003, "load", "g", 1)
    assert harness.flush(1010) == {"load": [(1000, 1)]}


def test_a_clock_set_back_loses_nothing_and_repeats_no_bucket(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    harness.put(1005, "hits", "c", 1)
    harness.put(1015, "hits", "c", 2)
    assert harness.flush(1020) == {"hits": [(1000, 0.1), (1010, 0.2)]}
    harness.put(1007, "hits", "c", 3)
    assert harness.flush(1010) == {}
    harness.put(1019, "hits", "c", 4)
    assert harness.flush(1020) == {}
    assert harness.flush(1030) == {"hits": [(1020, 0.7)]}


def test_a_clock_set_back_far_starts_anew(make_harness: MakeHarness) -> None:
    harness = make_harness()
    harness.put(5005, "hits", "c", 1)
    assert harness.flush(5010) == {"hits": [(5000, 0.1)]}
    harness.put(5011, "hits", "c", 2)
    harness.put(1005, "hits", "c", 3)
    assert harness.flush(1010) == {"hits": [(1000, 0.3), (5010, 0.2)]}
    assert harness.flush(1020) == {"hits": [(1010, 0)]}
    # Zeros and contexts go by the new time: they do not wait for the old one.
    assert harness.flush(1500) == {}
    assert harness.contexts.current == 0


def test_contexts_do_not_wait_for_a_clock_that_went_back(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    harness.put(5005, "load", "g", 1)
    harness.put(5005, "hits", "c", 1)
    harness.flush(5010)
    assert harness.flush(1010) == {"hits": [(1000, 0)]}
    harness.flush(1040)
    assert harness.contexts.current == 1
    assert harness.flush(1340) == {}
    assert harness.contexts.current == 0


def test_a_clock_set_forward_closes_the_bucket(make_harness: MakeHarness) -> None:
    harness = make_harness()
    harness.put(1005, "load", "g", 1)
    harness.put(9005, "load", "g", 2)
    assert harness.flush(9010) == {"load": [(1000, 1), (9000, 2)]}


def test_timestamps_bypass_the_buckets(make_harness: MakeHarness) -> None:
    harness = make_harness()
    harness.put(1005, "hits", "c", 5, timestamp=777, sample_rate=0.1)
    harness.put(1005, "load", "g", 5, timestamp=777)
    assert harness.flush(1006) == {"hits": [(777, 0.5)], "load": [(777, 5)]}
    assert harness.samples.aggregated == harness.samples.parsed == 2
    assert harness.flush(1020) == {}


def test_equal_timestamps_of_one_snapshot_are_merged(make_harness: MakeHarness) -> None:
    harness = make_harness()
    for values in ((1, 2), (3,)):
        harness.put(1005, "hits", "c", *values, timestamp=777)
        harness.put(1005, "load", "g", *values, timestamp=777)
    harness.put(1005, "hits", "c", 1, timestamp=770)
    assert harness.flush(1006) == {
        "hits": [(770, 0.1), (777, 0.6)],
        "load": [(777, 3)],
    }


def test_a_timestamp_on_a_bucket_of_the_same_snapshot_is_one_point(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    harness.put(1005, "hits", "c", 1)
    harness.put(1005, "load", "g", 1)
    harness.put(1005, "hits", "c", 2, timestamp=1000)
    harness.put(1005, "load", "g", 2, timestamp=1000)
    assert harness.flush(1010) == {"hits": [(1000, 0.3)], "load": [(1000, 1)]}


def test_stamped_counters_can_be_counts(make_harness: MakeHarness) -> None:
    harness = make_harness(counter_type="count")
    harness.put(1005, "hits", "c", 5, timestamp=777)
    assert harness.flush(1006) == {"hits": [(777, 5)]}


def test_future_timestamps_are_accepted_and_counted(make_harness: MakeHarness) -> None:
    harness = make_harness()
    harness.put(1005, "hits", "c", 5, 6, timestamp=1006)
    harness.put(1005, "hits", "c", 5, timestamp=1005)
    assert harness.samples.future == 2
    assert harness.flush(1006) == {"hits": [(1005, 0.5), (1006, 1.1)]}


@pytest.mark.parametrize("type_", ["h", "ms", "s", "d"])
def test_timestamps_on_other_types_are_refused(
    make_harness: MakeHarness, type_: str
) -> None:
    harness = make_harness()
    harness.put(1005, "a", type_, *(["x"] if type_ == "s" else [1]), timestamp=777)
    snapshot = harness.take(1010)
    assert (snapshot.series, snapshot.sketches) == ((), ())
    assert harness.samples.dropped == {"timestamp_unsupported": 1}
    assert harness.samples.parsed == 1


def test_stamped_values_that_are_too_large_are_refused(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    harness.put(1005, "hits", "c", 1e308, timestamp=777)
    harness.put(1005, "hits", "c", 1e308, timestamp=777)
    harness.put(1005, "load", "g", float("nan"), timestamp=777)
    assert harness.samples.dropped == {"overflow": 1}
    assert harness.rejections == [Reason.NAN]
    assert harness.flush(1006) == {"hits": [(777, 1e307)]}


def test_stamped_points_of_an_interval_are_bounded(
    make_harness: MakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timestamped_points, "MAX_TIMESTAMPED_POINTS", 2)
    harness = make_harness()
    for timestamp in (1, 2, 3, 2):
        harness.put(1005, "hits", "c", 5, timestamp=timestamp)
    assert harness.samples.dropped == {"stamped_points": 1}
    assert harness.flush(1006) == {"hits": [(1, 0.5), (2, 1)]}
    harness.put(1007, "hits", "c", 5, timestamp=3)
    assert harness.flush(1008) == {"hits": [(3, 0.5)]}


def test_a_stamped_sample_without_a_context_is_refused(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(max_contexts=0)
    harness.put(1005, "hits", "c", 5, 6, timestamp=777)
    assert harness.samples.dropped == {"max_contexts": 2}
    assert harness.samples.parsed == 2


def test_a_counter_with_timestamps_only_has_no_zeros(make_harness: MakeHarness) -> None:
    harness = make_harness()
    harness.put(1005, "hits", "c", 5, timestamp=777)
    harness.flush(1010)
    assert harness.flush(1020) == {}
    assert harness.contexts.current == 1
    for now in (1020, 1030):
        harness.put(now, "load", "g", 1)
    assert list(harness.flush(1040)) == ["load"]
    assert harness.flush(1060) == {}
    assert harness.contexts.current == 0


@pytest.mark.parametrize("type_", ["c", "g", "s", "h", "d"])
def test_many_series_are_built_in_slices(make_harness: MakeHarness, type_: str) -> None:
    harness = make_harness()
    for index in range(600):
        harness.put_raw(1005, f"a{index}", type_, [b"1"])
    builder = harness.aggregator.take_snapshot(now=1010, include_open=False)
    largest = before = 0
    contents = builder._contents
    for _ in builder.build():
        built = len(contents._series) + len(contents._sketches)
        largest = max(largest, built - before)
        before = built
    assert 0 < largest <= 5 * STEP_CONTEXTS
    assert len(builder.snapshot.series) + len(builder.snapshot.sketches) >= 600


def test_many_stamped_series_are_built_in_slices(make_harness: MakeHarness) -> None:
    harness = make_harness()
    for index in range(1000):
        harness.put(1005, f"hits{index}", "cg"[index % 2], 5, timestamp=777)
    builder = harness.aggregator.take_snapshot(now=1006, include_open=False)
    steps = sum(1 for _ in builder.build())
    assert steps > 8
    assert len(builder.snapshot.series) == builder.snapshot.points.total == 1000


def test_values_that_are_no_numbers_are_reported(make_harness: MakeHarness) -> None:
    harness = make_harness()
    harness.put(1005, "load", "g", float("inf"))
    harness.put(1005, "users", "s", "\ud800")
    assert harness.flush(1010) == {}
    assert harness.rejections == [
        Reason.INFINITY,
        Reason.NOT_UTF8,
    ]


@pytest.mark.parametrize("timestamp", [None, 777])
@pytest.mark.parametrize("values", [(), ("abc",), (10**400,), ("1_000",), (1.0, "2")])
@pytest.mark.parametrize("type_", ["c", "g"])
def test_what_a_hook_makes_of_values_is_reported_at_worst(
    make_harness: MakeHarness, type_: str, values: Any, timestamp: int | None
) -> None:
    harness = make_harness()
    harness.put(1005, "a", type_, *values, timestamp=timestamp)
    assert harness.flush(1010) == {}
    assert len(harness.rejections) == 1
    assert harness.samples.parsed == 0


@pytest.mark.parametrize("type_", ["h", "ms", "d"])
@pytest.mark.parametrize(("raw", "rate"), [(b"1e308", 1.0), (b"1", 1e-13)])
def test_a_value_too_many_is_dropped_at_once(
    make_harness: MakeHarness, type_: str, raw: bytes, rate: float
) -> None:
    harness = make_harness()
    harness.put_raw(1005, "a", type_, [raw, raw], rate=rate)
    dropped = dict(harness.samples.dropped)
    assert dropped["overflow"] > 0
    harness.take(1010)
    assert harness.samples.dropped == dropped


def test_condensing_a_histogram_ends_a_step(make_harness: MakeHarness) -> None:
    harness = make_harness()
    raws = [b"%d" % value for value in range(KEPT_VALUES)]
    for index in range(10):
        harness.put_raw(1005, f"h{index}", "h", raws)
    for index in range(10):
        # Left in the buffer, where there is one.
        harness.aggregator.take(b"h%d:1e6|h" % index, harness.put_line)
    assert harness.rejections == []
    before = harness.aggregator.condensed
    builder = harness.aggregator.take_snapshot(now=1010, include_open=False)
    condensed = [before, *(harness.aggregator.condensed for _ in builder.build())]
    assert max(b - a for a, b in pairwise(condensed)) <= KEPT_VALUES + 1
    assert condensed[-1] == 10 * (KEPT_VALUES + 1)


@pytest.mark.parametrize("type_", ["h", "d"])
def test_contexts_that_come_to_nothing_are_passed_over_in_slices(
    make_harness: MakeHarness, type_: str
) -> None:
    harness = make_harness()
    for index in range(2000):
        harness.put_raw(1005, f"a{index}", type_, [b"1"], rate=1e-13)
    builder = harness.aggregator.take_snapshot(now=1010, include_open=False)
    steps = sum(1 for _ in builder.build())
    assert builder.snapshot.points.total == 0
    assert steps > 5


def test_many_contexts_of_two_buckets_are_united_in_steps(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    for now in (1005, 1015):
        for index in range(600):
            harness.put(now, f"load{index}", "g", now)
    builder = harness.aggregator.take_snapshot(now=1020, include_open=False)
    assert sum(1 for _ in builder.build()) > 600 // STEP_CONTEXTS * 3
    assert harness.points(builder.snapshot) == {
        f"load{index}": [(1000, 1005), (1010, 1015)] for index in range(600)
    }


def test_a_sample_by_value_keeps_its_exact_number(make_harness: MakeHarness) -> None:
    harness = make_harness()
    harness.put(1005, "load", "g", 0.1 + 0.2)
    assert harness.flush(1010) == {"load": [(1000, 0.1 + 0.2)]}


def test_events_and_checks_get_time_host_and_tags(make_harness: MakeHarness) -> None:
    harness = make_harness(hostname="here", tags=("env:x",))
    harness.aggregator.advance(1005.7)
    harness.aggregator.add_event(Event("t", "x", tags=("a", "env:x", "a")))
    harness.aggregator.add_event(Event("u", "x", timestamp=7, host=""))
    harness.aggregator.add_service_check(
        ServiceCheck("c", ServiceStatus.OK, timestamp=0, tags=("b",))
    )
    harness.aggregator.add_service_check(
        ServiceCheck("d", ServiceStatus.OK, timestamp=7, host="there")
    )
    snapshot = harness.take(1010)
    assert [(e.timestamp, e.host, e.tags) for e in snapshot.events] == [
        (1005, "here", ("a", "env:x")),
        (7, "", ("env:x",)),
    ]
    assert [(c.timestamp, c.host, c.tags) for c in snapshot.service_checks] == [
        (1005, "here", ("b", "env:x")),
        (7, "there", ("env:x",)),
    ]
    assert snapshot.points.total == 4
    assert harness.take(1020).points.total == 0


def test_events_and_checks_of_an_interval_are_bounded(
    make_harness: MakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_buffer, "MAX_EVENTS", 1)
    monkeypatch.setattr(message_buffer, "MAX_SERVICE_CHECKS", 1)
    harness = make_harness()
    event, check = Event("t", "x"), ServiceCheck("c", ServiceStatus.OK)
    for _ in range(2):
        harness.aggregator.add_event(event)
        harness.aggregator.add_service_check(check)
    assert harness.samples.events_dropped == 2
    snapshot = harness.take(1010)
    assert (len(snapshot.events), len(snapshot.service_checks)) == (1, 1)
    harness.aggregator.add_event(event)
    assert harness.samples.events_dropped == 2


def test_a_counter_of_refused_values_only_is_not_sent(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    harness.put_raw(1005, "hits", "c", [b"1e308"], rate=1e-5)
    assert harness.flush(1010) == {}
    assert harness.flush(1020) == {}
    assert harness.samples.dropped == {"overflow": 1}


def test_samples_are_taken_while_a_snapshot_is_built(make_harness: MakeHarness) -> None:
    harness = make_harness()
    for index in range(600):
        harness.put(1005, f"hits{index}", "c", 1)
    builder = harness.aggregator.take_snapshot(now=1010, include_open=False)
    steps = 0
    for _ in builder.build():
        harness.put(1010, f"hits{steps}", "c", 1)
        harness.put(1010, f"new{steps}", "c", 1)
        steps += 1
    points = harness.points(builder.snapshot)
    assert points == {f"hits{index}": [(1000, 0.1)] for index in range(600)}
    assert steps > 5
    later = harness.flush(1020)
    assert sum(points[0][1] for points in later.values()) == pytest.approx(steps / 5)


def test_big_sketches_and_histograms_are_built_in_slices(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    raws = [b"%d" % (1.1**power) for power in range(1, 200)] * 20
    for index in range(20):
        harness.put_raw(1005, f"d{index}", "d", raws)
        harness.put_raw(1005, f"h{index}", "h", raws)
        harness.put_raw(1015, f"h{index}", "h", raws)
    builder = harness.aggregator.take_snapshot(now=1020, include_open=False)
    steps = sum(1 for _ in builder.build())
    assert steps > 10


def test_a_context_in_the_open_bucket_does_not_expire(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness()
    # Taken in the future, built after the clock went back and a sample came.
    builder = harness.aggregator.take_snapshot(now=100_000.0, include_open=False)
    harness.put(99_979, "load", "g", 1)
    for _ in builder.build():
        pass
    harness.put(99_979, "load", "g", 2)
    snapshot = harness.take(99_979, include_open=True)
    assert [series.points for series in snapshot.series] == [((99_970, 2.0),)]
