import os
import re
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import trio
from click.testing import CliRunner

from statsd_trio.cli.mock_intake import command
from statsd_trio.cli.mock_intake_server import describe_attempt
from statsd_trio.mock_intake import (
    Attempt,
    ReceivedEvent,
    ReceivedPoint,
    ReceivedSeries,
    Route,
)
from statsd_trio.mock_intake.received import ReceivedType


def make_attempt(**changes: Any) -> Attempt:
    series = tuple(
        ReceivedSeries(name, ReceivedType.GAUGE, (ReceivedPoint(1, 1.0),) * 2)
        for name in ("a", "b", "a")
    )
    fields: dict[str, Any] = {
        "number": 1,
        "time": 0.0,
        "method": "POST",
        "path": "/api/v2/series",
        "query": "",
        "route": Route.SERIES,
        "headers": {},
        "body_bytes": 100,
        "encoding": "zstd",
        "raw_bytes": 300,
        "status": 202,
        "items": series,
        "is_received": True,
    }
    return Attempt(**{**fields, **changes})


def test_an_attempt_is_one_line() -> None:
    assert describe_attempt(make_attempt())[8:] == (
        "  POST /api/v2/series  202  3 series, 6 points  (a, b)"
        "  100 bytes zstd, 300 decoded"
    )


def test_only_a_few_names_are_shown() -> None:
    events = tuple(ReceivedEvent(title, "") for title in "abcde")
    attempt = make_attempt(items=events, route=Route.EVENTS, encoding="")
    assert describe_attempt(attempt)[8:] == (
        "  POST /api/v2/series  202  5 events, 5 points  (a, b, c, 2 more)"
        "  100 bytes identity, 300 decoded"
    )


def test_what_went_wrong_is_shown() -> None:
    attempt = make_attempt(
        status=None, fault="reset", error="a series has no name", items=(), body_bytes=0
    )
    assert describe_attempt(attempt)[8:] == (
        "  POST /api/v2/series  no answer  script: reset  refused: a series has no name"
    )


def test_a_name_cannot_steer_the_terminal() -> None:
    event = ReceivedEvent("\x1b[2J\r\n\u202etitle", "")
    line = describe_attempt(make_attempt(items=(event,)))
    assert line.isprintable()


def test_a_script_that_cannot_be_used_ends_it_with_every_problem(
    tmp_path: Path,
) -> None:
    script = tmp_path / "outage.toml"
    script.write_text("[[rules]]\nstatus = 1\n[[rules]]\nfault = 'x'\n")
    result = CliRunner().invoke(command, ["--script", str(script)])
    assert result.exit_code == 2
    assert [line.split(": ")[2] for line in result.stderr.splitlines()] == [
        "rules, entry 1",
        "rules, entry 2",
    ]


def test_a_script_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    result = CliRunner().invoke(command, ["--script", str(path)])
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: could not read the script {path}: No such file or directory."
        " Check --script.\n"
    )


def test_a_taken_port_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(command, ["--port", port])
    assert result.exit_code == 1
    assert re.fullmatch(
        f"Error: cannot listen on 127.0.0.1 port {port}: .*in use\n", result.stderr
    )


@pytest.mark.parametrize("package", ["hypercorn", "starlette"])
def test_without_the_extra_it_says_what_to_install(package: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None; sys.argv[0] = 'statsd-trio';"
        "from statsd_trio.cli.mock_intake import command; command([])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"Error: the mock intake needs {package}, which is not installed;"
        " run pip install 'statsd-trio[http]'\n"
    )


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("reader", ["lacks a character", "left", "stalls"])
async def test_what_it_prints_decides_no_answer(reader: str) -> None:
    words = ["-m", "statsd_trio", "mock-intake", "--port", "0"]
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(
            partial(
                trio.run_process,
                [sys.executable, *words],
                env=os.environ | {"PYTHONIOENCODING": "latin-1"},
                stdout=subprocess.PIPE,
                capture_stdout=False,
                check=False,
            )
        )
        assert process.stdout is not None
        printed = b""
        while b"serve\n" not in printed:
            printed += await process.stdout.receive_some()
        address = re.search(rb"DD_DD_URL=(\S+)", printed)
        assert address is not None
        if reader == "left":
            await process.stdout.aclose()
        async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
            answers = [
                await client.post(
                    f"{address[1].decode()}/api/v1/events",
                    headers={"DD-API-KEY": "k"},
                    json={"title": "\N{SNOWMAN}", "text": ""},
                )
                for _ in range(3)
            ]
            # More than a pipe has room for, in a few lines.
            path = f"{address[1].decode()}/{'x' * 8000}"
            for _ in range(20 if reader == "stalls" else 0):
                assert (await client.get(path)).status_code == 404
        while reader == "lacks a character" and printed.count(b"(\\u2603)") < 3:
            printed += await process.stdout.receive_some()
        process.terminate()
        await process.wait()
    assert [answer.status_code for answer in answers] == [202] * 3
    assert process.returncode == 0


SCRIPT: Final = "[[rules]]\nroute = 'validate'\nstatus = 503\ntimes = 1\n"


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_shows_what_comes_until_a_signal_ends_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    script = tmp_path / "outage.toml"
    script.write_text(SCRIPT)
    words = ["-m", "statsd_trio", "mock-intake", "--port", "0", "--script", script]
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(
            partial(
                trio.run_process,
                [sys.executable, *map(str, words)],
                stdout=subprocess.PIPE,
                capture_stdout=False,
                check=False,
            )
        )
        assert process.stdout is not None
        printed = b""
        while b"serve\n" not in printed:
            printed += await process.stdout.receive_some()
        address = re.search(rb"DD_DD_URL=(\S+) DD_API_KEY=\S+ statsd-trio", printed)
        assert address is not None
        async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
            for _ in range(2):
                url = f"{address[1].decode()}/api/v1/validate"
                await client.get(url, headers={"DD-API-KEY": "k"})
        while printed.count(b"validate") < 2:
            printed += await process.stdout.receive_some()
        process.send_signal(number)
    assert process.returncode == 0
    lines = printed.decode().splitlines()
    assert lines[-2].endswith("GET /api/v1/validate  503  script: answer")
    assert lines[-1].endswith("GET /api/v1/validate  200")
