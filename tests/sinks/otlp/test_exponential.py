import math
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from statsd_trio.aggregation.snapshot import SketchPoint
from statsd_trio.engine.sketch import GAMMA, NORM_MIN, QuantileSketch
from statsd_trio.sinks.otlp.exponential import (
    MAX_BUCKETS,
    MAX_SCALE,
    Buckets,
    ExponentialHistogram,
    find_index,
)

# What the sketch is off by: half a bin.
SKETCH_ERROR = math.sqrt(GAMMA) * (1 + 1e-9)

amounts = st.floats(min_value=1e-6, max_value=1e9)
latencies = st.floats(min_value=0.5, max_value=2.0)
numbers = st.one_of(amounts, latencies, amounts.map(lambda value: -value), st.just(0.0))
batches = st.lists(st.lists(numbers, min_size=1, max_size=60), min_size=1, max_size=4)


def sketch(values: list[float]) -> SketchPoint:
    made = QuantileSketch()
    made.insert(values)
    return SketchPoint(0, *made.describe())


def convert(*batches: list[float]) -> ExponentialHistogram:
    histogram = ExponentialHistogram()
    for values in batches:
        histogram.add(sketch(values))
    return histogram


def list_counts(buckets: Buckets) -> dict[int, int]:
    return {
        index: count for index, count in enumerate(buckets.counts, buckets.low) if count
    }


def list_bounds(histogram: ExponentialHistogram) -> list[tuple[float, float, int]]:
    """List (lower, upper, count), ascending, as a receiver reads them."""
    base = 2 ** (2**-histogram.scale)
    negative = [
        (-(base ** (index + 1)), -(base**index), count)
        for index, count in sorted(
            list_counts(histogram.negative).items(), reverse=True
        )
    ]
    positive = [
        (base**index, base ** (index + 1), count)
        for index, count in sorted(list_counts(histogram.positive).items())
    ]
    return [*negative, (0.0, 0.0, histogram.zeros), *positive]


def find_bucket(histogram: ExponentialHistogram, rank: int) -> tuple[float, float]:
    for lower, upper, count in list_bounds(histogram):
        rank -= count
        if rank < 0:
            return lower, upper
    raise AssertionError("there are fewer values than that")


@given(batches)
def test_count_min_max_and_sum_are_those_of_the_sketches(
    batches: list[list[float]],
) -> None:
    histogram = convert(*batches)
    points = [sketch(values) for values in batches]
    assert histogram.count == sum(point.count for point in points)
    assert histogram.min == min(point.min for point in points)
    assert histogram.max == max(point.max for point in points)
    total = 0.0
    for point in points:
        total += point.sum
    assert histogram.sum == total


@given(batches)
def test_every_bin_is_moved_and_none_is_invented(batches: list[list[float]]) -> None:
    histogram = convert(*batches)
    held = (
        sum(histogram.positive.counts)
        + sum(histogram.negative.counts)
        + histogram.zeros
    )
    assert held == histogram.count == sum(map(len, batches))
    signs = Counter(
        (value > 0) - (value < 0) if abs(value) >= NORM_MIN else 0
        for values in batches
        for value in values
    )
    assert sum(histogram.positive.counts) == signs[1]
    assert sum(histogram.negative.counts) == signs[-1]
    assert histogram.zeros == signs[0]


@given(batches)
def test_there_are_few_enough_buckets(batches: list[list[float]]) -> None:
    histogram = convert(*batches)
    sides = (histogram.positive.counts, histogram.negative.counts)
    assert sum(map(len, sides)) <= MAX_BUCKETS


@given(batches)
@settings(max_examples=300)
def test_each_quantile_is_off_by_the_sketch_and_one_bucket(
    batches: list[list[float]],
) -> None:
    histogram = convert(*batches)
    base = 2 ** (2**-histogram.scale)
    ordered = sorted(value for values in batches for value in values)
    for rank, value in enumerate(ordered):
        lower, upper = find_bucket(histogram, rank)
        if lower == upper == 0.0:
            assert abs(value) < NORM_MIN
            continue
        low, high = sorted((abs(lower), abs(upper)))
        assert (value > 0) == (upper > 0)
        assert low / SKETCH_ERROR <= abs(value) <= high * SKETCH_ERROR
        # So whatever a receiver takes for it within the bucket is that near.
        assert high / low == pytest.approx(base)


@given(st.lists(amounts, min_size=1, max_size=100))
def test_order_is_kept(values: list[float]) -> None:
    point = sketch(values)
    indexes = [find_index(key, point.max) for key in point.keys]
    assert all(left <= right for left, right in pairwise(indexes))


@given(batches)
def test_the_order_of_the_sketches_does_not_matter(
    batches: list[list[float]],
) -> None:
    forth, back = convert(*batches), convert(*reversed(batches))
    assert forth.scale == back.scale
    assert list_counts(forth.positive) == list_counts(back.positive)
    assert list_counts(forth.negative) == list_counts(back.negative)


def test_values_that_lie_close_together_keep_the_finest_scale() -> None:
    histogram = convert([100.0, 150.0, 200.0])
    assert histogram.scale == MAX_SCALE


def test_a_wide_range_lowers_the_scale_once_and_for_all() -> None:
    histogram = convert([1.0])
    histogram.add(sketch([1e6]))
    lowered = histogram.scale
    # 20 doublings in 160 buckets: 8 to a doubling, or 4 where they do not fit.
    assert lowered in {2, 3}
    histogram.add(sketch([2.0]))
    assert histogram.scale == lowered


def test_the_whole_range_of_numbers_fits() -> None:
    histogram = convert([1e-300, 1e-9, 1.7e308, -1e-9, -1.7e308])
    assert histogram.count == 5
    assert histogram.zeros == 1
    assert sum(histogram.positive.counts) == 2
    # Prometheus takes no lower one.
    assert histogram.scale >= -4


def test_a_power_of_two_lies_in_the_bucket_below_it() -> None:
    # The one at the bias is 1, exactly; a bucket holds its upper bound.
    assert find_index(1338, 1.0) == -1


def test_an_empty_side_takes_no_buckets() -> None:
    assert len(convert([1.0]).negative.counts) == 0


def test_buckets_grow_on_both_ends() -> None:
    buckets = Buckets()
    buckets.add({})
    buckets.add({3: 1, 5: 2})
    buckets.add({1: 4})
    buckets.add({7: 1, 3: 1})
    assert buckets.low == 1
    assert list(buckets.counts) == [4, 0, 2, 0, 2, 0, 1]
    buckets.join(1)
    assert list_counts(buckets) == {0: 4, 1: 2, 2: 2, 3: 1}


def test_a_histogram_takes_little_memory() -> None:
    # There may be as many as there are contexts.
    histogram = convert([float(value) for value in range(1, 900)])
    assert len(histogram.positive.counts) <= MAX_BUCKETS
    assert histogram.positive.counts.itemsize == 8
