"""The benchmarks still run; what they find is not judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


BURST = [
    "--lines=1000",
    "--seconds=0.1",
    "--size=1432 B",
    "--transport=udp default",
    "--engine=plain",
]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("engine", ["--lines=1000", "--case=hot, no tags"]),
        ("burst", BURST),
        ("steady", ["--rate=1000", "--seconds=0.1", "--engine=plain"]),
    ],
)
def test_benchmark_runs_and_writes_its_results(
    name: str, options: list[str], tmp_path: Path
) -> None:
    results = tmp_path / "results.json"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks",
            name,
            "--runs=1",
            *options,
            f"--json={results}",
        ],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=60,
    )
    assert json.loads(results.read_text())[name]["results"]


def test_unknown_benchmark_is_named() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nonsense"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 2
    assert "nonsense" in answer.stderr
