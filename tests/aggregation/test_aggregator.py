"""Buckets, flushes, expiry: the Agent's own vectors first."""

from typing import Any

import pytest

# Source of the vectors: datadog-agent, pkg/aggregator/time_sampler_test.go.


def test_counters_fill_idle_buckets_with_zeros_and_then_expire(
    make_harness: Any,
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


def test_gauges_leave_when_their_bucket_is_closed(make_harness: Any) -> None:
    harness = make_harness()
    for now in (12345, 12355, 12365):
        harness.put(now, "gauge", "g", 1)
    assert harness.flush(12360) == {"gauge": [(12340, 1), (12350, 1)]}
    assert harness.flush(12370) == {"gauge": [(12360, 1)]}


def test_distributions_leave_when_their_bucket_is_closed(make_harness: Any) -> None:
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
    make_harness: Any, now: float, start: int
) -> None:
    harness = make_harness()
    harness.put(now, "gauge", "g", 1)
    assert harness.flush(start + 10) == {"gauge": [(start, 1)]}
