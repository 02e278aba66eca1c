import math
import string

import pytest
from hypothesis import given, settings, strategies as st

from statsd_trio.sinks.datadog.routes import classify_status
from statsd_trio.sinks.delivery.retry import (
    MAX_RETRY_AFTER_SECONDS,
    Circuit,
    Outcome,
    compute_backoff,
    parse_retry_after,
)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_success_is_delivered(status: int) -> None:
    assert classify_status(status) is Outcome.DELIVERED


@pytest.mark.parametrize("status", [400, 403, 413])
def test_what_can_never_succeed_is_refused(status: int) -> None:
    assert classify_status(status) is Outcome.REFUSED


@pytest.mark.parametrize(
    "status", [301, 304, 307, 401, 402, 404, 405, 408, 429, 500, 502, 503, 504, 599]
)
def test_everything_else_is_tried_again(status: int) -> None:
    assert classify_status(status) is Outcome.RETRY


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


@settings(max_examples=50)
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
    attempts = [circuit.start() for _ in range(10)]
    for attempt in attempts:
        circuit.fail(attempt, 100.0, 0.0, None)
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


def test_next_time_is_the_end_of_the_backoff_unless_a_probe_is_under_way() -> None:
    circuit = Circuit()
    assert circuit.next_time == -math.inf
    circuit.fail(circuit.start(), 100.0, 0.0, None)
    assert circuit.next_time == 102.0
    assert circuit.is_blocked(101.0)
    assert not circuit.is_blocked(102.0)
    circuit.start()
    assert circuit.next_time == math.inf
