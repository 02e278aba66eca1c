import attrs

from statsd_trio.ledger import Ledger, RouteLedger
from statsd_trio.operating.health import find_conditions, find_unready


def find(ledger: Ledger, seconds_since_flush: float = 5) -> list[str]:
    return find_unready(
        ledger, seconds_since_flush=seconds_since_flush, interval_seconds=10
    )


def test_server_that_works_is_ready(ledger: Ledger) -> None:
    assert find(ledger) == []


def test_flush_that_is_overdue_is_told(ledger: Ledger) -> None:
    assert find(ledger, 20) == []
    assert find(ledger, 21) == ["the last flush was 21 seconds ago"]


def test_server_without_listeners_is_not_ready(ledger: Ledger) -> None:
    assert find(attrs.evolve(ledger, listeners=())) == ["nothing is bound"]


def test_listener_that_fails_is_told_by_name(ledger: Ledger) -> None:
    broken = attrs.evolve(ledger.listeners[1], failure="No such file")

    [reason] = find(attrs.evolve(ledger, listeners=(ledger.listeners[0], broken)))

    assert reason == "unix: cannot receive: No such file"


def test_key_that_the_intake_refused_is_told(ledger: Ledger) -> None:
    sink = attrs.evolve(ledger.sinks[0], api_key="invalid")

    [reason] = find(attrs.evolve(ledger, sinks=(sink,)))

    assert reason == "datadog: the intake does not know the API key"


def test_intake_that_fails_is_told_with_the_time_it_began(ledger: Ledger) -> None:
    sink = attrs.evolve(
        ledger.sinks[0], failing_since=1_700_000_000.5, failure="answered 503"
    )

    [reason] = find(attrs.evolve(ledger, sinks=(sink,)))

    assert reason == ("datadog: failing since 2023-11-14T22:13:20Z: answered 503")


def test_additional_endpoint_is_a_condition_and_leaves_the_server_ready(
    ledger: Ledger,
) -> None:
    second = attrs.evolve(
        ledger.sinks[0],
        name="datadog:https://second.example",
        is_additional=True,
        api_key="invalid",
        failing_since=1_700_000_000.5,
        failure="/api/v2/series: answered 403",
        routes=(RouteLedger("series", 1_700_000_000.5, "answered 403"),),
    )
    both = attrs.evolve(ledger, sinks=(*ledger.sinks, second))

    assert find(both) == []
    assert find_conditions(both) == {
        "datadog:https://second.example": (
            "the intake does not know the API key; failing since 2023-11-14T22:13:20Z:"
            " /api/v2/series: answered 403"
        )
    }


def test_single_route_that_fails_is_a_condition(ledger: Ledger) -> None:
    routes = (RouteLedger("series"), RouteLedger("events", 1_700_000_000.5, "gone"))
    sink = attrs.evolve(ledger.sinks[0], routes=routes)
    shown = attrs.evolve(ledger, sinks=(sink,))

    assert find(shown) == []
    assert find_conditions(shown) == {
        "datadog events": "failing since 2023-11-14T22:13:20Z: gone"
    }


def test_routes_of_a_sink_that_fails_are_not_told_again(ledger: Ledger) -> None:
    sink = attrs.evolve(
        ledger.sinks[0],
        failing_since=1_700_000_000.5,
        failure="/api/v2/series: gone",
        routes=(RouteLedger("series", 1_700_000_000.5, "gone"),),
    )

    assert find_conditions(attrs.evolve(ledger, sinks=(sink,))) == {}
