import signal
import sys
from pathlib import Path

import pytest

from statsd_trio.dev.program import make_environment, run_program


async def run(code: str, path: Path) -> int:
    return await run_program([sys.executable, "-c", code], {"WHERE": str(path)})


async def test_the_exit_code_is_the_programs(tmp_path: Path) -> None:
    assert await run("raise SystemExit(3)", tmp_path) == 3


async def test_a_program_that_a_signal_ended_has_the_code_of_a_shell(
    tmp_path: Path,
) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert await run(code, tmp_path) == 128 + signal.SIGKILL


async def test_a_signal_is_passed_on(tmp_path: Path) -> None:
    # The program asks its parent for the signal, so nobody waits in hope.
    code = """
import os, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(9))
os.kill(os.getppid(), signal.SIGUSR1)
while True:
    signal.pause()
"""
    assert await run(code, tmp_path) == 9


async def test_the_environment_is_the_programs(tmp_path: Path) -> None:
    path = tmp_path / "told"
    code = "import os; open(os.environ['WHERE'], 'w').write('here')"
    assert await run(code, path) == 0
    assert path.read_text() == "here"


def test_clients_are_pointed_here_and_nowhere_else() -> None:
    environment = {"PATH": "/bin", "DD_DOGSTATSD_SOCKET": "/run/dd.sock"}
    client = {"DD_AGENT_HOST": "127.0.0.1"}
    assert make_environment(environment, client) == {"PATH": "/bin", **client}
    assert make_environment(environment, {}) == environment


async def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        await run_program(["/nowhere/program"], {})


async def test_a_program_that_ignores_signals_is_killed_by_the_third(
    tmp_path: Path,
) -> None:
    # It asks for one after the other; the last it cannot ignore.
    code = """
import os, signal
signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getppid(), signal.SIGTERM))
os.kill(os.getppid(), signal.SIGTERM)
while True:
    signal.pause()
"""
    asked: list[tuple[str, int]] = []
    command = [sys.executable, "-c", code]
    code_at_end = await run_program(
        command, {}, on_asked=lambda *each: asked.append(each)
    )
    assert code_at_end == 128 + signal.SIGKILL
    assert asked == [("SIGTERM", 2), ("SIGTERM", 1)]
