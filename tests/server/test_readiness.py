"""Readiness is what the main intake says, and a total refusal is none."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import attrs
import pytest
import trio

from statsd_trio import Config, Server, serve
from statsd_trio.config import Secret
from statsd_trio.mock_intake import MockIntake, Route, Rule, open_mock_intake

PAYLOADS = (Route.SERIES, Route.SKETCHES, Route.EVENTS, Route.SERVICE_CHECKS)


class WallClock:
    """Stands still between the intervals."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@attrs.define
class Running:
    server: Server
    clock: WallClock

    async def send(self) -> list[str]:
        """Send something of each kind in an interval of its own; see what is wrong."""
        self.clock.now += 10
        self.server.submit(b"page.views:1|c\nlatency:2|d\n_e{1,1}:a|b\n_sc|db.up|0")
        await self.server.flush()
        return self.server.find_unready()


@asynccontextmanager
async def serving(intake: MockIntake, **changes: Any) -> AsyncGenerator[Running]:
    settings: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "self_metrics": False,
        "api_key": Secret("main-key"),
        "dd_url": intake.url,
        "shutdown_seconds": 0.0,
    }
    clock = WallClock()
    async with trio.open_nursery() as nursery:
        config = Config(**settings | changes)
        server: Server = await nursery.start(partial(serve, config, wall_clock=clock))
        yield Running(server, clock)
        nursery.cancel_scope.cancel()


def refuse(status: int, *routes: Route, skip: int = 0, body: str = "") -> list[Rule]:
    return [Rule(route=one, status=status, skip=skip, body=body) for one in routes]


async def test_total_refusal_is_not_ready() -> None:
    # So answers an engine whose base URL lacks a path.
    script = refuse(400, *PAYLOADS, body="unsupported path\n")
    async with open_mock_intake(script=script) as intake, serving(intake) as running:
        [reason] = await running.send()
    assert reason.startswith(f"datadog:{intake.url}: failing since 20")
    assert reason.endswith(": /api/v2/series: answered 400: unsupported path")


async def test_refusal_of_all_metrics_is_not_ready_though_checks_are_taken() -> None:
    # So answers a proxy that finds the larger payloads too large.
    script = refuse(413, Route.SERIES, Route.SKETCHES, skip=1)
    async with open_mock_intake(script=script) as intake, serving(intake) as running:
        assert await running.send() == []
        assert await running.send() == []
        [reason] = await running.send()
    assert reason.endswith(": /api/v2/series: answered 413")


async def test_route_that_is_not_taken_is_a_condition() -> None:
    script = refuse(404, Route.EVENTS, Route.SERVICE_CHECKS)
    async with open_mock_intake(script=script) as intake, serving(intake) as running:
        for _ in range(3):
            assert await running.send() == []
        conditions = running.server.find_conditions()
    assert list(conditions) == [
        f"datadog:{intake.url} service_checks",
        f"datadog:{intake.url} events",
    ]


async def test_second_endpoint_that_fails_leaves_the_server_ready() -> None:
    async with (
        open_mock_intake() as intake,
        open_mock_intake(script=[Rule(status=403)]) as second,
        serving(
            intake, additional_endpoints={second.url: (Secret("other-key"),)}
        ) as running,
    ):
        assert await running.send() == []
        assert await running.send() == []
        [(name, trouble)] = running.server.find_conditions().items()
        assert name == f"datadog:{second.url}"
        assert "answered 403" in trouble
        main, other = running.server.ledger().sinks
    assert (main.is_additional, other.is_additional) == (False, True)
    assert (main.delivered, other.delivered) == (8, 0)


async def test_main_intake_that_fails_is_not_ready_though_the_second_works() -> None:
    async with (
        open_mock_intake(script=[Rule(status=503)]) as intake,
        open_mock_intake() as second,
        serving(
            intake, additional_endpoints={second.url: (Secret("other-key"),)}
        ) as running,
    ):
        [reason] = await running.send()
    assert reason.endswith(": /api/v2/series: answered 503")


async def test_key_that_is_not_valid_is_said_to_be_where_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusal = [Rule(status=403, route=Route.VALIDATE)]
    async with (
        open_mock_intake(script=refusal) as intake,
        open_mock_intake(script=refusal) as second,
        serving(
            intake, additional_endpoints={second.url: (Secret("other-key"),)}
        ) as running,
    ):
        await running.send()
    assert {
        message.rpartition("; ")[2]
        for message in caplog.messages
        if "key is not valid" in message
    } == {"check DD_API_KEY", "check additional_endpoints"}


async def test_key_revoked_while_running_is_told_within_two_intervals() -> None:
    script = refuse(403, *PAYLOADS, skip=1)
    async with open_mock_intake(script=script) as intake, serving(intake) as running:
        assert await running.send() == []
        assert await running.send() == []
        reasons = await running.send()
        (sink,) = running.server.ledger().sinks
    assert sink.api_key == "invalid"
    assert reasons[0] == f"{sink.name}: the intake does not know the API key"


async def test_routes_that_are_switched_off_are_not_sent() -> None:
    script = refuse(400, Route.EVENTS, Route.SERVICE_CHECKS)
    async with (
        open_mock_intake(script=script) as intake,
        open_mock_intake() as second,
        serving(
            intake,
            routes=("series", "sketches"),
            additional_endpoints={second.url: (Secret("other-key"),)},
            additional_routes={second.url: ("series", "events")},
        ) as running,
    ):
        assert await running.send() == []
        main, other = running.server.ledger().sinks
        attempted = {attempt.route for attempt in intake.attempts}
    assert attempted <= {Route.SERIES, Route.SKETCHES, Route.VALIDATE}
    assert (main.snapshotted, main.switched_off, sum(main.refused.values())) == (
        2,
        2,
        0,
    )
    assert (other.delivered, other.switched_off) == (2, 2)
    assert [one.title for one in second.events] == ["a"]
    assert second.service_checks == ()
