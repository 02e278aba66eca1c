import math

import pytest
from hypothesis import given, settings, strategies as st

from statsd_trio.sinks.datadog.routes import DatadogRoute
from statsd_trio.sinks.delivery.payload import Payload, Route
from statsd_trio.sinks.delivery.payload_queue import (
    PayloadQueue,
    WaitingPayloads,
)
from statsd_trio.sinks.delivery.transaction import SpoolFile, Transaction
from statsd_trio.sinks.otlp.routes import OtlpRoute

ROUTES = tuple(DatadogRoute)


def make(
    order: tuple[int, int],
    size: int = 10,
    route: Route = DatadogRoute.SERIES,
    not_before: float = -math.inf,
) -> Transaction:
    return Transaction(Payload(route, "", 1, bytes(size)), order, not_before)


def take_newest(queue: PayloadQueue, now: float = 0.0) -> Transaction | None:
    found = queue.find_newest(DatadogRoute.SERIES, now)
    return None if found is None else queue.take_newest(DatadogRoute.SERIES)


def test_newest_is_taken_first() -> None:
    queue = PayloadQueue(ROUTES, 100)
    for order in [(2, 1), (3, 2), (1, 3)]:
        queue.push(make(order))
    taken = [take_newest(queue) for _ in range(4)]
    assert [one and one.order for one in taken] == [(3, 2), (2, 1), (1, 3), None]
    assert queue.size == 0


def test_what_has_to_wait_is_passed_over_until_its_time() -> None:
    queue = PayloadQueue(ROUTES, 100)
    queue.push(make((2, 2), not_before=5.0))
    assert queue.find_next_time(DatadogRoute.SERIES) == 5.0
    queue.push(make((1, 1)))
    assert queue.find_next_time(DatadogRoute.SERIES) == -math.inf
    assert [take_newest(queue, now=4.0), take_newest(queue, now=4.0)][1] is None
    found = take_newest(queue, now=5.0)
    assert found is not None
    assert found.order == (2, 2)


def test_routes_have_queues_of_their_own() -> None:
    queue = PayloadQueue(ROUTES, 100)
    queue.push(make((1, 1), route=DatadogRoute.EVENTS))
    assert queue.find_newest(DatadogRoute.SERIES, 0.0) is None
    assert queue.find_next_time(DatadogRoute.SERIES) == math.inf
    assert (queue.count(DatadogRoute.EVENTS), len(queue)) == (1, 1)


def test_nothing_overflows_at_the_bound() -> None:
    queue = PayloadQueue(ROUTES, 20)
    queue.push(make((1, 1)))
    queue.push(make((2, 2)))
    assert queue.take_overflow() == []


def test_oldest_overflow_whatever_order_they_came_in() -> None:
    queue = PayloadQueue(ROUTES, 20)
    for order in [(3, 1), (1, 2), (2, 3)]:
        queue.push(make(order, not_before=7.0 if order == (1, 2) else -math.inf))
    assert [one.order for one in queue.take_overflow()] == [(1, 2)]
    assert queue.size == 20


def test_overflow_can_make_more_room_than_needed() -> None:
    queue = PayloadQueue(ROUTES, 40)
    for number in range(5):
        queue.push(make((number, number)))
    assert len(queue.take_overflow(down_to=0.5)) == 3
    assert queue.size == 20


def test_item_larger_than_the_bound_does_not_stay() -> None:
    queue = PayloadQueue(ROUTES, 20)
    queue.push(make((1, 1), size=21))
    assert [one.size for one in queue.take_overflow()] == [21]
    assert (len(queue), queue.size) == (0, 0)


def test_number_of_payloads_is_bounded_too() -> None:
    queue = PayloadQueue(ROUTES, 15 * 1024 * 1024)
    for number in range(30_000):
        queue.push(make((number, 0), size=1, route=DatadogRoute.EVENTS))
        queue.take_overflow()
    assert 19_000 < len(queue) <= 20_000


def test_overflow_is_taken_some_at_a_time() -> None:
    queue = PayloadQueue(ROUTES, 100_000)
    for number in range(10_001):
        queue.push(make((number, 0)))
    assert len(queue.take_overflow(down_to=0.5)) == 1000
    assert queue.take_overflow(down_to=0.5) == [], "it is within its bound"


def test_shares_add_up_to_the_whole() -> None:
    for routes in (DatadogRoute, OtlpRoute):
        assert sum(route.share for route in routes) == 1


@pytest.mark.parametrize("flooding", DatadogRoute)
@pytest.mark.parametrize("quiet", DatadogRoute)
def test_flood_of_one_route_leaves_the_share_of_another(
    flooding: Route, quiet: Route
) -> None:
    if flooding is quiet:
        return
    queue = PayloadQueue(ROUTES, 1600)
    for number in range(160):
        queue.push(make((number, 0), route=quiet))
        queue.take_overflow()
    for number in range(1000):
        queue.push(make((1000 + number, 0), route=flooding))
        queue.take_overflow()
    assert queue.count(quiet) >= 160 * quiet.share
    assert queue.count(flooding) >= 160 * flooding.share
    assert len(queue) == 160


def test_metrics_take_back_what_events_used_of_their_share() -> None:
    queue = PayloadQueue(ROUTES, 1600)
    for number in range(160):
        queue.push(make((number, 0), route=DatadogRoute.EVENTS))
    overflow = []
    for number in range(1000):
        queue.push(make((1000 + number, 0)))
        overflow += queue.take_overflow()
    assert queue.count(DatadogRoute.EVENTS) == 20
    assert [one.payload.route for one in overflow[:140]] == [DatadogRoute.EVENTS] * 140


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 9),
            st.integers(1, 30),
            st.sampled_from(DatadogRoute),
            st.sampled_from([-math.inf, 3.0]),
        ),
        max_size=40,
    )
)
def test_size_is_the_sum_of_what_waits(
    pushed: list[tuple[int, int, Route, float]],
) -> None:
    queue = PayloadQueue(ROUTES, 100)
    gone = 0
    for serial, (age, size, route, not_before) in enumerate(pushed):
        queue.push(make((age, serial), size, route, not_before))
        gone += sum(one.size for one in queue.take_overflow())
        assert queue.size <= 100
    whole = sum(size for _, size, *_ in pushed)
    assert queue.size + gone == whole
    assert sum(one.size for one in queue.take_all()) + gone == whole
    assert queue.size == 0


def test_new_payloads_need_no_room_for_retries() -> None:
    waiting = WaitingPayloads(ROUTES, new_bytes=100, retry_bytes=0)
    waiting.push_new(make((1, 1)))
    assert waiting.take_overflow() == []
    taken = waiting.take_newest(DatadogRoute.SERIES, 0.0)
    assert taken is not None
    waiting.push(taken)
    assert waiting.take_overflow() == [taken]


def test_new_payloads_beyond_their_room_wait_with_the_retries() -> None:
    waiting = WaitingPayloads(ROUTES, new_bytes=20, retry_bytes=10)
    for number in range(4):
        waiting.push_new(make((number, 0)))
    assert [one.order for one in waiting.take_overflow()] == [(0, 0)]
    assert len(waiting) == 3


def test_newest_is_taken_wherever_it_waits() -> None:
    waiting = WaitingPayloads(ROUTES, new_bytes=100, retry_bytes=100)
    waiting.push_new(make((2, 0)))
    waiting.push(make((3, 0)))
    waiting.push(make((1, 0), not_before=9.0))
    taken = [waiting.take_newest(DatadogRoute.SERIES, 0.0) for _ in range(3)]
    assert [one and one.order for one in taken] == [(3, 0), (2, 0), None]
    assert waiting.find_next_time(DatadogRoute.SERIES) == 9.0
    assert waiting.count(DatadogRoute.SERIES) == 1


def test_payloads_that_a_file_holds_need_no_room(tmp_path: object) -> None:
    waiting = WaitingPayloads(ROUTES, new_bytes=0, retry_bytes=0)
    loaded = make((1, 0))
    loaded.file = SpoolFile("stem", None, 1, is_own=True, is_changed=False)  # type: ignore[arg-type]  # no path is needed here
    waiting.push(loaded)
    waiting.push_new(loaded)
    assert waiting.take_overflow() == []
    assert waiting.take_all() == [loaded, loaded]
