import math

import pytest

from statsd_trio.sinks.datadog.routes import DatadogRoute
from statsd_trio.sinks.delivery.payload import Payload, Route
from statsd_trio.sinks.delivery.payload_queue import WaitingPayloads
from statsd_trio.sinks.delivery.route_state import RouteState
from statsd_trio.sinks.delivery.schedule import Schedule
from statsd_trio.sinks.delivery.transaction import Transaction

SERIES, SKETCHES = DatadogRoute.SERIES, DatadogRoute.SKETCHES


@pytest.fixture
def schedule() -> Schedule:
    """A schedule of two routes and two requests at a time."""
    routes = (SERIES, SKETCHES)
    waiting = WaitingPayloads(routes, new_bytes=1000, retry_bytes=1000)
    return Schedule([RouteState(route) for route in routes], waiting, max_requests=2)


def put(schedule: Schedule, route: Route, *numbers: int) -> None:
    for number in numbers:
        payload = Payload(route, "", 1, b"body")
        schedule.push(Transaction(payload, (number, 0)), now=0.0)


def start(schedule: Schedule, now: float = 0.0) -> tuple[Route, int] | None:
    """Start the next request, and return its route and the second of its snapshot."""
    transaction = schedule.start_next(now)
    if transaction is None:
        return None
    return transaction.payload.route, transaction.order[0]


def block(schedule: Schedule, route: Route) -> float:
    """Have a request of *route* fail, and return until when it is blocked."""
    circuit = schedule.states[route].circuit
    circuit.fail(circuit.start(), 0.0, 0.0, None)
    return circuit.blocked_until


def test_most_important_route_goes_first_and_the_newest_of_it(
    schedule: Schedule,
) -> None:
    put(schedule, SKETCHES, 9)
    put(schedule, SERIES, 1, 2)
    assert start(schedule) == (SERIES, 2)
    assert start(schedule) == (SERIES, 1)


def test_route_without_a_request_has_one_beyond_the_limit(schedule: Schedule) -> None:
    put(schedule, SERIES, 1, 2, 3)
    put(schedule, SKETCHES, 4, 5)
    assert [start(schedule) for _ in range(4)] == [
        (SERIES, 3),
        (SERIES, 2),
        (SKETCHES, 5),
        None,
    ]
    schedule.finish(schedule.states[SERIES])
    schedule.finish(schedule.states[SKETCHES])
    assert start(schedule) == (SERIES, 1)


def test_blocked_route_waits_for_its_circuit_and_lets_others_go(
    schedule: Schedule,
) -> None:
    put(schedule, SERIES, 1)
    until = block(schedule, SERIES)
    assert start(schedule) is None
    assert not schedule.is_busy(0.0)
    assert schedule.find_next_time() == until
    assert schedule.list_idle_routes(0.0) == [SKETCHES]
    put(schedule, SKETCHES, 1)
    assert start(schedule) == (SKETCHES, 1)
    assert start(schedule, until) == (SERIES, 1)


def test_last_tries_wait_for_no_circuit(schedule: Schedule) -> None:
    put(schedule, SERIES, 1)
    block(schedule, SERIES)
    schedule.is_last = True
    assert not schedule.is_over
    assert schedule.find_next_time() == math.inf
    assert start(schedule) == (SERIES, 1)
    assert not schedule.is_over
    schedule.finish(schedule.states[SERIES])
    assert schedule.is_over
