import pytest

from statsd_trio.sinks.datadog.routes import DatadogRoute
from statsd_trio.sinks.delivery.route_state import RouteState


@pytest.fixture
def state() -> RouteState:
    return RouteState(DatadogRoute.SERIES)


def test_route_that_was_not_used_neither_works_nor_fails(state: RouteState) -> None:
    assert (state.works, state.failing_since) == (False, None)


def test_error_fails_until_a_payload_is_accepted(state: RouteState) -> None:
    state.note_error("answered 503", 100.0)
    state.note_error("answered 502", 110.0)
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
    state.note_error("answered 503", 100.0)
    for _ in range(20):
        state.note_interval()
    assert state.failing_since == 100.0
