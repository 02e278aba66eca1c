import errno
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from statsd_trio.aggregation.ranking import ContextRanking
from statsd_trio.ledger import Ledger
from statsd_trio.operating.http import bind_http, serve_http
from statsd_trio.operating.views import make_application


class FakeServer:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.unready: list[str] = []
        self.conditions: dict[str, str] = {}
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
        await trio.lowlevel.checkpoint()
        return self.ranking


@asynccontextmanager
async def serving(server: FakeServer) -> AsyncIterator[int]:
    listeners = await bind_http("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_http, make_application(server), listeners)
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


async def test_a_server_that_answers_is_alive(ledger: Ledger) -> None:
    async with serving(FakeServer(ledger)) as port:
        assert await get(port, "/healthz") == (200, b"alive\n")


async def test_readiness_says_why_not(ledger: Ledger) -> None:
    server = FakeServer(ledger)
    async with serving(server) as port:
        status, body = await get(port, "/readyz")
        assert status == 200
        assert json.loads(body) == {"ready": True, "reasons": [], "conditions": {}}
        server.unready = ["no intake"]
        status, body = await get(port, "/readyz")

    assert status == 503
    assert json.loads(body) == {
        "ready": False,
        "reasons": ["no intake"],
        "conditions": {},
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


async def test_taken_port_is_named() -> None:
    [taken] = await bind_http("127.0.0.1", 0)
    async with taken:
        port = taken.socket.getsockname()[1]

        with pytest.raises(
            OSError, match=f"cannot listen on http://127.0.0.1:{port}"
        ) as raised:
            await bind_http("127.0.0.1", port)

    assert raised.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_wildcard_is_reached_over_both_families(host: str) -> None:
    listeners = await bind_http(host, 0)

    ports = {listener.socket.getsockname()[1] for listener in listeners}
    families = {listener.socket.family for listener in listeners}
    for listener in listeners:
        await listener.aclose()
    assert len(ports) == 1
    assert socket.AF_INET in families
    assert len(families) == len(listeners)


async def test_garbage_ends_its_own_connection_only(ledger: Ledger) -> None:
    async with serving(FakeServer(ledger)) as port:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            await stream.send_all(b"\x00\xff" * 100 + b"\r\n\r\n")
            with trio.fail_after(60):
                async for _ in stream:
                    pass

        assert (await get(port, "/healthz"))[0] == 200


async def test_connections_are_bounded(ledger: Ledger) -> None:
    async with serving(FakeServer(ledger)) as port:
        idle = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(32)]
        await trio.testing.wait_all_tasks_blocked(0.01)
        extra = await trio.open_tcp_stream("127.0.0.1", port)

        with trio.fail_after(60):
            assert await extra.receive_some() == b""

        for stream in [*idle, extra]:
            await stream.aclose()


async def test_client_that_does_not_read_holds_no_stop_up(ledger: Ledger) -> None:
    server = FakeServer(ledger)
    server.ranking = ContextRanking((("x" * 4_000_000, 1),) * 4, (), ((),) * 4)
    with trio.fail_after(60):
        async with serving(server) as port:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            await stream.send_all(b"GET /contexts HTTP/1.1\r\nHost: x\r\n\r\n")
            await stream.receive_some(1)
            await trio.testing.wait_all_tasks_blocked(0.05)
        await stream.aclose()
