"""The real command in its own process, under a service manager that is a socket."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="service managers and signals are POSIX's"
)

# What hangs fails after this long; a busy machine takes its time.
LIMIT_SECONDS = 60


@attrs.define
class Manager:
    """Hears what the service says, as systemd does."""

    sock: socket.socket
    path: str

    def wait_for(self, line: str) -> None:
        """Receive until *line* is heard."""
        while line not in self.sock.recv(4096).decode().splitlines():
            pass


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.settimeout(LIMIT_SECONDS)
        yield Manager(sock, path)


# Starts a program with its descriptors from 3 on, as systemd does.
HAND_OVER = """
import os, sys
descriptors = [int(text) for text in sys.argv[1].split(",")]
# Out of the way first: one of them may be 3 already.
copies = [os.dup2(each, 100 + each) for each in descriptors]
for number, copy in enumerate(copies, 3):
    os.dup2(copy, number)
os.environ |= {"LISTEN_FDS": str(len(copies)), "LISTEN_PID": str(os.getpid())}
command = sys.argv[2:]
os.execv(command[0], command)
"""


@contextlib.contextmanager
def serving(
    manager: Manager,
    *flags: str,
    handed_in: Sequence[socket.socket] = (),
    variables: Mapping[str, str] | None = None,
    **how: Any,
) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "statsd_trio", "serve", *flags]
    descriptors = [sock.fileno() for sock in handed_in]
    if descriptors:
        numbers = ",".join(map(str, descriptors))
        command = [sys.executable, "-c", HAND_OVER, numbers, *command]
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DD_", "STATSD_TRIO_"))
    }
    environ |= variables or {}
    environ |= {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"}
    with subprocess.Popen(
        command,
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=descriptors,
        **how,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def test_manager_hears_ready_watchdog_and_stopping(manager: Manager) -> None:
    flags = ["--host", "127.0.0.1", "--port", "__random__", "--sink", "none"]
    with serving(manager, *flags) as process:
        manager.wait_for("READY=1")
        manager.wait_for("WATCHDOG=1")
        manager.wait_for("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        manager.wait_for("STOPPING=1")
        process.communicate(timeout=LIMIT_SECONDS)

    assert process.returncode == 0


@pytest.mark.parametrize("sink", ["console", "jsonl"])
def test_closed_pipe_ends_it_as_it_ends_a_filter(manager: Manager, sink: str) -> None:
    flags = ["--host", "127.0.0.1", "--port", "__random__", "--interval-seconds", "1"]
    with serving(manager, *flags, "--sink", sink, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        manager.wait_for("STOPPING=1")
        assert process.stderr is not None
        log = process.stderr.read()
        assert process.wait(LIMIT_SECONDS) == 0

    assert (
        f"ERROR    {sink}: could not write to standard output: nobody reads it" in log
    )
    assert "Traceback" not in log


def test_log_that_nobody_reads_holds_up_neither_server_nor_stop(
    manager: Manager, tmp_path: Path
) -> None:
    out, address = str(tmp_path / "out"), str(tmp_path / "dsd")
    flags = ["--port", "0", "--socket-path", address, "--log-level", "debug"]
    flags += ["--sink", "jsonl", "--jsonl-path", out, "--no-self-metrics"]
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client,
        serving(manager, *flags) as process,
    ):
        manager.wait_for("READY=1")
        client.settimeout(LIMIT_SECONDS)
        # A line of the log for each, and more than a pipe has room for.
        for _ in range(3000):
            client.sendto(b"what is refused is told in a line of the log", address)
        client.sendto(b"page.views:1|c", address)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_SECONDS) == 0

    assert "page.views" in Path(out).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--sink", "jsonl", "--jsonl-path", "/nowhere/points"],
            "/nowhere/points: No such file or directory.",
        ),
        (
            ["--sink", "console"],
            "standard output: it is closed.",
        ),
    ],
)
def test_output_that_cannot_be_written_is_one_line_at_the_start(
    manager: Manager, flags: list[str], message: str
) -> None:
    with serving(manager, *flags, preexec_fn=lambda: os.close(1)) as process:
        _, log = process.communicate(timeout=LIMIT_SECONDS)

    assert process.returncode == 1
    last = log.splitlines()[-1]
    assert last.startswith(f"Error: could not write to {message} Check ")
    assert "Traceback" not in log


@pytest.mark.parametrize("source", ["flag", "variable", "file", "equal port"])
def test_socket_handed_in_is_served_with_udp_off(
    source: str, manager: Manager, tmp_path: Path
) -> None:
    path = tmp_path / "datadog.yaml"
    path.write_text("dogstatsd_port: 0\n")
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handed_in,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        handed_in.bind(("127.0.0.1", 0))
        port = handed_in.getsockname()[1]
        flags = {
            "flag": ["--port", "0"],
            "variable": [],
            "file": ["--config", str(path)],
            "equal port": ["--port", str(port)],
        }[source]
        environ = {"DD_DOGSTATSD_PORT": "0"} if source == "variable" else {}

        with serving(
            manager,
            *flags,
            "--sink=jsonl",
            f"--jsonl-path={tmp_path / 'out'}",
            handed_in=[handed_in],
            variables=environ,
        ) as process:
            manager.wait_for("READY=1")
            # A reload judges it once more.
            process.send_signal(signal.SIGHUP)
            manager.wait_for("RELOADING=1")
            manager.wait_for("READY=1")
            client.sendto(b"page.views:1|c", ("127.0.0.1", port))
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=LIMIT_SECONDS)

    assert process.returncode == 0
    assert "reloaded: nothing changed" in log
    assert "page.views" in (tmp_path / "out").read_text(encoding="utf-8")


def test_hangup_changes_what_is_sent_from_then_on(
    manager: Manager, tmp_path: Path
) -> None:
    config, out, address = (str(tmp_path / name) for name in ("c.toml", "out", "dsd"))
    given = f'port = 0\nsocket_path = "{address}"\nsinks = ["jsonl"]\n'
    given += f'jsonl_path = "{out}"\nself_metrics = false\n'

    def configure(**fields: object) -> None:
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in fields.items()]
        Path(config).write_text(given + "".join(lines), encoding="utf-8")

    configure(tags=["env:old"])
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client,
        serving(manager, "--config", config) as process,
    ):
        manager.wait_for("READY=1")

        configure(tags="env:old", max_contexts="many")
        process.send_signal(signal.SIGHUP)
        manager.wait_for("RELOADING=1")
        manager.wait_for("READY=1")

        configure(tags=["env:new"], metric_filterlist=["noise"], max_contexts=7)
        process.send_signal(signal.SIGHUP)
        manager.wait_for("RELOADING=1")
        manager.wait_for("READY=1")

        client.sendto(b"page.views:1|c\nnoise:1|c", address)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=LIMIT_SECONDS)

    assert process.returncode == 0
    text = Path(out).read_text(encoding="utf-8")
    assert "page.views" in text
    assert "env:new" in text
    assert "env:old" not in text
    assert "noise" not in text
    assert "max_contexts=many: " in log
    assert "nothing is reloaded" in log
    assert "not reloaded: max_contexts changed to 7" in log
