from hypothesis import given, strategies as st

from statsd_trio.aggregation.bucket_clock import MAX_RANGES, BucketClock


def go(clock: BucketClock, now: float, *, is_sent: bool = True) -> int:
    """Move to *now* as the aggregator does; return the start that is open then."""
    start = clock.choose(now)
    if start != clock.start:
        if is_sent:
            clock.mark_sent(clock.start)
        clock.move(start)
    return clock.start


def test_time_goes_from_one_interval_to_the_next() -> None:
    clock = BucketClock(10, 1000)
    assert [go(clock, now) for now in (1009.9, 1010.0, 1031.5)] == [1000, 1010, 1030]


def test_the_first_interval_starts_with_the_server_and_ends_on_an_edge() -> None:
    clock = BucketClock(10, 1004.9)
    assert clock.start == 1004
    assert [go(clock, now) for now in (1009.9, 1010.0, 1031.5)] == [1004, 1010, 1030]


def test_what_follows_the_first_interval_starts_on_an_edge() -> None:
    clock = BucketClock(10, 1004.9)
    clock.mark_sent(1004)
    assert clock.follow(1004) == 1010


def test_a_small_step_back_stays_in_the_first_interval() -> None:
    clock = BucketClock(10, 1004)
    assert [go(clock, now) for now in (1005, 995, 990, 1009)] == [1004] * 4


def test_a_small_step_back_stays_in_the_open_bucket() -> None:
    clock = BucketClock(10, 1000)
    assert [go(clock, now) for now in (1010, 1009.9, 1000, 1011)] == [1010] * 4


def test_a_clock_that_goes_back_to_before_everything_starts_anew() -> None:
    clock = BucketClock(10, 5000)
    assert [go(clock, now) for now in (5010, 4985, 4990, 5000, 5001)] == [
        5010,
        4980,
        4990,
        5020,
        5020,
    ]


def test_a_clock_that_goes_back_into_what_is_sent_waits() -> None:
    clock = BucketClock(10, 1000)
    assert [go(clock, now) for now in (1100, 1050, 1105, 1110)] == [
        1100,
        1100,
        1100,
        1110,
    ]


def test_the_bucket_after_a_sent_one_is_the_next_that_is_free() -> None:
    clock = BucketClock(10, 1000)
    clock.mark_sent(1000)
    assert clock.follow(1000) == 1010
    assert clock.is_sent(1000)
    assert not clock.is_sent(1010)


def test_ranges_do_not_pile_up() -> None:
    clock = BucketClock(10, 1_000_000)
    starts = [go(clock, 1_000_000 - 100 * step) for step in range(2 * MAX_RANGES)]
    assert len(set(starts)) == MAX_RANGES + 1
    assert starts[-1] == starts[MAX_RANGES]


@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(-30, 40), st.integers(-5000, 5000)), st.booleans()
        ),
        max_size=40,
    ),
    st.integers(100_000, 100_009),
)
def test_no_start_is_sent_twice(steps: list[tuple[int, bool]], started: int) -> None:
    now = started
    clock = BucketClock(10, now)
    sent: set[int] = set()
    for step, is_used in steps:
        now += step
        start = clock.choose(now)
        assert start % 10 == 0 or start == started
        assert start not in sent
        if start != clock.start:
            if is_used:
                sent.add(clock.start)
                clock.mark_sent(clock.start)
            clock.move(start)
