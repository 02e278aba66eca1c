"""Measure what the pytest plugin costs a test: a thousand tests with and without it.

Each test of a whole pytest run is timed from the start of its set-up to the end of its
teardown, by a plugin of this file's own. The first test is left out: it starts the
server, once a run.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

_BODIES: Final = {
    "without": "def test_it(number): pass",
    "dogstatsd": "def test_it(dogstatsd, number): pass",
    "dogstatsd, one line and two assertions": """
def test_it(dogstatsd, number, client=socket.socket(socket.AF_INET, socket.SOCK_DGRAM)):
    client.sendto(b"hits:1|c", dogstatsd.address)
    dogstatsd.assert_counter("hits", 1)
    dogstatsd.assert_none("failures")
""",
    "dogstatsd_async under Trio": """
@pytest.mark.trio
async def test_it(dogstatsd_async, number): pass
""",
}

_CONFTEST: Final = """
import json, time

spans = []


def pytest_runtest_logstart():
    spans.append(time.perf_counter())


def pytest_runtest_logfinish():
    spans[-1] = time.perf_counter() - spans[-1]


def pytest_unconfigure():
    with open("spans.json", "w") as file:
        json.dump(spans, file)
"""


def measure(body: str, tests: int) -> list[float]:
    """Run *tests* tests of *body* and return the seconds that each took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conftest.py").write_text(_CONFTEST)
        (folder / "pytest.ini").write_text("[pytest]\n")
        decorator = f"@pytest.mark.parametrize('number', range({tests + 1}))\n"
        (folder / "test_it.py").write_text(
            f"import pytest, socket\n\n{decorator}{body.lstrip()}"
        )
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly"],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        spans: list[float] = json.loads((folder / "spans.json").read_text())
    return spans[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="of each kind")
    parser.add_argument("--tests", type=int, default=1000, help="in each run")
    parser.add_argument("--json", type=Path, help="also write the results here")
    arguments = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    for title, body in _BODIES.items():
        spans = [
            span
            for _ in range(arguments.runs)
            for span in measure(body, arguments.tests)
        ]
        results[title] = {
            "mean_ms": statistics.fmean(spans) * 1000,
            "median_ms": statistics.median(spans) * 1000,
        }
    floor = results["without"]["mean_ms"]
    print(f"{'a test':40} {'mean':>9} {'median':>9} {'added':>9}")
    for title, result in results.items():
        result["added_ms"] = result["mean_ms"] - floor
        print(
            f"{title:40} {result['mean_ms']:6.2f} ms {result['median_ms']:6.2f} ms "
            f"{result['added_ms']:6.2f} ms"
        )
    if arguments.json:
        path: Path = arguments.json
        document = json.loads(path.read_text()) if path.exists() else {}
        document["plugin"] = {"results": results}
        path.write_text(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
