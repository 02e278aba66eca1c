import logging
from typing import Any

import httpx2
import pytest
import trio
from delivery_harness import check_identity, ledger_of, running
from fake_intake import Attempt
from snapshots import EVENT, make_snapshot
from trio.testing import MockClock

from statsd_trio.sinks.datadog.keys import ApiKey
from tests.sinks.datadog.conftest import DatadogHarness


class KeySource:
    """Gives keys in turn, the last one from then on."""

    def __init__(self, *keys: str) -> None:
        self.keys = list(keys)
        self.asked = 0

    async def __call__(self) -> str:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        return self.keys.pop(0) if len(self.keys) > 1 else self.keys[0]


async def fail() -> str:
    await trio.lowlevel.checkpoint()
    raise ValueError("vault says: key is s3cr3t")


@pytest.mark.parametrize("key", ["", "  ", "two words", "line\nbreak", "schlüssel"])
def test_unusable_key_is_refused_without_being_named(key: str) -> None:
    with pytest.raises(ValueError, match="empty or not plain ASCII") as info:
        ApiKey(key)
    assert key.strip() == "" or key not in str(info.value)


def test_key_is_in_no_repr(harness: DatadogHarness) -> None:
    key = ApiKey("s3cr3t")
    assert "s3cr3t" not in repr(key)
    destination = harness.open({"https://api.example.com": ["s3cr3t"]})
    assert "s3cr3t" not in repr(destination) + repr(destination.ledgers())


async def test_surrounding_space_is_no_part_of_a_key() -> None:
    assert await ApiKey(" k1\n").get() == "k1"


@pytest.mark.parametrize(
    ("status", "state", "level"),
    [
        (200, "valid", logging.INFO),
        (403, "invalid", logging.ERROR),
        (500, "unknown", logging.WARNING),
        (202, "unknown", logging.WARNING),
    ],
)
async def test_key_is_checked_at_start(
    harness: DatadogHarness,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
    status: int,
    state: str,
    level: int,
) -> None:
    caplog.set_level(logging.INFO)
    harness.intake.key_status = status
    destination = harness.open({"https://api.example.com": ["s3cr3t"]})
    async with running(destination):
        await trio.sleep(1)
    assert ledger_of(destination).api_key == state
    assert [r.levelno for r in caplog.records if "API key" in r.message] == [level]
    assert "s3cr3t" not in caplog.text
    (check,) = harness.intake.validations
    assert check.headers["DD-API-KEY"] == "s3cr3t"
    assert "s3cr3t" not in str(check.url)
    assert (check.method, check.url.path) == ("GET", "/api/v1/validate")


async def test_key_is_checked_every_hour(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    async with running(destination):
        await trio.sleep(3 * 3600 + 60)
        assert len(harness.intake.validations) == 4
        harness.intake.key_status = 403
        await trio.sleep(3600)
    assert ledger_of(destination).api_key == "invalid"


async def test_invalid_key_stops_nothing(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    harness.intake.key_status = 403
    destination = harness.open()
    async with running(destination):
        await trio.sleep(1)
        destination.put_nowait(make_snapshot())
        await destination.join()
    assert ledger_of(destination).delivered == 1


async def test_source_is_asked_again_after_a_403(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    source = KeySource("old-key", "new-key")
    harness.intake.answer_with(403, 202)
    destination = harness.open({"https://api.example.com": [source]})
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await destination.join()
    keys = [attempt.headers["DD-API-KEY"] for attempt in harness.intake.attempts]
    assert keys == ["old-key", "new-key"]
    assert source.asked == 2
    assert ledger_of(destination).delivered == 1
    check_identity(*destination.ledgers())


async def test_payload_is_tried_only_once_more_after_a_403(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    harness.intake.answer_with(403)
    destination = harness.open({"https://api.example.com": [KeySource("a", "b")]})
    async with running(destination):
        destination.put_nowait(make_snapshot(series=2))
        await trio.sleep(1000)
    assert len(harness.intake.attempts) == 2
    assert ledger_of(destination).refused == {"403": 2}
    check_identity(*destination.ledgers())


async def test_requests_refused_together_ask_the_source_once(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    source = KeySource("old-key", "new-key")

    async def respond(attempt: Attempt) -> Any:
        await trio.sleep(1)
        is_new = attempt.headers["DD-API-KEY"] == "new-key"
        return await intake_accepts(attempt) if is_new else httpx2.Response(403)

    intake_accepts = harness.intake.respond
    harness.intake.respond = respond
    destination = harness.open({"https://api.example.com": [source]})
    async with running(destination):
        for number in range(8):
            destination.put_nowait(make_snapshot(number))
        await destination.join()
    assert source.asked == 2
    assert ledger_of(destination).delivered == 8


async def test_source_that_fails_keeps_the_payloads(
    harness: DatadogHarness, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    destination = harness.open({"https://api.example.com": [fail]})
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await trio.sleep(100)
        assert ledger_of(destination).pending == 1
    assert harness.intake.attempts == []
    assert "source failed: ValueError" in caplog.text
    assert "s3cr3t" not in caplog.text


async def test_source_that_hangs_times_out(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open({"https://api.example.com": [trio.sleep_forever]})
    async with running(destination):
        destination.put_nowait(make_snapshot())
        start = trio.current_time()
        await destination.join()
        assert trio.current_time() - start <= 40


async def test_source_that_gives_no_string_is_one_that_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def give_bytes() -> Any:
        await trio.lowlevel.checkpoint()
        return 5

    assert await ApiKey(give_bytes).get() is None
    assert "source failed: AttributeError" in caplog.text


async def test_source_that_gives_no_usable_key_says_so(
    harness: DatadogHarness, caplog: pytest.LogCaptureFixture
) -> None:
    assert await ApiKey(KeySource("bad key")).get() is None
    assert "did not return a usable key" in caplog.text
    assert "bad key" not in caplog.text


async def test_replaced_key_is_used_from_then_on() -> None:
    key = ApiKey("k1")

    key.replace("k2")

    assert await key.get() == "k2"


async def test_unusable_replacement_leaves_the_key() -> None:
    key = ApiKey("k1")

    with pytest.raises(ValueError, match="empty or not plain ASCII"):
        key.replace("two words")

    assert await key.get() == "k1"


async def test_replacement_wins_over_an_answer_under_way(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async def give_slowly() -> str:
        await trio.sleep(1)
        return "late"

    key = ApiKey(give_slowly)
    nursery.start_soon(key.renew, None)
    await trio.sleep(0.5)

    key.replace("k2")

    await trio.sleep(1)
    assert await key.get() == "k2"


async def test_replaced_key_is_checked_and_used_at_once(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    key = ApiKey("old-key")
    destination = harness.open({"https://api.example.com": [key]})
    harness.intake.key_status = 403
    async with running(destination):
        await trio.sleep(1)
        harness.intake.key_status = 200
        key.replace("new-key")
        await trio.sleep(1)
        assert ledger_of(destination).api_key == "valid"
        destination.put_nowait(make_snapshot())
        await destination.join()
    checked = [check.headers["DD-API-KEY"] for check in harness.intake.validations]
    assert checked == ["old-key", "new-key"]
    assert [a.headers["DD-API-KEY"] for a in harness.intake.attempts] == ["new-key"]


async def test_payload_that_the_old_key_was_refused_for_is_sent_with_the_new(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    key = ApiKey("old-key")
    destination = harness.open({"https://api.example.com": [key]})
    harness.intake.answer_with(403, 202)
    answer = harness.intake.respond

    async def replace_during_the_first(attempt: Attempt) -> httpx2.Response:
        if len(harness.intake.attempts) == 1:
            key.replace("new-key")
        response: httpx2.Response = await answer(attempt)
        return response

    harness.intake.respond = replace_during_the_first
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await destination.join()
    keys = [attempt.headers["DD-API-KEY"] for attempt in harness.intake.attempts]
    assert keys == ["old-key", "new-key"]
    assert ledger_of(destination).delivered == 1


async def test_key_revoked_while_running_is_checked_at_once(
    harness: DatadogHarness, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    destination = harness.open()
    async with running(destination):
        for number in range(5):
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(10)
        assert ledger_of(destination).api_key == "valid"
        harness.intake.key_status = 403
        harness.intake.answer_with(403)
        for number in range(5, 10):
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(1)
            assert ledger_of(destination).api_key == "invalid"
            await trio.sleep(9)
        harness.intake.key_status = 200
        harness.intake.accept_all()
        destination.put_nowait(make_snapshot(11))
        await trio.sleep(1)
        assert ledger_of(destination).api_key == "valid"
    # At the start, with each refusal, and with the first payload that was accepted.
    assert len(harness.intake.validations) == 1 + 5 + 1
    assert caplog.text.count("the API key is not valid") == 1


async def test_key_that_only_payloads_are_refused_for_is_invalid_with_the_second(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    # An engine that stands in for Datadog and knows no route for the check.
    harness.intake.key_status = 404
    destination = harness.open()
    async with running(destination):
        destination.put_nowait(make_snapshot(0))
        await trio.sleep(10)
        harness.intake.answer_with(403)
        states = []
        for number in range(1, 4):
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(10)
            states.append(ledger_of(destination).api_key)
        assert states == ["unknown", "invalid", "invalid"]
        harness.intake.accept_all()
        destination.put_nowait(make_snapshot(4))
        await trio.sleep(1)
        assert ledger_of(destination).api_key == "unknown"


async def test_refusals_of_an_old_key_say_nothing_of_the_new(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    key = ApiKey("old-key")
    destination = harness.open({"https://api.example.com": [key]})
    harness.intake.answer_with(403)
    async with running(destination):
        for number in range(3):
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(10)
        assert ledger_of(destination).api_key == "invalid"
        key.replace("new-key")
        await trio.sleep(1)
        assert ledger_of(destination).api_key == "valid"


async def test_refusals_in_a_burst_check_the_key_once(
    harness: DatadogHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open()
    async with running(destination):
        await trio.sleep(20)
        harness.intake.answer_with(403)
        destination.put_nowait(make_snapshot(events=(EVENT,) * 100))
        await destination.join()
        await trio.sleep(1)
    assert len(harness.intake.validations) == 2


async def test_route_that_refuses_alone_does_not_condemn_the_key(
    harness: DatadogHarness, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse_events(attempt: Attempt) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        is_event = attempt.url.path == "/api/v1/events"
        return httpx2.Response(403 if is_event else 202)

    harness.intake.respond = refuse_events
    destination = harness.open()
    async with running(destination):
        for number in range(10):
            destination.put_nowait(make_snapshot(number, events=(EVENT,)))
            await trio.sleep(10)
            assert ledger_of(destination).api_key == "valid"
    assert ledger_of(destination).refused == {"403": 10}
    assert "not valid" not in caplog.text
