import math

import pytest
from hypothesis import given, strategies as st

from statsd_trio.transports.pacing import ReadingPace

SMALL_BUFFER = 425_984
LARGE_BUFFER = 8 * 1024 * 1024
LINE = 20
COST = 1024 + 2 * LINE


def make(capacity: float = LARGE_BUFFER, max_rest_seconds: float = 0.01) -> ReadingPace:
    return ReadingPace(
        capacity=capacity,
        packet_cost=1024,
        byte_cost=2,
        max_rest_seconds=max_rest_seconds,
    )


def find_rest(pace: ReadingPace, packets: int, elapsed: float) -> float:
    """Return the rest after a second reading, *elapsed* after a first one."""
    pace.plan_rest(100, 1, LINE)
    return pace.plan_rest(100 + elapsed, packets, packets * LINE)


def test_there_is_no_rest_after_the_first_packet() -> None:
    assert make().plan_rest(100, 1, LINE) == 0


@pytest.mark.parametrize(
    ("pause", "rest"), [(0.0199, 0.01), (0.0201, 0), (1, 0), (1e9, 0)]
)
def test_there_is_none_after_a_quiet_time(pause: float, rest: float) -> None:
    assert find_rest(make(), 100, pause) == rest


def test_there_is_none_if_nothing_came() -> None:
    assert find_rest(make(), 0, 0.01) == 0


def test_there_is_none_for_a_single_packet_to_come() -> None:
    assert find_rest(make(), 1, 0.0049) == 0.01
    assert find_rest(make(), 1, 0.0051) == 0


def test_there_is_none_while_the_clock_stands_still() -> None:
    assert find_rest(make(), 100, 0) == 0


@pytest.mark.parametrize("rate", [1000, 10_000, 50_000])
def test_everyday_rates_get_the_longest_rest_from_a_large_buffer(rate: int) -> None:
    assert find_rest(make(), rate // 100, 0.01) == 0.01


@pytest.mark.parametrize(
    ("rate", "least", "most"),
    [(1000, 0.002, 0.0021), (10_000, 0.002, 0.0021), (45_000, 0.001, 0.0012)],
)
def test_a_small_buffer_allows_a_short_rest(
    rate: int, least: float, most: float
) -> None:
    assert least <= find_rest(make(SMALL_BUFFER), rate // 100, 0.01) <= most


def test_a_small_buffer_allows_none_at_100_000_packets_a_second() -> None:
    assert find_rest(make(SMALL_BUFFER), 1000, 0.01) == 0


def test_a_buffer_of_a_few_packets_allows_none() -> None:
    pace = ReadingPace(capacity=11, packet_cost=1, byte_cost=0, max_rest_seconds=0.01)
    assert find_rest(pace, 10, 0.01) == 0


def test_it_can_be_turned_off() -> None:
    assert find_rest(make(max_rest_seconds=0), 10, 0.001) == 0


@given(
    st.floats(1, 1e9),
    st.integers(0, 100_000),
    st.integers(0, 10**9),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_no_rest_fills_more_than_its_share(
    capacity: float, packets: int, size: int, elapsed: float, max_rest: float
) -> None:
    pace = make(capacity, max_rest)
    pace.plan_rest(0, 1, LINE)
    rest = pace.plan_rest(elapsed, packets, size)
    assert rest == 0 or 0.001 <= rest <= max_rest
    if rest:
        filled = (1024 * packets + 2 * size) * rest / elapsed
        assert filled <= capacity / 8 * (1 + 1e-9)
        # A burst of 100 000 packets a second that begins with it.
        assert 1024 * 100_000 * rest <= capacity / 2 * (1 + 1e-9)
        assert math.isfinite(rest)
