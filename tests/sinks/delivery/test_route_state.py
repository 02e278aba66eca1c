import pytest

from statsd_trio.sinks.datadog.routes import DatadogRoute
from statsd_trio.sinks.delivery.answer import Answer
from statsd_trio.sinks.delivery.route_state import RouteState


@pytest.fixture
def state() -> RouteState:
    return RouteState(DatadogRoute.SERIES)


def note_error(state: RouteState, status: int, now: float) -> bool:
    """Note an answer that came at the same time by both clocks."""
    attempt = state.circuit.start()
    return state.note_error(attempt, Answer(status), now, now, fraction=0.0)


def test_route_that_was_not_used_neither_works_nor_fails(state: RouteState) -> None:
    assert (state.works, state.failing_since) == (False, None)


def test_error_fails_until_a_payload_is_accepted(state: RouteState) -> None:
    note_error(state, 503, 100.0)
    note_error(state, 502, 110.0)
    assert (state.failing_since, state.failure) == (100.0, "answered 502")
    assert state.describe() == "/api/v2/series: answered 502"
    assert state.freeze().name == "series"
    state.note_accepted()
    assert (state.works, state.failing_since, state.failure) == (True, None, "")


def test_first_answer_that_refuses_fails(state: RouteState) -> None:
    state.note_refused("answered 400", 1, 100.0)
    assert (state.failing_since, state.failure) == (100.0, "answered 400")


def test_refusal_after_payloads_were_accepted_fails_with_the_second_snapshot(
    state: RouteState,
) -> None:
    state.note_accepted()
    state.note_refused("answered 413", 1, 100.0)
    state.note_refused("answered 413", 1, 101.0)
    assert state.works
    state.note_refused("answered 413", 2, 110.0)
    assert state.failing_since == 100.0


def test_refusals_with_acceptances_between_them_do_not_fail(state: RouteState) -> None:
    for number in range(10):
        state.note_accepted()
        state.note_refused("answered 400", number, 100.0)
    assert state.works


def test_refusals_are_forgotten_when_nothing_is_sent_any_more(
    state: RouteState,
) -> None:
    state.note_refused("answered 400", 1, 100.0)
    for _ in range(3):
        state.note_interval()
    assert state.failing_since == 100.0
    state.note_interval()
    assert state.failing_since is None


def test_refusals_that_go_on_are_not_forgotten(state: RouteState) -> None:
    for number in range(20):
        state.note_refused("answered 400", number, 100.0 + number)
        state.note_interval()
    assert state.failing_since == 100.0


def test_error_is_not_forgotten_before_another_answer(state: RouteState) -> None:
    note_error(state, 503, 100.0)
    for _ in range(20):
        state.note_interval()
    assert state.failing_since == 100.0


def test_warning_is_given_when_the_circuit_opens_and_not_soon_again(
    state: RouteState,
) -> None:
    assert note_error(state, 503, 100.0)
    assert not note_error(state, 503, 120.0)
    assert state.note_answer(state.circuit.start(), 130.0, 0.0)
    assert not state.note_answer(state.circuit.start(), 131.0, 0.0)
    assert note_error(state, 503, 132.0)
    assert state.note_answer(state.circuit.start(), 133.0, 0.0)
    assert not note_error(state, 503, 134.0)
