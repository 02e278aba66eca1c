import math
import string

import attrs
import pytest
from hypothesis import given, settings, strategies as st

from statsd_trio.sinks.datadog.retry import (
    MAX_RETRY_AFTER_SECONDS,
    Circuit,
    RetryQueue,
    Verdict,
    compute_backoff,
    judge_status,
    parse_retry_after,
)


@attrs.frozen
class Item:
    order: tuple[int, int]
    size: int = 10
    not_before: float = -math.inf


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_success_is_delivered(status: int) -> None:
    assert judge_status(status) is Verdict.DELIVERED


@pytest.mark.parametrize("status", [400, 403, 413])
def test_what_can_never_succeed_is_refused(status: int) -> None:
    assert judge_status(status) is Verdict.REFUSED


@pytest.mark.parametrize(
    "status", [301, 304, 307, 401, 402, 404, 405, 408, 429, 500, 502, 503, 504, 599]
)
def test_everything_else_is_tried_again(status: int) -> None:
    assert judge_status(status) is Verdict.RETRY


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 59.0),
        ("0", None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("Fri, 31 Dec 1999 23:58:00 GMT", None),
        ("Fri, 31 Dec 99999 23:58:00 GMT", None),
        ("9" * 5000, MAX_RETRY_AFTER_SECONDS),
        ("Fri, 31 Dec 2100 23:59:59 GMT", MAX_RETRY_AFTER_SECONDS),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert parse_retry_after(value, wall_now=946_684_740.0) == seconds


@settings(max_examples=50, deadline=None)
@given(st.text(string.printable, max_size=50))
def test_retry_after_never_raises(value: str) -> None:
    seconds = parse_retry_after(value, 0.0)
    assert seconds is None or 0 < seconds <= MAX_RETRY_AFTER_SECONDS


@pytest.mark.parametrize(
    ("errors", "shortest", "longest"),
    [
        (0, 0, 0),
        (1, 2, 4),
        (2, 4, 8),
        (3, 8, 16),
        (4, 16, 32),
        (5, 32, 64),
        (6, 64, 64),
    ],
)
def test_backoff_is_the_agent_s(errors: int, shortest: float, longest: float) -> None:
    assert compute_backoff(errors, 0.0) == shortest
    assert compute_backoff(errors, 1.0) == longest


def test_backoff_saturates() -> None:
    assert compute_backoff(1000, 0.5) == 64


def test_circuit_opens_with_the_first_error() -> None:
    circuit = Circuit()
    circuit.fail(circuit.start(), now=100.0, fraction=0.0, retry_after=None)
    assert circuit.is_open
    assert not circuit.may_send(101.9)
    assert circuit.may_send(102.0)


def test_requests_in_flight_together_count_as_one_error() -> None:
    circuit = Circuit()
    tickets = [circuit.start() for _ in range(10)]
    for ticket in tickets:
        circuit.fail(ticket, 100.0, 0.0, None)
    assert circuit.errors == 1


def test_one_probe_at_a_time_tries_an_open_circuit() -> None:
    circuit = Circuit()
    circuit.fail(circuit.start(), 100.0, 0.0, None)
    probe = circuit.start()
    assert not circuit.may_send(200.0)
    circuit.fail(probe, 200.0, 0.0, None)
    assert circuit.errors == 2
    assert circuit.may_send(204.0)


def test_older_request_that_ends_does_not_end_the_probe() -> None:
    circuit = Circuit()
    first, second = circuit.start(), circuit.start()
    circuit.fail(first, 100.0, 0.0, None)
    circuit.start()
    circuit.fail(second, 102.0, 0.0, None)
    assert not circuit.may_send(200.0)


def test_cancelled_probe_says_nothing_and_makes_room_for_another() -> None:
    circuit = Circuit()
    circuit.fail(circuit.start(), 100.0, 0.0, None)
    circuit.cancel(circuit.start())
    assert circuit.errors == 1
    assert circuit.may_send(102.0)


def test_errors_saturate() -> None:
    circuit = Circuit()
    for _ in range(20):
        circuit.fail(circuit.start(), 0.0, 0.0, None)
    assert circuit.errors == 6


def test_success_recovers_by_two_and_waits_anew() -> None:
    circuit = Circuit()
    for _ in range(6):
        circuit.fail(circuit.start(), 0.0, 0.0, None)
    waits = []
    while circuit.is_open:
        circuit.succeed(circuit.start(), 1000.0, 0.0)
        waits.append(circuit.blocked_until - 1000.0)
    assert waits == [16.0, 4.0, 0.0]


def test_closed_circuit_lets_any_number_through() -> None:
    circuit = Circuit()
    circuit.start()
    circuit.start()
    assert circuit.may_send(0.0)


def test_success_leaves_a_closed_circuit_closed() -> None:
    circuit = Circuit()
    circuit.succeed(circuit.start(), 100.0, 0.0)
    assert circuit.may_send(100.0)


def test_retry_after_is_waited_for_when_longer() -> None:
    circuit = Circuit()
    circuit.fail(circuit.start(), 100.0, 0.0, retry_after=120.0)
    assert not circuit.may_send(219.9)
    assert circuit.may_send(220.0)


def test_retry_after_never_shortens_the_backoff() -> None:
    circuit = Circuit()
    circuit.fail(circuit.start(), 100.0, 0.0, retry_after=1.0)
    assert circuit.blocked_until == 102.0


def test_retry_after_of_a_late_answer_opens_the_circuit_again() -> None:
    circuit = Circuit()
    first, second, third = circuit.start(), circuit.start(), circuit.start()
    circuit.fail(first, 100.0, 0.0, None)
    circuit.succeed(second, 101.0, 0.0)
    assert not circuit.is_open
    circuit.fail(third, 102.0, 0.0, retry_after=60.0)
    assert not circuit.may_send(161.0)


def test_newest_is_taken_first() -> None:
    queue = RetryQueue[Item](100)
    for order in [(2, 1), (3, 2), (1, 3)]:
        queue.push(Item(order))
    taken = [queue.take_newest(lambda item: item.size == 10) for _ in range(4)]
    assert [item and item.order for item in taken] == [(3, 2), (2, 1), (1, 3), None]


def test_what_is_not_eligible_is_passed_over() -> None:
    queue = RetryQueue[Item](100)
    queue.push(Item((1, 1)))
    queue.push(Item((2, 2), not_before=5.0))
    taken = queue.take_newest(lambda item: item.not_before <= 4.0)
    assert taken == Item((1, 1))
    assert queue.has(lambda item: item.not_before > 4.0)
    assert queue.find_next_time() == 5.0


def test_nothing_overflows_at_the_bound() -> None:
    queue = RetryQueue[Item](20)
    queue.push(Item((1, 1)))
    queue.push(Item((2, 2)))
    assert queue.take_overflow() == []


def test_oldest_overflow_whatever_order_they_came_in() -> None:
    queue = RetryQueue[Item](20)
    for order in [(3, 1), (1, 2), (2, 3)]:
        queue.push(Item(order))
    assert queue.take_overflow() == [Item((1, 2))]
    assert queue.size == 20


def test_overflow_can_make_more_room_than_needed() -> None:
    queue = RetryQueue[Item](40)
    for number in range(5):
        queue.push(Item((number, number)))
    assert len(queue.take_overflow(down_to=0.5)) == 3
    assert queue.size == 20


def test_item_larger_than_the_bound_does_not_stay() -> None:
    queue = RetryQueue[Item](20)
    queue.push(Item((1, 1), size=21))
    assert queue.take_overflow() == [Item((1, 1), size=21)]
    assert (len(queue), queue.size) == (0, 0)


def test_empty_queue_waits_for_nothing() -> None:
    assert RetryQueue[Item](10).find_next_time() == math.inf


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 30)), max_size=40))
def test_size_is_the_sum_of_what_waits(pushed: list[tuple[int, int]]) -> None:
    queue = RetryQueue[Item](100)
    gone = 0
    for serial, (age, size) in enumerate(pushed):
        queue.push(Item((age, serial), size))
        gone += sum(item.size for item in queue.take_overflow())
        assert queue.size <= 100
    assert queue.size + gone == sum(size for _, size in pushed)
    assert sum(item.size for item in queue.take_all()) + gone == sum(
        size for _, size in pushed
    )
    assert queue.size == 0
