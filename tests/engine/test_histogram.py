"""Histograms: the Agent's vectors, then what happens when there are many values.

Source of the vectors: datadog-agent, pkg/metrics/histogram_test.go.
"""

import random
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

import pytest
from hypothesis import given, strategies as st

from statsd_trio.engine.histogram import KEPT_VALUES, KEPT_WEIGHTS, Histogram
from statsd_trio.engine.sketch import BIN_LIMIT, GAMMA, MAX_SKETCH_COUNT

AGGREGATES = ("max", "median", "avg", "count", "min", "sum")
PERCENTILES = (20, 80, 95)


def ignore_condensed(values: int) -> None:
    """Stand for an engine that counts."""


def make_histogram(samples: Iterable[tuple[float, float]]) -> Histogram:
    histogram = Histogram(ignore_condensed)
    for value, rate in samples:
        assert histogram.insert([float(value)], rate)
    return histogram


def summarise(histogram: Histogram, *percentiles: int) -> dict[str, float]:
    names = (*AGGREGATES, *map(str, percentiles))
    figures = histogram.summarise(AGGREGATES, percentiles, 10)
    return dict(zip(names, figures, strict=True))


@pytest.mark.parametrize(
    ("samples", "figures"),
    [
        (
            [(value, 1) for value in (1, 10, 4, 5, 2, 2)],
            {
                "max": 10,
                "median": 2,
                "avg": 4,
                "count": 0.6,
                "95": 10,
                "min": 1,
                "sum": 24,
            },
        ),
        (
            [(1, 1), (2, 0.5), (3, 0.2), (10, 0.5)],
            {
                "max": 10,
                "min": 1,
                "median": 3,
                "avg": 4,
                "sum": 40,
                "count": 1,
                "20": 2,
                "80": 3,
                "95": 10,
            },
        ),
        (
            [(value, 1) for value in range(1, 101) for _ in range(20)],
            {"median": 50, "80": 80, "95": 95, "count": 200, "avg": 50.5},
        ),
    ],
)
def test_aggregates_are_the_agents(
    samples: list[tuple[float, float]], figures: dict[str, float]
) -> None:
    found = summarise(make_histogram(samples), *PERCENTILES)
    assert {name: found[name] for name in figures} == pytest.approx(figures, rel=1e-9)


def test_figures_stand_in_the_order_asked_for() -> None:
    histogram = make_histogram([(1, 1), (3, 1)])
    assert histogram.summarise(("min", "max"), (50,), 10) == [1, 3, 1]


def test_the_percentile_0_is_the_least_value() -> None:
    assert summarise(make_histogram([(5, 1), (1, 1)]), 0)["0"] == 1


def test_a_rate_cuts_neither_the_weight_nor_the_sum() -> None:
    figures = summarise(make_histogram([(6, 0.3)]))
    assert figures["count"] == pytest.approx(1 / 3)
    assert figures["sum"] == pytest.approx(20)
    assert figures["avg"] == pytest.approx(6)


def brute_force(samples: list[tuple[float, int]], percentile: int) -> float:
    values = sorted(value for value, weight in samples for _ in range(weight))
    return values[max(0, (percentile * len(values) - 1) // 100)]


weighted = st.lists(
    st.tuples(st.integers(-5, 5), st.sampled_from([1, 2, 10])), min_size=1, max_size=30
)


@given(weighted, st.integers(0, 100))
def test_ranks_are_those_of_values_repeated(
    samples: list[tuple[float, int]], percentile: int
) -> None:
    histogram = make_histogram((value, 1 / weight) for value, weight in samples)
    figures = summarise(histogram, percentile)
    assert figures[str(percentile)] == brute_force(samples, percentile)


def test_few_different_values_stay_exact_however_many_they_are() -> None:
    generator = random.Random(1)
    values = [float(generator.randrange(KEPT_WEIGHTS)) for _ in range(3 * KEPT_VALUES)]
    histogram = Histogram(lambda _: pytest.fail("it takes no memory"))
    for begin in range(0, 12288, 100):
        assert histogram.insert(values[begin : begin + 100])
    assert histogram.size <= KEPT_VALUES + KEPT_WEIGHTS
    samples = [(value, 1) for value in values]
    found = summarise(histogram, 95)
    assert found["95"] == brute_force(samples, 95)
    assert found["median"] == sorted(values)[(len(values) - 1) // 2]
    assert (found["sum"], found["max"]) == (sum(values), max(values))


@pytest.mark.parametrize("rates", [(1.0,), (1.0, 0.5)])
def test_many_values_are_condensed_and_counted(rates: tuple[float, ...]) -> None:
    generator = random.Random(1)
    samples = [
        (generator.lognormvariate(3, 2), rates[i % len(rates)])
        for i in range(2 * KEPT_VALUES)
    ]
    condensed: list[int] = []
    histogram = Histogram(condensed.append)
    for value, rate in samples:
        assert histogram.insert([value], rate)
    assert condensed == [KEPT_VALUES + 1] + [1] * (KEPT_VALUES - 1)
    assert histogram.size < KEPT_WEIGHTS
    found = summarise(histogram, 1, 50, 95, 99)
    repeated = [(value, int(1 / rate)) for value, rate in samples]
    exact = {str(p): brute_force(repeated, p) for p in (1, 50, 95, 99)}
    assert {name: found[name] for name in exact} == pytest.approx(exact, rel=0.0079)
    assert found["max"] == max(samples)[0]
    assert found["min"] == min(samples)[0]
    total = sum(value * weight for value, weight in repeated)
    assert found["sum"] == pytest.approx(total, rel=1e-9)
    assert found["count"] == sum(weight for _, weight in repeated) / 10


def test_weights_kept_so_far_are_condensed_too() -> None:
    condensed: list[int] = []
    histogram = Histogram(condensed.append)
    few = [float(value % 7) for value in range(KEPT_VALUES + 1)]
    assert histogram.insert(few)
    assert condensed == []
    many = [float(value) for value in range(KEPT_VALUES + 1)]
    assert histogram.insert(many)
    assert histogram.insert([1.0])
    assert condensed == [2 * (KEPT_VALUES + 1), 1]
    assert histogram.count == 2 * (KEPT_VALUES + 1) + 1
    assert summarise(histogram)["max"] == KEPT_VALUES


rates = st.sampled_from([1.0, 0.9, 0.5, 0.33, 0.21, 0.07, 1e-3])
uneven = st.lists(
    st.tuples(st.sampled_from([1.0, -3.5, 1e16, -1e16, 1e100, -1e100]), rates),
    min_size=1,
    max_size=30,
)


def add_up(samples: list[tuple[float, float]]) -> float:
    """Add up with twice the digits of a float, as the Agent does."""
    total = lost = 0.0
    for value, rate in samples:
        added = value * (1 / rate)
        smaller, larger = sorted([total, added], key=abs)
        total += added
        lost += (larger - total) + smaller
    return total + lost


@given(uneven)
def test_a_sum_gets_back_what_rounding_loses(
    samples: list[tuple[float, float]],
) -> None:
    assert summarise(make_histogram(samples))["sum"] == add_up(samples)


@pytest.mark.parametrize("in_groups", [False, True])
def test_large_values_leave_small_ones_alone(in_groups: bool) -> None:
    values = [1.0, 1e100, 1.0, -1e100]
    histogram = Histogram(lambda _: pytest.fail("it takes no memory"))
    for group in [values] if in_groups else [[value] for value in values]:
        assert histogram.insert(group)
    assert summarise(histogram)["sum"] == 2.0


def test_a_sum_loses_nothing_when_values_are_condensed() -> None:
    histogram = Histogram(ignore_condensed)
    for value in (1e100, 1.0):
        assert histogram.insert([value])
    for start in range(0, 3 * KEPT_VALUES, 512):
        histogram.insert([float(value) for value in range(start, start + 512)])
    histogram.insert([-1e100, 1.0])
    values = 3 * KEPT_VALUES
    assert summarise(histogram)["sum"] == 2 + values * (values - 1) / 2


def test_a_sum_that_overflows_only_in_another_order_is_sent() -> None:
    samples = [(1e308, 1.0), (-5e307, 0.5), (1e308, 1.0)]
    assert summarise(make_histogram(samples))["sum"] == 1e308


def test_weights_of_condensed_values_are_not_cut() -> None:
    samples = [(value, 0.3) for value in range(KEPT_VALUES + 1)]
    histogram = make_histogram(samples)
    assert histogram.size < len(samples)
    found = summarise(histogram, 50)
    assert found["count"] == pytest.approx(len(samples) / 0.3 / 10)
    assert found["avg"] == pytest.approx(KEPT_VALUES / 2)
    assert found["50"] == pytest.approx(KEPT_VALUES / 2, rel=0.0079)


def test_bins_are_bounded_and_the_lowest_collapse() -> None:
    condensed: list[int] = []
    histogram = Histogram(condensed.append)
    # One a bin, and more of them than there may be.
    values = [GAMMA**exponent for exponent in range(-500, BIN_LIMIT)]
    assert histogram.insert(values)
    assert sum(condensed) == len(values)
    assert histogram.size == BIN_LIMIT
    found = summarise(histogram, 99)
    assert found["count"] == len(values) / 10
    assert found["min"] == values[0]
    assert found["max"] == values[-1]
    assert found["99"] == pytest.approx(brute_force([(v, 1) for v in values], 99))


def test_what_no_payload_could_hold_is_refused_whole() -> None:
    histogram = make_histogram([(1, 1)])
    assert not histogram.insert([1e308, 1e308])
    assert not histogram.insert([1.0], 0.9 / MAX_SKETCH_COUNT)
    assert summarise(histogram)["sum"] == 1


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.sampled_from([1.0, 0.3])), max_size=40),
    st.lists(st.integers(1, 8), min_size=40, max_size=40),
    st.integers(1, 9),
    st.integers(1, 4),
)
def test_values_in_groups_are_as_good_as_one_by_one(
    samples: list[tuple[float, float]], sizes: list[int], values: int, weights: int
) -> None:
    one_by_one, in_groups = [0], [0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("statsd_trio.engine.histogram.KEPT_VALUES", values)
        patch.setattr("statsd_trio.engine.histogram.KEPT_WEIGHTS", weights)
        single = Histogram(one_by_one.append)
        for value, rate in samples:
            single.insert([value], rate)
        grouped = Histogram(in_groups.append)
        begin = 0
        for size in sizes:
            part = samples[begin : begin + size]
            begin += size
            for rate, group in groupby(part, key=itemgetter(1)):
                grouped.insert([value for value, _ in group], rate)
    assert sum(one_by_one) == sum(in_groups)
    if samples:
        assert summarise(single, 5, 95) == summarise(grouped, 5, 95)
