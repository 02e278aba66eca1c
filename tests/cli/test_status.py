import json
import sys
from functools import partial

import pytest
import trio
from click.testing import CliRunner, Result

from statsd_trio import Config, Server, serve
from statsd_trio.cli import main
from statsd_trio.cli.status import describe_duration
from statsd_trio.sinks.memory import MemorySink
from statsd_trio.version import __version__

CONFIG = Config(host="127.0.0.1", port=0, self_metrics=False, http="127.0.0.1:0")


async def run(*arguments: str) -> Result:
    return await trio.to_thread.run_sync(CliRunner().invoke, main, arguments)


@pytest.fixture
async def server(nursery: trio.Nursery, memory: MemorySink) -> Server:
    started: Server = await nursery.start(partial(serve, CONFIG, sinks=[memory]))
    started.submit(b"page.views:1|c|#user:1\npage.views:2|c|#user:2\nbad")
    await started.flush()
    return started


def address_of(server: Server) -> str:
    [(host, port)] = server.http_addresses
    return f"{host}:{port}"


async def test_table_tells_what_became_of_the_lines(server: Server) -> None:
    done = await run("status", "--url", address_of(server))

    assert done.exit_code == 0
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == [f"http://{address_of(server)}:", "ready"]
    assert ["engine", *server.ledger().engine.split()] in rows
    assert ["version", __version__] in rows
    assert any(row[:2] == ["up", "for"] for row in rows)
    assert any("lines and" in line for line in done.stdout.splitlines())
    assert ["read", "3"] in rows
    assert ["rejected:", "no_colon", "1"] in rows


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "0 seconds"),
        (1, "1 second"),
        (61.9, "1 minute 1 second"),
        (7200, "2 hours"),
        (90_061, "1 day 1 hour"),
    ],
)
def test_duration_has_two_units_at_most(seconds: float, shown: str) -> None:
    assert describe_duration(seconds) == shown


async def test_json_is_one_object(server: Server) -> None:
    url = f"http://{address_of(server)}/"
    done = await run("status", "--json", "--url", url)

    shown = json.loads(done.stdout)
    assert (shown["ready"], shown["ledger"]["lines"]["read"]) == (True, 3)


async def test_top_prints_once_what_costs_most(server: Server) -> None:
    done = await run("top", "--once", "--url", address_of(server))

    assert done.exit_code == 0
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["2", "page.views", "user", "2"] in rows


async def test_top_survives_an_output_that_lacks_a_character(server: Server) -> None:
    server.submit("señor.\N{SNOWMAN}:1|c\n".encode() * 2)
    await server.flush()
    latin = partial(CliRunner(charset="latin-1").invoke, main)
    arguments = ["top", "--once", "--url", address_of(server)]
    done = await trio.to_thread.run_sync(latin, arguments)

    assert done.exit_code == 0
    assert "señor.\\u2603" in done.stdout


@pytest.mark.parametrize("command", ["status", "top"])
async def test_server_that_is_away_is_one_line(command: str) -> None:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()

    done = await run(command, "--url", f"127.0.0.1:{port}")

    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"Error: cannot reach http://127.0.0.1:{port}: ")
    assert "Errno" not in line


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b'{"ready":true,"reasons":3}', b"[" * 100_000, b"\xff", b"{}"],
)
async def test_something_else_that_answers_is_one_line(
    nursery: trio.Nursery, body: bytes
) -> None:
    async def answer(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
            await stream.send_all(head + body)

    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, answer, [listener])
    port = listener.socket.getsockname()[1]

    done = await run("status", "--url", f"127.0.0.1:{port}")

    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert line.endswith("a statsd-trio server shows itself. Check --url.")


async def test_endless_answer_is_cut_off(nursery: trio.Nursery) -> None:
    async def answer(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            try:
                await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
                for _ in range(2000):
                    await stream.send_all(b" " * 65536)
            except trio.BrokenResourceError:
                pass

    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, answer, [listener])
    port = listener.socket.getsockname()[1]

    done = await run("status", "--url", f"127.0.0.1:{port}")

    assert done.exit_code == 1
    assert done.stderr == (
        f"Error: http://127.0.0.1:{port} sent an answer that is too long\n"
    )


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "nowhere:x", "http://[::1", "http://", "http://:8127"],
)
async def test_what_is_no_address_is_wrong_usage(url: str) -> None:
    done = await run("status", "--url", url)

    assert done.exit_code == 2
    assert url in done.stderr


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@127.0.0.1:1",
        "http://user:a/hunter2@127.0.0.1:1",
        "http://user:hunter2@[::1",
        "ftp://user:hunter2@host",
        "user:hunter2@host",
    ],
)
@pytest.mark.parametrize("command", ["status", "top"])
async def test_no_failure_shows_a_password(url: str, command: str) -> None:
    done = await run(command, "--url", url)

    assert done.exit_code != 0
    assert "***@" in done.stderr
    assert "hunter2" not in done.output


async def test_no_address_names_the_ways_to_give_one() -> None:
    done = await run("status")

    assert done.exit_code == 2
    assert "STATSD_TRIO_HTTP" in done.stderr


async def test_host_that_no_url_can_have_is_one_line() -> None:
    done = await run("status", "--url", "http://a\x00b")

    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("Error: cannot reach http://a\\x00b: ")


async def test_top_without_the_extra_tells_the_way_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "statsd_trio.cli.screen", raising=False)
    monkeypatch.setitem(sys.modules, "rich.console", None)

    done = await run("top", "--url", "127.0.0.1:1")

    assert done.exit_code == 2
    assert done.stderr == (
        "Error: top needs rich, which is not installed;"
        " run pip install 'statsd-trio[top]'\n"
    )


async def test_address_may_come_from_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATSD_TRIO_HTTP", address_of(server))

    assert (await run("status")).exit_code == 0
