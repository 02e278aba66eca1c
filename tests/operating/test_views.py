import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from starlette.routing import Route
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.aggregation.ranking import ContextRanking
from statsd_trio.ledger import Ledger
from statsd_trio.operating.views import LIMITS, make_views
from statsd_trio.version import __version__
from statsd_trio.web import serve_web


class FakeServer:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.unready: list[str] = []
        self.conditions: dict[str, str] = {}
        self.rankings = 0
        self.ranking = ContextRanking(
            (("page.views", 12),),
            (("user", 10), ("env", 3)),
            ((("user", 10), ("env", 2)),),
        )

    def ledger(self) -> Ledger:
        return self._ledger

    def find_unready(self) -> list[str]:
        return self.unready

    def find_conditions(self) -> dict[str, str]:
        return self.conditions

    async def rank_contexts(self) -> ContextRanking:
        self.rankings += 1
        await trio.lowlevel.checkpoint()
        return self.ranking


@asynccontextmanager
async def serving(server: FakeServer) -> AsyncIterator[int]:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_web, make_views(server), listeners, LIMITS)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def get(port: int, path: str) -> tuple[int, bytes]:
    with trio.fail_after(60):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            await stream.send_all(request.encode())
            answer = b"".join([chunk async for chunk in stream])
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def test_the_index_lists_every_view(ledger: Ledger) -> None:
    server = FakeServer(ledger)
    async with serving(server) as port:
        status, body = await get(port, "/")

    listed = re.findall(r"^/\w+", body.decode(), re.MULTILINE)
    routes = [
        route.path for route in make_views(server).routes if isinstance(route, Route)
    ]
    assert status == 200
    assert sorted(["/", *listed]) == sorted(routes)


async def test_a_server_that_answers_is_alive(ledger: Ledger) -> None:
    async with serving(FakeServer(ledger)) as port:
        assert await get(port, "/healthz") == (200, b"alive\n")


async def test_readiness_says_why_not(ledger: Ledger, mock_clock: MockClock) -> None:
    server = FakeServer(ledger)
    async with serving(server) as port:
        status, body = await get(port, "/readyz")
        assert status == 200
        assert json.loads(body) == {
            "ready": True,
            "reasons": [],
            "conditions": {},
            "version": __version__,
            "uptime_seconds": 0,
        }
        server.unready = ["no intake"]
        # Until then, the answer is the one that is shared.
        mock_clock.jump(1.1)
        status, body = await get(port, "/readyz")

    assert status == 503
    assert json.loads(body) == {
        "ready": False,
        "reasons": ["no intake"],
        "conditions": {},
        "version": __version__,
        "uptime_seconds": pytest.approx(1.1),
    }


async def test_conditions_leave_a_server_ready(ledger: Ledger) -> None:
    server = FakeServer(ledger)
    server.conditions = {"second": "fails"}
    async with serving(server) as port:
        status, body = await get(port, "/readyz")

    assert status == 200
    assert json.loads(body)["conditions"] == {"second": "fails"}


async def test_metrics_are_openmetrics(ledger: Ledger) -> None:
    async with serving(FakeServer(ledger)) as port:
        status, body = await get(port, "/metrics")

    assert status == 200
    assert body.endswith(b"# EOF\n")


async def test_ledger_is_json(ledger: Ledger) -> None:
    async with serving(FakeServer(ledger)) as port:
        _, body = await get(port, "/ledger")

    assert json.loads(body)["lines"]["rejected"] == {"bad_value": 1}


async def test_costly_names_are_told_with_their_tags(ledger: Ledger) -> None:
    async with serving(FakeServer(ledger)) as port:
        _, body = await get(port, "/contexts")

    assert json.loads(body) == {
        "names": [
            {"name": "page.views", "contexts": 12, "tag_values": {"user": 10, "env": 2}}
        ],
        "tag_values": {"user": 10, "env": 3},
    }


async def test_what_is_not_there_is_not_found(ledger: Ledger) -> None:
    async with serving(FakeServer(ledger)) as port:
        assert (await get(port, "/nothing"))[0] == 404


async def test_client_that_does_not_read_holds_no_stop_up(ledger: Ledger) -> None:
    server = FakeServer(ledger)
    server.ranking = ContextRanking((("x" * 4_000_000, 1),) * 4, (), ((),) * 4)
    with trio.fail_after(60):
        async with serving(server) as port:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            await stream.send_all(b"GET /contexts HTTP/1.1\r\nHost: x\r\n\r\n")
            await stream.receive_some(1)
            await wait_all_tasks_blocked(0.05)
        await stream.aclose()


async def test_many_who_ask_at_once_have_the_contexts_ranked_once(
    ledger: Ledger, mock_clock: MockClock
) -> None:
    # The clock stands still, so that all ask within the second.
    server = FakeServer(ledger)
    bodies: list[bytes] = []

    async def ask(port: int) -> None:
        bodies.append((await get(port, "/contexts"))[1])

    async with serving(server) as port, trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask, port)

    assert len(set(bodies)) == 1
    assert server.rankings == 1
