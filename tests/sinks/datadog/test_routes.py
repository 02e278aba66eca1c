"""One route of an intake that fails, is slow, or is flooded delays no other."""

from collections import Counter
from typing import Any

import httpx2
import pytest
import trio
from delivery_harness import check_identity, ledger_of, running
from fake_intake import Attempt, FakeIntake
from snapshots import EVENT, SERVICE_CHECK, make_sketch, make_snapshot
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.protocol.messages import Event
from statsd_trio.sinks.datadog.opening import Account
from statsd_trio.sinks.datadog.routes import DatadogRoute
from tests.sinks.datadog.conftest import DatadogHarness

CHECKS = "/api/v1/check_run"
EVENTS = "/api/v1/events"
SERIES = "/api/v2/series"


def answer_by_path(**statuses: int) -> Any:
    """Answer with a status by the last word of the path, and 202 otherwise."""

    async def respond(attempt: Attempt) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        status = statuses.get(attempt.url.path.rpartition("/")[2], 202)
        attempt.is_held = status == 202
        return httpx2.Response(status, content=b"no\x1b[31m such\nroute")

    return respond


def count_paths(intake: FakeIntake) -> Counter[str]:
    return Counter(attempt.url.path for attempt in intake.attempts)


@pytest.mark.parametrize("status", [404, 429, 503])
async def test_checks_that_are_not_taken_delay_no_series(
    harness: DatadogHarness, autojump_clock: MockClock, status: int
) -> None:
    # Of Vector's datadog_agent source, which answers so: 6 of 119 points in 300 s.
    destination = harness.open()
    harness.intake.respond = answer_by_path(check_run=status)
    async with running(destination):
        for number in range(30):
            destination.put_nowait(
                make_snapshot(number, series=4, service_checks=(SERVICE_CHECK,))
            )
            await wait_all_tasks_blocked()
            assert ledger_of(destination).delivered == 4 * (number + 1)
            await trio.sleep(10)
        check_identity(*destination.ledgers())
        assert ledger_of(destination).pending == 30
        assert count_paths(harness.intake)[CHECKS] < 12, "its own backoff holds"


async def test_each_route_recovers_by_itself(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    harness.intake.respond = answer_by_path(check_run=404, events=429)
    snapshot = make_snapshot(events=(EVENT,), service_checks=(SERVICE_CHECK,))
    async with running(destination):
        destination.put_nowait(snapshot)
        await trio.sleep(100)
        harness.intake.respond = answer_by_path(check_run=404)
        await trio.sleep(100)
        assert ledger_of(destination).delivered == 2
        failing = [
            route.name for route in ledger_of(destination).routes if route.failure
        ]
        assert failing == ["service_checks"]


async def test_events_that_hang_delay_no_series(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    async def hang(attempt: Attempt) -> httpx2.Response:
        if attempt.url.path == EVENTS:
            await trio.sleep_forever()
        return httpx2.Response(202)

    destination = harness.open(max_concurrent_requests=2)
    harness.intake.respond = hang
    async with running(destination):
        destination.put_nowait(make_snapshot(series=0, events=(EVENT,) * 50))
        await trio.sleep(1)
        destination.put_nowait(make_snapshot(1))
        await wait_all_tasks_blocked()
        assert ledger_of(destination).delivered == 1


async def test_requests_of_all_routes_stay_within_their_number(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open(max_concurrent_requests=2)
    harness.intake.accept_after(1)
    async with running(destination):
        for number in range(20):
            destination.put_nowait(
                make_snapshot(
                    number,
                    sketches=(make_sketch(),),
                    events=(EVENT,) * 5,
                    service_checks=(SERVICE_CHECK,),
                )
            )
            await trio.sleep(0.3)
        await destination.join()
    # Each route may always have one.
    assert harness.intake.most_in_flight <= 2 + len(DatadogRoute) - 1


async def test_metrics_overtake_the_events_that_wait(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open(max_concurrent_requests=2)
    harness.intake.accept_after(0.5)
    async with running(destination):
        for number in range(10):
            # Twice as many events as requests can take away.
            destination.put_nowait(
                make_snapshot(number, series=3, events=(EVENT,) * 80)
            )
            await trio.sleep(10)
        waits = [
            attempt.time - harness.intake.attempts[0].time - 10 * number
            for number, attempt in enumerate(
                attempt
                for attempt in harness.intake.attempts
                if attempt.url.path == SERIES
            )
        ]
        assert len(waits) == 10
        assert max(waits) < 0.1, "its own request is free at once"
        assert ledger_of(destination).pending > 300, "the events are behind"


async def test_burst_of_events_evicts_no_series(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    # 18 MB of events at once, which is more than the retry queue holds by default.
    tags = ("x" * 40_000,)
    events = tuple(Event(f"e{number}", "", tags=tags) for number in range(450))
    destination = harness.open()
    harness.intake.accept_after(0.01)
    async with running(destination):
        destination.put_nowait(make_snapshot(series=2970, events=events))
        await trio.sleep(5)
        assert len(harness.intake.count_held()) == 2970
        await destination.join()
        check_identity(*destination.ledgers())
        ledger = ledger_of(destination)
        assert ledger.delivered + ledger.evicted == 2970 + 450


async def test_what_overflows_is_evicted_from_its_own_route_and_logged(
    harness: DatadogHarness, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    events = tuple(Event(f"e{number}", "x" * 4000) for number in range(1000))
    destination = harness.open(retry_queue_bytes=100_000, report_seconds=2)
    harness.intake.answer_with(503)
    async with running(destination):
        destination.put_nowait(make_snapshot(series=100))
        await trio.sleep(1)
        # The route of events is blocked with the first of them.
        for number in range(1, 4):
            destination.put_nowait(make_snapshot(number, series=0, events=events))
            await trio.sleep(1)
        assert ledger_of(destination).evicted > 2500
        assert "events evicted" in caplog.text, "it is logged within the interval"
        check_identity(*destination.ledgers())
        harness.intake.accept_all()
        await trio.sleep(600)
    assert harness.intake.count_held().total() == 100
    assert "events evicted, since retry_queue_bytes=100000 are used up" in caplog.text
    assert "series evicted" not in caplog.text


async def test_route_that_is_switched_off_gets_nothing(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    metrics = (DatadogRoute.SERIES, DatadogRoute.SKETCHES)
    destination = harness.open(
        accounts=[
            Account("https://victoria.example", "k1", routes=metrics),
            Account("https://api.example.com", "k2", is_additional=True),
        ]
    )
    snapshot = make_snapshot(
        series=3, events=(EVENT,) * 2, service_checks=(SERVICE_CHECK,)
    )
    async with running(destination):
        destination.put_nowait(snapshot)
        await destination.join()
    victoria, datadog = destination.ledgers()
    assert (victoria.snapshotted, victoria.delivered) == (3, 3)
    assert (victoria.switched_off, datadog.switched_off) == (3, 0)
    assert datadog.delivered == 6
    check_identity(victoria, datadog)
    paths = {
        attempt.url.path
        for attempt in harness.intake.attempts
        if attempt.url.host == "victoria.example"
    }
    assert paths == {SERIES}
    assert [route.name for route in victoria.routes] == ["series", "sketches"]


async def test_item_of_a_route_that_is_switched_off_is_not_counted_as_lost(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    giant = Event("giant", "x", tags=("x" * 6_000_000,))
    destination = harness.open(
        accounts=[
            Account("https://victoria.example", "k1", routes=(DatadogRoute.SERIES,)),
            Account("https://api.example.com", "k2"),
        ]
    )
    async with running(destination):
        destination.put_nowait(make_snapshot(events=(giant,)))
        await destination.join()
    victoria, datadog = destination.ledgers()
    assert (victoria.oversize, datadog.oversize) == (0, 1)
    check_identity(victoria, datadog)


@pytest.mark.parametrize("retry_queue_bytes", [0, 3000])
async def test_first_try_needs_no_room_in_the_retry_queue(
    harness: DatadogHarness, autojump_clock: MockClock, retry_queue_bytes: int
) -> None:
    destination = harness.open(retry_queue_bytes=retry_queue_bytes)
    harness.intake.accept_after(0.1)
    async with running(destination):
        destination.put_nowait(make_snapshot(series=500, events=(EVENT,) * 300))
        await destination.join()
        ledger = ledger_of(destination)
        assert (ledger.snapshotted, ledger.delivered) == (800, 800)
        check_identity(ledger)


async def test_empty_retry_queue_means_no_second_try(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open(retry_queue_bytes=0)
    harness.intake.answer_with(503, 202)
    async with running(destination):
        for number in range(5):
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(10)
    assert harness.intake.count_held() == Counter(
        f"s{number}.m0" for number in range(1, 5)
    )
    assert len(harness.intake.attempts) == 5
    ledger = ledger_of(destination)
    assert (ledger.delivered, ledger.evicted) == (4, 1)
    check_identity(ledger)


async def test_intake_that_comes_back_is_noticed_without_a_retry_queue(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open(retry_queue_bytes=0)
    harness.intake.answer_with(503)
    async with running(destination):
        for number in range(60):
            if number == 30:
                harness.intake.accept_all()
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(10)
    ledger = ledger_of(destination)
    # The backoff is at 64 seconds by then, and shrinks in three steps.
    assert ledger.delivered >= 30 - 20
    assert harness.intake.count_held()["s59.m0"] == 1
    check_identity(ledger)
