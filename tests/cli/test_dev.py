import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from statsd_trio.cli import main
from statsd_trio.cli.showing import name_program

PROGRAM = """
import os, socket, sys
address = os.environ["DD_AGENT_HOST"], int(os.environ["DD_DOGSTATSD_PORT"])
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for line in sys.argv[1:]:
    client.sendto(line.encode(), address)
sys.exit(7)
"""


def run(
    *arguments: str, lines: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "statsd_trio", "dev", "--page", "127.0.0.1:0"),
            *arguments,
            *("--", sys.executable, "-c", PROGRAM, *lines),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_program_ends_with_its_own_code_and_a_line_on_what_it_sent() -> None:
    done = run("--port", "__random__", lines=("page.views:1|c", "broken:1,5|c"))
    assert done.returncode == 7
    first, *_, last = done.stderr.splitlines()
    assert first.startswith("http://127.0.0.1:")
    assert "sent 1 metric line; 1 line rejected, such as" in last
    assert "broken" in last
    assert done.stdout == ""


# What a terminal sends when it is closed, again and again until the server is gone.
HANGUPS = """
import os, signal, sys, time
server = os.getppid()
signal.signal(signal.SIGHUP, signal.SIG_IGN)
if os.fork() == 0:
    os.closerange(0, 100)
    for _ in range(60_000):
        os.kill(server, signal.SIGHUP)
        time.sleep(0.001)
    os._exit(0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
def test_last_line_is_said_though_the_terminal_hangs_up() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "statsd_trio", "dev", "--page", "127.0.0.1:0"),
            *("--port", "__random__", "--"),
            *(sys.executable, "-c", HANGUPS + PROGRAM, "page.views:1|c"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 7
    last = done.stderr.splitlines()[-1]
    assert last.endswith("sent 1 metric line; nothing was rejected")


# Asks its parent for one signal after the other.
DEAF = """
import os, signal
signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getppid(), signal.SIGTERM))
os.kill(os.getppid(), signal.SIGTERM)
while True:
    signal.pause()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends it at once")
def test_each_signal_that_is_passed_on_is_said_to_be() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "statsd_trio", "dev", "--page", "127.0.0.1:0"),
            *("--port", "__random__", "--", sys.executable, "-c", DEAF),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 128 + signal.SIGKILL
    said = [line for line in done.stderr.splitlines() if "SIGTERM" in line]
    assert len(said) == 2
    assert said[0].endswith(") was sent SIGTERM; 2 more kill it")
    assert said[1].endswith(") was sent SIGTERM; one more signal kills it")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
def test_hangup_ends_the_page_cleanly() -> None:
    command = (sys.executable, "-m", "statsd_trio", "dev", "--port", "__random__")
    with subprocess.Popen(
        [*command, "--page", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        assert lines[1] == "Ctrl-C ends it.\n"
        process.send_signal(signal.SIGHUP)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_a_program_that_sends_nothing_is_said_to() -> None:
    done = run("--port", "__random__")
    assert done.stderr.splitlines()[-1].endswith("sent nothing")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a port")
def test_a_port_that_is_taken_is_said_to_be_by_whom() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        done = run("--port", str(sock.getsockname()[1]))
    assert done.returncode == 1
    assert "is taken by pid" in done.stderr
    assert "--port __random__" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a port")
def test_an_address_of_the_page_that_is_taken_is_said_to_be_by_whom() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = run("--port", "__random__", "--page", f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert f"http://127.0.0.1:{port}" in done.stderr
    assert f"port {port} is taken by pid {os.getpid()} (" in done.stderr
    assert "leave --page out" in done.stderr


def test_a_bad_address_of_the_page_is_an_error_of_the_configuration() -> None:
    done = run("--page", "nowhere")
    assert done.returncode == 2
    assert done.stderr == (
        "Error: --page nowhere: not HOST:PORT, such as 127.0.0.1:8129\n"
    )


def test_flag_of_a_program_belongs_after_two_dashes() -> None:
    done = CliRunner().invoke(main, ["dev", "python", "-c", "print(1)"])
    assert done.exit_code == 2
    assert "No such option '-c'" in done.stderr
    assert "put -- before the program" in done.stderr


def test_sink_without_tee_is_said_to_have_no_effect() -> None:
    done = run("--port", "__random__", "--sink", "console", lines=("a:1|c",))
    assert done.returncode == 7
    assert "--sink has no effect without --tee" in done.stderr


def test_wrong_word_for_a_sink_is_refused_without_tee(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = run("--sink", "consol")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: --sink=")
    monkeypatch.setenv("STATSD_TRIO_SINKS", "consle")
    done = run()
    assert done.returncode == 2
    assert done.stderr.startswith("Error: STATSD_TRIO_SINKS=")


def test_sinks_of_a_file_need_no_key_without_tee(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DD_API_KEY", raising=False)
    monkeypatch.setenv("STATSD_TRIO_SINKS", "datadog")
    done = run("--port", "__random__")
    assert done.returncode == 7
    assert "--tee" not in done.stderr


def test_all_that_a_program_sent_is_read_before_its_last_line() -> None:
    lines = ("page.views:1|c",) * 3000
    done = run("--port", "__random__", lines=lines)
    assert "sent 3000 metric lines; nothing was rejected" in done.stderr


def test_a_program_that_cannot_be_run_is_said_to(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/nowhere/interpreter\n")
    script.chmod(0o755)
    arguments = ("dev", "--port", "__random__", "--page", "127.0.0.1:0", "--")
    for program, code, why in [
        (str(script), 126, "its interpreter is missing"),
        (str(tmp_path), 126, "Permission denied"),
        (str(tmp_path / "none"), 127, "there is no program"),
    ]:
        done = subprocess.run(
            [sys.executable, "-m", "statsd_trio", *arguments, program],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code
        assert why in done.stderr


@pytest.mark.parametrize(
    ("program", "name"),
    [
        (["python", "app.py"], "python app.py"),
        (["env", "DD_API_KEY=secret", "python"], "env ..."),
        (["app", "--password=secret"], "app ..."),
        (["sh", "-c", "echo secret"], "sh ..."),
        (["a\x1b[31m", "b", "c", "d"], "'a\\x1b[31m' b c ..."),
    ],
)
def test_a_program_is_named_without_what_may_be_secret(
    program: list[str], name: str
) -> None:
    assert name_program(program) == name
