import attrs

from statsd_trio.ledger import Ledger
from statsd_trio.operating.health import find_unready


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


def test_key_that_the_intake_refused_is_told(ledger: Ledger) -> None:
    sink = attrs.evolve(ledger.sinks[0], api_key="invalid")

    [reason] = find(attrs.evolve(ledger, sinks=(sink,)))

    assert reason == "datadog: the intake does not know the API key"


def test_intake_that_fails_is_told_with_the_time_it_began(ledger: Ledger) -> None:
    sink = attrs.evolve(
        ledger.sinks[0], failing_since=1_700_000_000.5, failure="answered 503"
    )

    [reason] = find(attrs.evolve(ledger, sinks=(sink,)))

    assert reason == ("datadog: fails since 2023-11-14T22:13:20Z: answered 503")
