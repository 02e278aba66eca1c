"""The picture of the README is made of the results that are kept, and of no others."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chart import draw, list_floods, list_shares, shrink
from benchmarks.drawing import THEMES, Bar

ROOT = Path(__file__).parents[2]
RESULTS = json.loads((ROOT / "benchmarks/results/results.json").read_text("utf-8"))
PEERS = json.loads((ROOT / "benchmarks/results/peers.json").read_text("utf-8"))


def make_results(*found: dict[str, Any], case: str) -> list[dict[str, Any]]:
    return [{"case": case, "found": one} for one in found]


def make_found(server: str, taken: float, cpu_seconds: float) -> dict[str, Any]:
    return {
        "server": server,
        "seconds": 3.0,
        "lines_lost": 0,
        "taken_per_second": taken,
        "sent": [{"lines": 3, "seconds": 3.0, "packets": 3}],
        "report": {"lines": 3, "cpu_seconds": cpu_seconds, "rss_bytes": 1},
    }


@pytest.mark.parametrize("theme", THEMES)
def test_the_pictures_are_those_of_the_kept_results(theme: str) -> None:
    picture = ROOT / "docs" / "images" / f"performance-{theme}.svg"
    # If this fails: `python -m benchmarks chart`.
    assert picture.read_text("utf-8") == draw(RESULTS, PEERS, THEMES[theme])


def test_a_bar_has_the_median_the_least_and_the_greatest() -> None:
    runs = [make_found("statsd-trio, plain", taken, 1) for taken in (5.0, 1.0, 4.0)]
    results = {"flood": {"results": make_results(*runs, case="as fast as can be")}}
    assert list(list_floods(results, {"peers": []})) == [
        Bar("statsd-trio, plain Python", "ours", 4.0, 1.0, 5.0)
    ]


def test_a_share_is_of_the_time_in_which_was_sent() -> None:
    runs = make_results(make_found("count newlines", 1, 0.3), case="1000 packets/s")
    (bar,) = list_shares("1000 packets/s", {"steady": {"results": runs}}, {"peers": []})
    assert bar.middle == pytest.approx(10)


def test_what_is_kept_names_no_path_and_no_other_checkout() -> None:
    runs = make_results(
        make_found("statsd-trio, native", 1, 1),
        make_found("checkout ../elsewhere", 1, 1),
        case="1000 packets/s",
    )
    kept = shrink(
        {
            "steady": {
                "machine": "Linux 6.18.44-of-this-machine, AMD EPYC, load 1 before",
                "command": "python -m benchmarks steady --json /a/b --against ../c",
                "results": runs,
            }
        }
    )
    assert kept["steady"]["machine"] == "Linux 6.18.44, AMD EPYC, load 1 before"
    assert kept["steady"]["command"] == "python -m benchmarks steady"
    (result,) = kept["steady"]["results"]
    assert result["found"]["sent"] == [{"lines": 3, "seconds": 3.0}]
    assert result["found"]["report"] == {"lines": 3, "cpu_seconds": 1}
    assert shrink(kept) == kept
