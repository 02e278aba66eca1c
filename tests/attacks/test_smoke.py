"""The attacks still run; whether their bounds hold is not judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "attacks", *arguments],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("name", ["small retry queue", "random cancels"])
def test_attack_runs_and_writes_its_results(name: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    answer = run(name, "--scale=0.05", f"--json={path}")
    (result,) = json.loads(path.read_text())["attacks"]["results"]
    assert result["case"] == name
    # A busy machine may break a bound of time, but no identity.
    assert result["found"]["is_judged"], answer.stderr
    assert result["found"]["off_by"] == {}


def test_what_there_is_no_time_for_fails() -> None:
    answer = run("key revoked", "--max-seconds=0")
    assert answer.returncode == 1
    assert "key revoked: there was no time left for it" in answer.stderr


def test_unknown_attack_is_named() -> None:
    answer = run("nonsense")
    assert answer.returncode == 2
    assert "nonsense" in answer.stderr


def test_attacks_are_listed() -> None:
    answer = run("--list", "FIFO")
    assert (answer.returncode, answer.stdout) == (0, "FIFO that goes away\n")
