import itertools
import logging
import math
from collections import Counter

import httpx2
import pytest
import trio
from delivery_harness import check_identity, ledger_of, running, stop
from fake_intake import Attempt
from snapshots import EVENT, SERVICE_CHECK, make_series, make_snapshot
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.aggregation.snapshot import Snapshot
from tests.sinks.datadog.conftest import DatadogHarness


async def test_points_arrive_and_are_counted(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    async with running(destination):
        destination.put_nowait(make_snapshot(series=3))
        assert ledger_of(destination).pending == 3
        check_identity(*destination.ledgers())
        await destination.join()
    assert harness.intake.count_held() == {"s0.m0": 1, "s0.m1": 1, "s0.m2": 1}
    ledger = ledger_of(destination)
    assert (ledger.snapshotted, ledger.delivered, ledger.pending) == (3, 3, 0)
    check_identity(ledger)


async def test_requests_carry_the_headers_of_an_agent(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await destination.join()
    (attempt,) = harness.intake.attempts
    assert str(attempt.url) == "https://api.example.com/api/v2/series"
    assert attempt.headers["DD-API-KEY"] == "secret-key"
    assert attempt.headers["Content-Type"] == "application/x-protobuf"
    assert attempt.headers["Content-Encoding"] == "zstd"
    assert attempt.headers["User-Agent"].startswith("statsd-trio/")
    assert attempt.headers["DD-Agent-Payload"]
    assert attempt.headers["DD-Agent-Version"]
    assert attempt.headers["Host"] == "api.example.com"
    assert attempt.headers["Content-Length"] == str(len(attempt.body))


async def test_json_routes_say_so(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    snapshot = make_snapshot(series=0, events=(EVENT,), service_checks=(SERVICE_CHECK,))
    async with running(destination):
        destination.put_nowait(snapshot)
        await destination.join()
    seen = {
        attempt.url.path: (
            attempt.headers["Content-Type"],
            attempt.headers.get("Content-Encoding"),
        )
        for attempt in harness.intake.attempts
    }
    assert seen == {
        "/api/v1/events": ("application/json", None),
        "/api/v1/check_run": ("application/json", "zstd"),
    }
    assert ledger_of(destination).delivered == 2


async def test_path_and_credentials_of_the_url_are_used(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open({"http://me:hush@gate.example:8080/dd/": ["k"]})
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await destination.join()
    (attempt,) = harness.intake.attempts
    assert str(attempt.url) == "http://gate.example:8080/dd/api/v2/series"
    assert attempt.headers["Authorization"] == "Basic bWU6aHVzaA=="
    assert ledger_of(destination).name == "datadog:http://gate.example:8080/dd"


@pytest.mark.parametrize("status", [400, 403, 413])
async def test_refused_payload_is_dropped_and_counted_by_status(
    harness: DatadogHarness, autojump_clock: MockClock, status: int
) -> None:
    destination = harness.open()
    harness.intake.answer_with(status)
    async with running(destination):
        destination.put_nowait(make_snapshot(series=2))
        await trio.sleep(1000)
    assert len(harness.intake.attempts) == 1
    assert ledger_of(destination).refused == {str(status): 2}
    check_identity(*destination.ledgers())


@pytest.mark.parametrize("status", [302, 401, 402, 404, 405, 408, 429, 500, 503])
async def test_failed_payload_is_tried_again_byte_for_byte(
    harness: DatadogHarness, autojump_clock: MockClock, status: int
) -> None:
    destination = harness.open()
    harness.intake.answer_with(status, 202)
    async with running(destination):
        destination.put_nowait(make_snapshot(series=2))
        await trio.sleep(10)
    first, second = harness.intake.attempts
    assert first.body == second.body
    ledger = ledger_of(destination)
    assert (ledger.delivered, ledger.resent) == (2, 0)
    check_identity(ledger)


@pytest.mark.parametrize(
    "error",
    [httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError, OSError],
)
async def test_network_error_is_tried_again(
    harness: DatadogHarness, autojump_clock: MockClock, error: type[Exception]
) -> None:
    destination = harness.open()
    harness.intake.fail_with(error)
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await trio.sleep(1)
        harness.intake.accept_all()
        await trio.sleep(10)
    assert ledger_of(destination).delivered == 1


@pytest.mark.parametrize(
    "error", [httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError]
)
async def test_what_was_never_sent_is_not_resent(
    harness: DatadogHarness, autojump_clock: MockClock, error: type[Exception]
) -> None:
    destination = harness.open()
    harness.intake.fail_with(error)
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await trio.sleep(1)
        harness.intake.accept_all()
        await trio.sleep(10)
    assert ledger_of(destination).resent == 0


async def test_lost_answer_is_resent_and_counted(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    harness.intake.lose_answers()
    async with running(destination):
        destination.put_nowait(make_snapshot(series=2))
        await trio.sleep(1)
        harness.intake.accept_all()
        await trio.sleep(10)
    first, second = harness.intake.attempts
    assert first.body == second.body
    assert harness.intake.count_held() == {"s0.m0": 2, "s0.m1": 2}
    ledger = ledger_of(destination)
    assert (ledger.delivered, ledger.resent) == (2, 2)
    check_identity(ledger)


async def test_hanging_intake_times_out(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open(request_timeout_seconds=7.0)
    harness.intake.accept_after(math.inf)
    async with running(destination):
        start = trio.current_time()
        destination.put_nowait(make_snapshot())
        await destination.join()
        assert trio.current_time() - start == pytest.approx(7.0)
        harness.intake.accept_all()
        await trio.sleep(10)
    ledger = ledger_of(destination)
    assert (ledger.delivered, ledger.resent) == (1, 1)


async def test_backoff_follows_the_agent_s_formula(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    harness.intake.answer_with(500)
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await trio.sleep(300)
    times = harness.intake.times()
    waits = [round(b - a, 3) for a, b in itertools.pairwise(times)]
    assert waits[:7] == [2, 4, 8, 16, 32, 64, 64]


async def test_retry_after_is_honoured(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    harness.intake.answer_with(429, 202, headers={"Retry-After": "120"})
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await trio.sleep(130)
    first, second = harness.intake.times()
    assert second - first == pytest.approx(120)


async def test_open_circuit_is_probed_one_request_at_a_time(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    harness.intake.answer_with(500)
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await destination.join()

        async def fail_slowly(attempt: Attempt) -> httpx2.Response:
            await trio.sleep(10)
            return httpx2.Response(500)

        harness.intake.respond = fail_slowly
        harness.intake.most_in_flight = 0
        for number in range(1, 30):
            destination.put_nowait(make_snapshot(number))
        await trio.sleep(300)
    assert harness.intake.most_in_flight == 1


async def test_as_many_requests_as_allowed_are_in_flight(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open(max_concurrent_requests=3)
    harness.intake.accept_after(1)
    async with running(destination):
        for number in range(9):
            destination.put_nowait(make_snapshot(number))
        start = trio.current_time()
        await destination.join()
        assert trio.current_time() - start == pytest.approx(3)
    assert harness.intake.most_in_flight == 3


async def test_newest_goes_first_after_an_outage(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open(max_concurrent_requests=1)
    harness.intake.answer_with(500)
    async with running(destination):
        for number in range(5):
            destination.put_nowait(make_snapshot(number))
            await destination.join()
        harness.intake.accept_all()
        harness.intake.attempts.clear()
        await trio.sleep(300)
    names = [attempt.series_names()[0] for attempt in harness.intake.attempts]
    assert names == ["s4.m0", "s3.m0", "s2.m0", "s1.m0", "s0.m0"]


async def test_one_failing_payload_never_stops_the_others(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()

    async def refuse_the_first(attempt: Attempt) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        if "s0.m0" in attempt.series_names():
            return httpx2.Response(500)
        attempt.is_held = True
        return httpx2.Response(202)

    harness.intake.respond = refuse_the_first
    async with running(destination):
        start = trio.current_time()
        for number in range(100):
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(10)
            check_identity(*destination.ledgers())
        assert ledger_of(destination).delivered == 99
        assert ledger_of(destination).pending == 1
    assert len(harness.intake.attempts) > 102, "the first was tried again and again"
    delays = {
        name: attempt.time - start - 10 * int(name[1:-3])
        for attempt in harness.intake.attempts
        if attempt.is_held
        for name in attempt.series_names()
    }
    # One try of the first payload blocks the endpoint for one short wait; only at the
    # start, with nothing else to send, does it add up.
    assert max(delays.values()) <= 8
    assert max(delays[f"s{number}.m0"] for number in range(5, 100)) <= 2


async def test_full_queue_loses_the_oldest_and_counts_them(
    harness: DatadogHarness, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    destination = harness.open(retry_queue_bytes=500)
    harness.intake.answer_with(500)
    async with running(destination):
        for number in range(20):
            destination.put_nowait(make_snapshot(number))
            await destination.join()
            check_identity(*destination.ledgers())
        evicted = ledger_of(destination).evicted
        assert 0 < evicted < 20
        await trio.sleep(10.5)
        told = [r.getMessage() for r in caplog.records if "evicted" in r.message]
        loss = (
            f"lost {evicted} points in {evicted} payloads: series evicted, since"
            " retry_queue_bytes=500 are used up"
        )
        assert told == [f"datadog:https://api.example.com: {loss}"]
        harness.intake.accept_all()
        await trio.sleep(600)
    held = harness.intake.count_held()
    assert held == Counter(f"s{number}.m0" for number in range(evicted, 20))
    check_identity(*destination.ledgers())


async def test_oversize_item_is_counted_alone(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    series = (make_series("a"), make_series("b", points=10_001), make_series("c"))
    async with running(destination):
        destination.put_nowait(make_snapshot(series=0).__class__(1, 10, series))
        await destination.join()
    ledger = ledger_of(destination)
    assert (ledger.delivered, ledger.oversize) == (2, 10_001)
    check_identity(ledger)


async def test_item_that_cannot_be_encoded_is_counted(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    async with running(destination):
        destination.put_nowait(Snapshot(1, 10, (make_series("\ud800"),)))
        await destination.join()
    assert ledger_of(destination).refused == {"unencodable": 1}
    check_identity(*destination.ledgers())


async def test_outage_of_half_an_hour_loses_nothing(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open(choose_fraction=lambda: 0.7)
    answers = [500, 404, 429, 503, 302, 401]

    async def fail(attempt: Attempt) -> httpx2.Response:
        kind = len(harness.intake.attempts) % (len(answers) + 3)
        if kind == len(answers):
            raise httpx2.ConnectError("refused")
        if kind == len(answers) + 1:
            attempt.is_held = True
            raise httpx2.RemoteProtocolError("half an answer")
        if kind == len(answers) + 2:
            await trio.sleep_forever()
        await trio.sleep(1)
        return httpx2.Response(answers[kind])

    async with running(destination):
        for number in range(400):
            if number == 10:
                harness.intake.respond = fail
            if number == 10 + 180:
                harness.intake.accept_all()
            destination.put_nowait(make_snapshot(number, series=2))
            await trio.sleep(10)
            check_identity(*destination.ledgers())
        await destination.join()
    ledger = ledger_of(destination)
    assert (ledger.snapshotted, ledger.delivered) == (800, 800)
    held = harness.intake.count_held()
    assert len(held) == 800
    assert sum(held.values()) <= 800 + ledger.resent
    assert ledger.resent > 0


async def test_slow_intake_delays_no_snapshot(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    harness.intake.accept_after(10)
    async with running(destination):
        for number in range(50):
            before = trio.current_time()
            destination.put_nowait(make_snapshot(number))
            assert trio.current_time() == before
            await trio.sleep(1)
        await destination.join()
    assert harness.intake.count_held() == Counter(
        f"s{number}.m0" for number in range(50)
    )


async def test_dead_endpoint_delays_no_other(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    async def refuse_one_host(attempt: Attempt) -> httpx2.Response:
        if attempt.url.host == "dead.example":
            await trio.sleep_forever()
        attempt.is_held = True
        return httpx2.Response(202)

    harness.intake.respond = refuse_one_host
    destination = harness.open(
        {"https://dead.example": ["k1"], "https://alive.example": ["k2"]}
    )
    async with running(destination):
        for number in range(10):
            destination.put_nowait(make_snapshot(number))
            await wait_all_tasks_blocked()
            assert destination.ledgers()[1].delivered == number + 1
    check_identity(*destination.ledgers())


async def test_every_key_of_an_endpoint_gets_everything(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open({"https://api.example.com": ["k1", "k2"]})
    async with running(destination):
        destination.put_nowait(make_snapshot(series=2))
        await destination.join()
    assert sorted(a.headers["DD-API-KEY"] for a in harness.intake.attempts) == [
        "k1",
        "k2",
    ]
    assert [(x.name, x.delivered) for x in destination.ledgers()] == [
        ("datadog:https://api.example.com", 2),
        ("datadog:https://api.example.com#2", 2),
    ]


async def test_join_does_not_wait_for_a_dead_intake(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    harness.intake.answer_with(500)
    async with running(destination):
        destination.put_nowait(make_snapshot(0))
        await destination.join()
        start = trio.current_time()
        destination.put_nowait(make_snapshot(1))
        await destination.join()
        assert trio.current_time() == start
        assert ledger_of(destination).pending == 2


async def test_snapshots_beyond_the_backlog_are_evicted_and_counted(
    harness: DatadogHarness,
) -> None:
    destination = harness.open()
    for number in range(20):
        destination.put_nowait(make_snapshot(number, series=2))
    ledger = ledger_of(destination)
    assert (ledger.evicted, ledger.pending) == (8, 32)
    check_identity(ledger)


async def test_stop_sends_what_waits_without_waiting_for_the_backoff(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    harness.intake.answer_with(500)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(destination.run)
        for number in range(3):
            destination.put_nowait(make_snapshot(number))
            await destination.join()
        harness.intake.accept_all()
        start = trio.current_time()
        destination.close(60)
    assert trio.current_time() == start
    assert ledger_of(destination).delivered == 3


async def test_stop_tries_each_payload_once_at_most(
    harness: DatadogHarness, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    destination = harness.open()
    harness.intake.answer_with(500)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(destination.run)
        for number in range(5):
            destination.put_nowait(make_snapshot(number, series=2))
            await destination.join()
        harness.intake.attempts.clear()
        start = trio.current_time()
        destination.close(60)
    assert trio.current_time() == start
    assert Counter(a.series_names()[0] for a in harness.intake.attempts) == Counter(
        f"s{number}.m0" for number in range(5)
    )
    ledger = ledger_of(destination)
    assert (ledger.abandoned, ledger.pending) == (10, 0)
    check_identity(ledger)
    assert "lost 10 points in 5 payloads: abandoned" in caplog.text


async def test_stop_sends_the_newest_first(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open(max_concurrent_requests=1)
    harness.intake.answer_with(500)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(destination.run)
        for number in range(3):
            destination.put_nowait(make_snapshot(number))
            await destination.join()
        harness.intake.accept_all()
        harness.intake.attempts.clear()
        destination.close(60)
    names = [attempt.series_names()[0] for attempt in harness.intake.attempts]
    assert names == ["s2.m0", "s1.m0", "s0.m0"]


async def test_stop_delivers_what_was_put_just_before(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    destination.put_nowait(make_snapshot(series=2))
    destination.close(60)
    await destination.run()
    assert harness.intake.count_held() == {"s0.m0": 1, "s0.m1": 1}


async def test_stop_waits_for_a_request_under_way(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    harness.intake.accept_after(10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(destination.run)
        destination.put_nowait(make_snapshot())
        await trio.sleep(5)
        start = trio.current_time()
        destination.close(60)
    assert trio.current_time() - start == 5
    assert ledger_of(destination).delivered == 1


async def test_stop_of_a_hanging_intake_takes_as_long_as_it_may(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    harness.intake.accept_after(math.inf)
    destination.put_nowait(make_snapshot())
    assert await stop(destination, 5) == 5
    assert ledger_of(destination).abandoned == 1
    check_identity(*destination.ledgers())


async def test_cancel_abandons_payloads_and_snapshots_alike(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    harness.intake.accept_after(math.inf)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(destination.run)
        destination.put_nowait(make_snapshot(0, series=2))
        await trio.sleep(5)
        destination.put_nowait(make_snapshot(1, series=3))
        nursery.cancel_scope.cancel()
    ledger = ledger_of(destination)
    assert (ledger.abandoned, ledger.pending) == (5, 0)
    check_identity(ledger)


async def test_outage_is_told_once_and_so_is_its_end(
    harness: DatadogHarness, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    destination = harness.open()
    caplog.set_level(logging.INFO)
    harness.intake.answer_with(500)
    async with running(destination):
        for number in range(30):
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(10)
        harness.intake.accept_all()
        await trio.sleep(300)
    told = [r.getMessage() for r in caplog.records if "API key" not in r.message]
    name = "datadog:https://api.example.com"
    assert told == [
        f"{name}: /api/v2/series: answered 500; payloads are kept and tried again",
        f"{name}: /api/v2/series is answering again",
    ]


async def test_outage_stands_in_the_ledger_while_it_lasts(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    harness.intake.answer_with(500)
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await trio.sleep(30)
        first = ledger_of(destination)
        await trio.sleep(300)
        second = ledger_of(destination)
        harness.intake.accept_all()
        await trio.sleep(300)
    assert first.failing_since is not None
    assert second.failing_since == first.failing_since
    assert second.failure == "/api/v2/series: answered 500"
    last = ledger_of(destination)
    assert (last.failing_since, last.failure) == (None, "")
