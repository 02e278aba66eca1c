"""What the proof of the engines is made of; the engines themselves are not run here."""

import json
from pathlib import Path

import pytest

from engines.__main__ import describe, print_table
from engines.collector import _read
from engines.cost import main
from engines.minute import Truth


def test_cost_is_printed_for_each_sink(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    printed = capsys.readouterr().out
    for words in ("counter", "datadog, zstd", "otlp, cumulative, gzip"):
        assert words in printed


def make_truth() -> dict[str, float]:
    truth = Truth()
    truth.counts["shop.hits"] = 7
    truth.gauges |= {"a": 1.0, "b": 2.0}
    for name in ("shop.latency", "shop.size", "shop.timer"):
        truth.values[name] = [float(value) for value in range(1, 101)]
    return describe(truth)


def test_truth_is_what_was_sent() -> None:
    figures = make_truth()
    assert (figures["counter"], figures["gauge"]) == (7, 3)
    assert figures["timer count"] == 100
    assert figures["timer sum"] == 5050
    assert figures["timer p95"] == 95


@pytest.mark.parametrize(
    ("name", "factor", "is_good"),
    [
        ("counter", 1.001, False),
        ("timer p95", 1.01, True),
        ("timer p95", 1.03, False),
    ],
)
def test_what_differs_is_not_good(name: str, factor: float, is_good: bool) -> None:
    truth = make_truth()
    figures = {**truth, name: truth[name] * factor}
    assert print_table(truth, figures, joins_percentiles=True) is is_good


def test_the_file_of_a_collector_is_read_to_its_last_points(tmp_path: Path) -> None:
    def line(time: int, value: float, host: str) -> str:
        points = [{"timeUnixNano": str(time * 10**9), "asDouble": value}]
        metrics = [{"name": "shop.hits", "sum": {"dataPoints": points}}]
        metrics += [
            {
                "name": name,
                "exponentialHistogram": {
                    "dataPoints": [
                        {
                            "timeUnixNano": str(time * 10**9),
                            "count": "2",
                            "sum": 3.0,
                            "positive": {"bucketCounts": ["1", "1"]},
                        }
                    ]
                },
            }
            for name in ("shop.latency", "shop.size", "shop.timer")
        ]
        attributes = [{"key": "host.name", "value": {"stringValue": host}}]
        return json.dumps(
            {
                "resourceMetrics": [
                    {
                        "resource": {"attributes": attributes},
                        "scopeMetrics": [{"metrics": metrics}],
                    }
                ]
            }
        )

    path = tmp_path / "metrics.json"
    lines = [line(20, 5, "a"), line(10, 3, "a"), line(20, 4, "b"), line(40, 9, "b")]
    path.write_text("\n".join(lines))
    figures = _read(path, 30)
    assert figures["counter"] == 9
    assert figures["timer count"] == 4
    assert figures["timer sum"] == 6
    # The middle of the bucket from 2 to 4.
    assert figures["timer p95"] == pytest.approx(2**1.5)
