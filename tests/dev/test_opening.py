import errno
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio

from statsd_trio import Config, Server, ServerThread, serve
from statsd_trio.dev import open_dev_page
from statsd_trio.sinks.memory import MemorySink

QUIET = Config(host="127.0.0.1", port=0, sinks=(), self_metrics=False)
PAGE = "127.0.0.1:0"


async def get(url: str) -> Any:
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.get(url)
    return json.loads(answer.content)


async def test_page_shows_a_server_of_this_loop(nursery: trio.Nursery) -> None:
    server: Server = await nursery.start(serve, QUIET)
    async with open_dev_page(server, PAGE) as page:
        state = await get(f"{page.url}api/state")
        assert state["page"] == page.url
        assert state["client"]["DD_DOGSTATSD_PORT"] == str(server.udp_address[1])
        assert state["hostname"] == QUIET.hostname


def test_page_shows_a_server_of_another_thread() -> None:
    with ServerThread(QUIET) as thread, open_dev_page(thread, PAGE) as page:
        answer = httpx2.get(f"{page.url}api/state", trust_env=False)
        assert json.loads(answer.content)["page"] == page.url
        assert page.client["DD_AGENT_HOST"] == "127.0.0.1"


async def test_server_goes_on_without_its_page(
    nursery: trio.Nursery, memory: MemorySink
) -> None:
    server: Server = await nursery.start(partial(serve, QUIET, sinks=[memory]))
    async with open_dev_page(server, PAGE) as page:
        address = page.url
    with pytest.raises(httpx2.ConnectError):
        await get(address)
    assert server.submit(b"page.views:1|g")
    await server.flush()
    assert [series.name for series in memory.snapshots[-1].series] == ["page.views"]


async def test_port_that_is_taken_is_passed_over_unless_it_was_chosen(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: Server = await nursery.start(serve, QUIET)
    other: Server = await nursery.start(serve, QUIET)
    async with open_dev_page(server, PAGE) as page:
        taken = int(page.url.rpartition(":")[2].rstrip("/"))
        monkeypatch.setattr("statsd_trio.dev.opening.DEFAULT_PORT", taken)
        async with open_dev_page(other) as second:
            assert second.url != page.url
        with pytest.raises(OSError, match=f"http://127.0.0.1:{taken}") as caught:
            async with open_dev_page(other, f"127.0.0.1:{taken}"):
                pass
        assert caught.value.errno == errno.EADDRINUSE


async def test_second_page_of_a_server_is_refused_and_its_port_free_again(
    nursery: trio.Nursery,
) -> None:
    server: Server = await nursery.start(serve, QUIET)
    async with open_dev_page(server, PAGE):
        with pytest.raises(RuntimeError, match="watches this server already"):
            async with open_dev_page(server, PAGE):
                pass


async def test_environment_of_a_client_names_a_socket_where_udp_is_off(
    nursery: trio.Nursery, tmp_path: Path
) -> None:
    path = str(tmp_path / "dsd.sock")
    config = Config(port=None, socket_path=path, sinks=())
    server: Server = await nursery.start(serve, config)
    async with open_dev_page(server, PAGE) as page:
        assert page.client["DD_DOGSTATSD_URL"] == f"unix://{path}"


async def test_server_that_loses_its_page_to_an_error_is_not_watched_any_more(
    nursery: trio.Nursery,
) -> None:
    server: Server = await nursery.start(serve, QUIET)

    def fail() -> None:
        raise ValueError("something else went wrong")

    await fail_within_page(server, fail)
    async with open_dev_page(server, PAGE) as page:
        assert (await get(f"{page.url}api/state"))["paused"] is False


async def fail_within_page(server: Server, fail: Callable[[], None]) -> None:
    with pytest.RaisesGroup(ValueError):
        async with open_dev_page(server, PAGE):
            fail()


async def test_request_with_too_long_a_body_changes_nothing_and_says_why(
    nursery: trio.Nursery,
) -> None:
    server: Server = await nursery.start(serve, QUIET)
    async with open_dev_page(server, PAGE) as page:
        origin = {"Origin": page.url.rstrip("/")}
        for size, status, paused in [(1_000_000, 413, False), (1000, 200, True)]:
            async with httpx2.AsyncClient(trust_env=False) as client:
                answer = await client.post(
                    f"{page.url}api/pause", content=bytes(size), headers=origin
                )
            assert answer.status_code == status
            assert (await get(f"{page.url}api/state"))["paused"] is paused
