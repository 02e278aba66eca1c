import errno
import json
import socket
import sys
from functools import partial
from typing import Any

import httpx2
import pytest
import trio

from statsd_trio import Config, Server, serve
from statsd_trio.config import Secret
from statsd_trio.errors import ConfigError
from statsd_trio.server.views import bind_views
from statsd_trio.sinks.memory import MemorySink


def make_config(**changes: object) -> Config:
    settings: dict[str, object] = {
        "host": "127.0.0.1",
        "port": 0,
        "self_metrics": False,
        "http": "127.0.0.1:0",
    }
    return Config(**{**settings, **changes})  # type: ignore[arg-type]


async def get(server: Server, path: str) -> tuple[int, Any]:
    [(host, port)] = server.http_addresses
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://{host}:{port}{path}")
    return answer.status_code, json.loads(answer.content)


async def test_ledger_over_http_counts_what_was_read(
    nursery: trio.Nursery, memory: MemorySink
) -> None:
    server: Server = await nursery.start(partial(serve, make_config(), sinks=[memory]))
    server.submit(b"page.views:1|c\npage.views:2|c")
    await server.flush()

    status, ledger = await get(server, "/ledger")

    assert (status, ledger["samples"]["aggregated"]) == (200, 2)


async def test_costly_names_over_http_are_those_of_the_contexts(
    nursery: trio.Nursery, memory: MemorySink
) -> None:
    server: Server = await nursery.start(partial(serve, make_config(), sinks=[memory]))
    server.submit(b"a:1|c|#user:1\na:1|c|#user:2\nb:1|c|#env:x")
    await server.flush()

    _, usage = await get(server, "/contexts")

    assert usage == {
        "names": [
            {"name": "a", "contexts": 2, "tag_values": {"user": 2}},
            {"name": "b", "contexts": 1, "tag_values": {"env": 1}},
        ],
        "tag_values": {"user": 2, "env": 1},
    }


async def test_server_that_works_is_ready(
    nursery: trio.Nursery, memory: MemorySink
) -> None:
    server: Server = await nursery.start(partial(serve, make_config(), sinks=[memory]))

    status, body = await get(server, "/readyz")
    assert status == 200
    assert (body["ready"], body["reasons"], body["conditions"]) == (True, [], {})


async def test_server_whose_intake_is_away_is_not_ready(nursery: trio.Nursery) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # and never listens
        url = f"http://127.0.0.1:{unheard.getsockname()[1]}"
        config = make_config(
            sinks=("datadog",),
            dd_url=url,
            api_key=Secret("0" * 32),
            shutdown_seconds=0.0,
        )
        server: Server = await nursery.start(serve, config)
        server.submit(b"page.views:1|c")
        await server.flush()

        status, body = await get(server, "/readyz")

        assert status == 503
        [reason] = body["reasons"]
        assert reason.startswith(f"datadog:{url}: failing since 20")
        nursery.cancel_scope.cancel()


async def test_ranking_lets_others_run(
    nursery: trio.Nursery, memory: MemorySink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statsd_trio.pace.SLICE_SECONDS", 0.0)
    server: Server = await nursery.start(partial(serve, make_config(), sinks=[memory]))
    for begin in range(0, 5000, 100):
        server.submit(b"\n".join(b"m%d:1|c" % (begin + i) for i in range(100)))
    await server.flush()
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    nursery.start_soon(count_turns)
    await server.rank_contexts()

    assert turns > 10


async def test_nothing_is_served_unless_asked_for(
    nursery: trio.Nursery, memory: MemorySink
) -> None:
    config = make_config(http=None)
    server: Server = await nursery.start(partial(serve, config, sinks=[memory]))

    assert server.http_addresses == ()


async def test_views_without_the_extra_say_what_to_install(
    memory: MemorySink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "statsd_trio.operating.views", raising=False)
    monkeypatch.setitem(sys.modules, "starlette.applications", None)

    with pytest.raises(
        ConfigError, match=r"^http needs starlette, .*'statsd-trio\[http\]'"
    ):
        await serve(make_config(), sinks=[memory])


async def test_views_are_gone_after_a_stop(memory: MemorySink) -> None:
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(
            partial(serve, make_config(), sinks=[memory])
        )
        [address] = server.http_addresses
        assert (await get(server, "/readyz"))[0] == 200
        nursery.cancel_scope.cancel()

    with pytest.raises(OSError, match="connect"):
        await trio.open_tcp_stream(*address)


async def test_taken_address_is_named_and_nothing_stays_bound(
    memory: MemorySink,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        with pytest.raises(OSError, match=f"http://{address}"):
            await serve(make_config(http=address), sinks=[memory])


async def test_taken_port_of_a_listener_leaves_no_views_bound(
    memory: MemorySink,
) -> None:
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        address = finder.getsockname()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        config = make_config(
            port=taken.getsockname()[1], http=f"{address[0]}:{address[1]}"
        )

        with pytest.raises(OSError, match=str(config.port)) as raised:
            await serve(config, sinks=[memory])

    # `raised` still holds the frames, and so all that was bound there.
    with pytest.raises(OSError, match="connect"):
        await trio.open_tcp_stream(*address)
    assert raised.value is not None


async def test_taken_port_is_named() -> None:
    [taken] = await bind_views("127.0.0.1:0")
    async with taken:
        port = taken.socket.getsockname()[1]

        with pytest.raises(
            OSError, match=f"cannot listen on http://127.0.0.1:{port}"
        ) as raised:
            await bind_views(f"127.0.0.1:{port}")

    assert raised.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
async def test_wildcard_is_reached_over_both_families(host: str) -> None:
    listeners = await bind_views(f"{host}:0")

    ports = {listener.socket.getsockname()[1] for listener in listeners}
    families = {listener.socket.family for listener in listeners}
    for listener in listeners:
        await listener.aclose()
    assert len(ports) == 1
    assert socket.AF_INET in families
    assert len(families) == len(listeners)
