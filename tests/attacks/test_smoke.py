"""The attacks still run; whether their bounds hold is not judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from attacks.__main__ import main

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


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run in this process what starts none."""
    monkeypatch.setattr(sys, "argv", ["attacks", *arguments])
    return main()


def test_unknown_attack_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "nonsense") == 2
    assert "nonsense" in capsys.readouterr().err


def test_attacks_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "--list", "FIFO") == 0
    assert capsys.readouterr().out == "FIFO that goes away\n"
