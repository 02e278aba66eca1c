"""The Agent's sketch: its vectors, then what must hold of any values.

Source of the vectors: opentelemetry-mapping-go, pkg/quantile (agent_test.go,
store_test.go, sparse_test.go), with bins of 16 bits as in the Agents of that time.
"""

import math
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, strategies as st

from statsd_trio.engine.sketch import (
    MAX_SKETCH_COUNT,
    NORM_MIN,
    QuantileSketch,
    count_keys,
    find_lower_bound,
    split_bins,
    trim_bins,
)

MAX = 65535


def find_key(value: float) -> int:
    (key,) = count_keys([value])
    return key


NORM_MAX = 4.137616223466104e211

KEYS = [
    (0.0, 0),
    (1e-10, 0),
    (9.9e-10, 0),
    (9.94185408912145e-10, 1),
    (math.nextafter(NORM_MIN, 0), 0),
    (1e-9, 1),
    (1.0097195559263973e-09, 2),
    (1e-6, 447),
    (0.001, 892),
    (0.1, 1189),
    (0.5, 1293),
    (0.9, 1331),
    (0.99, 1337),
    (1.0, 1338),
    (1.0078125, 1339),
    (1.015625, 1339),
    (-1.0, -1338),
    (-10.0, -1487),
    (-1000.0, -1784),
    (-1e-10, 0),
    (1.5, 1364),
    (2.0, 1383),
    (3.0, 1409),
    (3.5, 1419),
    (4.0, 1427),
    (5.0, 1442),
    (6.7, 1461),
    (7.0, 1464),
    (8.0, 1472),
    (10.0, 1487),
    (12.5, 1501),
    (20.0, 1531),
    (42.0, 1579),
    (50.0, 1590),
    (99.0, 1634),
    (100.0, 1635),
    (101.0, 1636),
    (200.0, 1680),
    (250.0, 1694),
    (500.0, 1739),
    (999.0, 1783),
    (1000.0, 1784),
    (1024.0, 1785),
    (1e4, 1932),
    (1e5, 2081),
    (1e6, 2229),
    (1e9, 2675),
    (1e12, 3120),
    (2.0**31, 2724),
    (2.0**53, 3707),
    (1e18, 4011),
    (1e50, 8764),
    (1e100, 16189),
    (1e200, 31041),
    (NORM_MAX, 32766),
    (NORM_MAX * 1.02, 32767),
    (1.797e308, 32767),
    (-1.797e308, -32767),
]


@pytest.mark.parametrize(("value", "key"), KEYS)
def test_a_value_falls_into_the_agents_bin(value: float, key: int) -> None:
    assert find_key(value) == key


LOWER_BOUNDS = [
    (1, 9.94185408912145e-10),
    (2, 1.0097195559263973e-09),
    (100, 4.613943458867193e-09),
    (1000, 0.00529805742520608),
    (1337, 0.9846153846153847),
    (1338, 1.0),
    (1339, 1.015625),
    (1383, 2.009103080990281),
    (1442, 5.015009921317149),
    (1487, 10.07567188411511),
    (1635, 99.95733062532699),
    (1784, 1007.1372657928052),
    (2229, 998720.4648847829),
    (32766, NORM_MAX),
    (32767, math.inf),
    (0, 0.0),
    (-1338, -1.0),
    (-32767, -math.inf),
]


@pytest.mark.parametrize(("key", "value"), LOWER_BOUNDS)
def test_a_bin_stands_for_the_agents_value(key: int, value: float) -> None:
    assert find_lower_bound(key) == pytest.approx(value, rel=1e-9)


def test_every_bins_value_falls_into_that_bin() -> None:
    for key in (*range(-32766, 0, 97), *range(0, 32767, 5)):
        assert find_key(find_lower_bound(key)) == key


def make_sketch(*values: float, rate: float = 1.0) -> QuantileSketch:
    sketch = QuantileSketch(max_bin_count=MAX)
    assert sketch.insert([float(value) for value in values], rate)
    return sketch


def ones(*keys: int) -> list[tuple[int, int]]:
    return [(key, 1) for key in keys]


def bad_rates() -> QuantileSketch:
    sketch = make_sketch(10, rate=0.0)
    sketch.insert([10.0], 2.0)
    return sketch


def mixed_rates() -> QuantileSketch:
    sketch = make_sketch(0, 1, rate=0.1)
    sketch.insert([0.0, 1.0])
    return sketch


SKETCHES: list[Any] = [
    (make_sketch(1), ones(1338), (1, 1, 1, 1, 1)),
    (make_sketch(42), ones(1579), (1, 42, 42, 42, 42)),
    (make_sketch(1, 2, 3), ones(1338, 1383, 1409), (3, 1, 3, 6, 2)),
    (make_sketch(3.5, 4.5), ones(1419, 1435), (2, 3.5, 4.5, 8, 4)),
    (
        make_sketch(*range(1, 11)),
        ones(1338, 1383, 1409, 1427, 1442, 1454, 1464, 1472, 1480, 1487),
        (10, 1, 10, 55, 5.5),
    ),
    (make_sketch(*range(1, 101)), None, (100, 1, 100, 5050, 50.5)),
    (make_sketch(0, 0, 0), [(0, 3)], (3, 0, 0, 0, 0)),
    (make_sketch(-1, 0, 1), ones(-1338, 0, 1338), (3, -1, 1, 0, 0)),
    (
        make_sketch(1e-10, 1e-9, 1e-8),
        ones(0, 1, 150),
        (3, 1e-10, 1e-8, 1.11e-08, 3.7e-09),
    ),
    (make_sketch(10, rate=0.1), [(1487, 10)], (10, 10, 10, 100, 10)),
    (mixed_rates(), [(0, 11), (1338, 11)], (22, 0, 1, 11, 0.5)),
    (bad_rates(), [(1487, 2)], (2, 10, 10, 20, 10)),
    (
        make_sketch(*[1.0] * 70000),
        [(1338, 4465), (1338, 65535)],
        (70000, 1, 1, 70000, 1),
    ),
]


@pytest.mark.parametrize(("sketch", "bins", "summary"), SKETCHES)
def test_sketch_is_the_agents(
    sketch: QuantileSketch,
    bins: list[tuple[int, int]] | None,
    summary: tuple[float, ...],
) -> None:
    assert len(sketch.list_bins()) == 93 if bins is None else sketch.list_bins() == bins
    figures = (sketch.count, sketch.min, sketch.max, sketch.sum, sketch.average)
    assert figures == pytest.approx(summary, rel=1e-9)


def test_weights_of_a_rate_are_cut_but_the_sum_is_not() -> None:
    sketch = make_sketch(7, rate=0.3)
    assert sketch.list_bins() == [(1464, 3)]
    assert (sketch.count, sketch.sum) == (3, pytest.approx(7 / 0.3))
    assert sketch.average == 7


def test_an_empty_sketch_has_no_values() -> None:
    sketch = QuantileSketch()
    assert (sketch.count, sketch.list_bins(), sketch.average) == (0, [], 0)


def insert_keys(sketch: QuantileSketch, *bins: tuple[int, int]) -> None:
    for key, count in bins:
        assert sketch.insert([find_lower_bound(key)], 1 / count)


def test_the_lowest_bins_collapse_beyond_the_limit() -> None:
    sketch = QuantileSketch(max_bin_count=MAX)
    insert_keys(sketch, *ones(*range(1, 5001)))
    bins = sketch.list_bins()
    assert bins[0] == (905, 905)
    assert bins[1:] == ones(*range(906, 5001))
    assert (len(bins), sketch.count) == (4096, 5000)


@pytest.mark.parametrize(
    ("limit", "inserted", "bins"),
    [
        (3, ones(1, 2, 3, 4, 5), [(3, 3), (4, 1), (5, 1)]),
        (4096, [(0, MAX), (0, 1)], [(0, 1), (0, MAX)]),
        (4096, [(0, 2 * MAX + 1), (0, 2)], [(0, 3), (0, MAX), (0, MAX)]),
        (4096, [(0, MAX - 3), (0, 5)], [(0, 2), (0, MAX)]),
        (4096, [(0, 2), *ones(-1, -2, -3)], [*ones(-3, -2, -1), (0, 2)]),
        (
            4096,
            ones(1, 3, 4, 5, 6, 7, 2, 3),
            [(1, 1), (2, 1), (3, 2), (4, 1), (5, 1), (6, 1), (7, 1)],
        ),
    ],
)
def test_inserting_keys_is_the_agents(
    limit: int, inserted: list[tuple[int, int]], bins: list[tuple[int, int]]
) -> None:
    sketch = QuantileSketch(bin_limit=limit, max_bin_count=MAX)
    insert_keys(sketch, *inserted)
    assert sketch.list_bins() == bins


@pytest.mark.parametrize(
    ("limit", "bins", "trimmed"),
    [
        (2, [(1, MAX), (2, MAX), (3, MAX)], [(2, MAX), (2, MAX), (3, MAX)]),
        (
            3,
            [(1, MAX), (1, MAX), (1, 1), (2, MAX), (3, 1), (4, 1)],
            [(1, MAX), (1, MAX), (2, 1), (2, MAX), (3, 1), (4, 1)],
        ),
        (3, ones(1, 2, 3), ones(1, 2, 3)),
        (1, ones(1, 2, 3), [(3, 3)]),
    ],
)
def test_trimming_is_the_agents(
    limit: int, bins: list[tuple[int, int]], trimmed: list[tuple[int, int]]
) -> None:
    assert trim_bins(bins, limit, MAX) == trimmed


def test_a_total_is_split_into_a_remainder_and_full_bins() -> None:
    assert split_bins({1: 100 + 3 * MAX, 0: 2 * MAX}, MAX) == [
        (0, MAX),
        (0, MAX),
        (1, 100),
        (1, MAX),
        (1, MAX),
        (1, MAX),
    ]


def test_full_bins_count_for_the_limit() -> None:
    sketch = QuantileSketch(bin_limit=2, max_bin_count=MAX)
    insert_keys(sketch, (1, 5), (2, 3 * MAX))
    assert sketch.list_bins() == [(2, 5), (2, MAX), (2, MAX), (2, MAX)]


def test_more_than_a_payload_could_hold_is_refused_whole() -> None:
    sketch = make_sketch(1)
    assert not sketch.insert([1.0, 2.0], 1e-300)
    assert not sketch.insert([1.0, 2.0], 1.9 / MAX_SKETCH_COUNT)
    assert not sketch.insert([1e308, 1e308])
    assert (sketch.count, sketch.sum, sketch.list_bins()) == (1, 1, ones(1338))


numbers = st.floats(allow_nan=False, allow_infinity=False, width=64).filter(
    lambda value: abs(value) < 1e290
)
positive = st.floats(min_value=NORM_MIN, max_value=1e200)
rates = st.sampled_from([1.0, 0.5, 0.3, 0.1, 0.01])
batches = st.lists(st.tuples(st.lists(numbers, max_size=6), rates), max_size=6)


def is_close(left: float, right: float, magnitude: float) -> bool:
    return abs(left - right) <= 1e-9 * magnitude


@given(batches, st.randoms(use_true_random=False), st.integers(2, 40))
def test_order_does_not_matter(
    inserted: list[tuple[list[float], float]], random: Random, limit: int
) -> None:
    forward = QuantileSketch(bin_limit=limit)
    shuffled = QuantileSketch(bin_limit=limit)
    single = [([value], rate) for values, rate in inserted for value in values]
    random.shuffle(single)
    for values, rate in inserted:
        forward.insert(values, rate)
        forward.list_bins()
    for values, rate in single:
        shuffled.insert(values, rate)
    assert forward.list_bins() == shuffled.list_bins()
    assert forward.count == shuffled.count
    assert (forward.min, forward.max) == (shuffled.min, shuffled.max)
    magnitude = sum(abs(value) / rate for (value,), rate in single)
    assert is_close(forward.sum, shuffled.sum, magnitude)


@given(positive)
def test_a_bin_is_off_by_the_promised_error_only(value: float) -> None:
    bound = find_lower_bound(find_key(value))
    assert -1 / 128 - 1e-9 <= bound / value - 1 <= 1 / 128 + 1e-9


@given(st.lists(numbers, min_size=1, max_size=100))
def test_bins_hold_every_value_in_ascending_order(values: list[float]) -> None:
    sketch = QuantileSketch()
    sketch.insert(values)
    bins = sketch.list_bins()
    assert sum(count for _, count in bins) == len(values)
    assert all(low < high for (low, _), (high, _) in pairwise(bins))
