import gc
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner, Result

from statsd_trio import Config
from statsd_trio.cli import main
from statsd_trio.cli.serve import announce, settle_in
from statsd_trio.ledger import Ledger

KEY = "0123456789abcdef0123456789abcdef"


def serve(*arguments: str, **environ: str | None) -> Result:
    return CliRunner().invoke(main, ["serve", *arguments], env=environ)


def test_missing_key_names_the_ways_out() -> None:
    done = serve(DD_API_KEY=None)

    assert done.exit_code == 2
    [line] = done.stderr.splitlines()
    assert "DD_API_KEY" in line
    assert "console" in line


def test_server_that_is_switched_off_says_so_and_binds_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "datadog.yaml"
    path.write_text("use_dogstatsd: false\n")
    socket_path = tmp_path / "dsd.socket"

    for arguments, source, variable in (
        ([], "DD_USE_DOGSTATSD", "false"),
        (["--no-use-dogstatsd"], "--use-dogstatsd", "true"),
        (["--config", str(path)], f"{path}: use_dogstatsd", None),
    ):
        done = serve(
            "--socket-path",
            str(socket_path),
            *arguments,
            DD_USE_DOGSTATSD=variable,
            DD_API_KEY=None,
        )

        assert done.exit_code == 0
        [line] = done.stderr.splitlines()
        assert line.startswith(
            f"Warning: use_dogstatsd is false ({source}), so nothing"
        )
        assert not socket_path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="it is systemd's")
def test_service_manager_takes_a_server_that_is_switched_off_for_started(
    tmp_path: Path,
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)

        serve(DD_USE_DOGSTATSD="false", NOTIFY_SOCKET=str(tmp_path / "notify"))

        assert manager.recv(100) == b"READY=1"


def test_every_problem_has_its_line() -> None:
    done = serve("--port", "x", "--tcp-port", "y", "--sink", "none")

    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 2


def test_taken_port_is_one_line_that_names_it() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])

        done = serve(
            "--host",
            "127.0.0.1",
            "--port",
            port,
            "--sink",
            "none",
            "--log-level",
            "off",
        )

    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert port in line


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal_and_exits_with_0(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "statsd_trio", "serve", "--sink", "none"]
    command += ["--host", "127.0.0.1", "--port", "__random__"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines: list[str] = []
        while "delivering" not in (lines or [""])[-1]:
            lines.append(process.stderr.readline())
            assert lines[-1], "it ended early"
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.wait(timeout=60) == 0

    started = "".join(lines)
    assert "statsd-trio 0" in started
    assert re.search(r"127\.0\.0\.1:[1-9]\d+", started)
    # One line for a listener: where, and what the kernel granted it.
    assert started.count("udp://") == 1
    assert re.search(r"listening on udp://.*, with a receive buffer of [1-9]", started)
    assert "delivering to no sink" in started
    assert f"{number.name}: stopping" in rest
    assert "stopped: 0 packets" in rest


class FakeServer:
    def ledger(self) -> Ledger:
        raise AssertionError("nobody asks")

    async def wait_sinks_ended(self) -> NoReturn:
        raise AssertionError("nobody asks")

    def reload(self, config: Config, /) -> None:
        raise AssertionError("nobody asks")


def test_start_tells_sinks(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    config = Config(
        api_key=KEY,
        additional_endpoints={"https://u:hunter2@more.example": [KEY]},
        sinks=["datadog", "console", "jsonl"],
        jsonl_path="/x.jsonl",
    )

    announce(config)

    (sinks,) = caplog.messages
    assert sinks == (
        "delivering to datadog (https://api.datadoghq.com, https://***@more.example),"
        " console, jsonl (/x.jsonl)"
    )


def test_start_tells_where_otlp_goes_without_credentials(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    config = Config(
        sinks=["otlp"],
        otlp_endpoint="http://u:hunter2@collector.example:4318",
        otlp_logs_endpoint="http://logs.example/in?key=hunter2",
        otlp_events=True,
    )

    announce(config)

    (sinks,) = caplog.messages
    assert sinks == (
        "delivering to otlp (http://***@collector.example:4318,"
        " http://logs.example/in?***)"
    )


@pytest.fixture
def collector() -> Iterator[tuple[int, int, int]]:
    """Tell the collector's thresholds, and restore them."""
    before = gc.get_threshold()
    yield before
    gc.unfreeze()
    gc.set_threshold(*before)


def test_running_server_spares_full_collections(
    collector: tuple[int, int, int],
) -> None:
    settle_in(Config(sinks=()), FakeServer())

    assert gc.get_threshold() == (*collector[:2], 10 * collector[2])
    assert gc.get_freeze_count() > 0


def test_help_has_an_example_and_the_exit_codes() -> None:
    text = CliRunner().invoke(main, ["serve", "--help"]).stdout

    assert "Example: " in text
    assert "Exit codes: 0" in text
