"""The page about self metrics names what a server sends, and nothing else."""

import re
from pathlib import Path

from statsd_trio import Config, ServerThread, Snapshot

PAGE = Path(__file__).parents[2] / "docs" / "self-metrics.md"
INTERVAL_SECONDS = 10.0


def collect_names() -> set[str]:
    """Run a server that has something to report in each of its metrics."""
    now = 1_700_000_000.0
    names: set[str] = set()

    async def keep(snapshot: Snapshot) -> None:
        names.update(series.name for series in snapshot.series)

    config = Config(host="127.0.0.1", port=0)
    with ServerThread(config, sinks=[keep], wall_clock=lambda: now) as server:
        server.submit(b"sizes:1:nan|g\nwrong\npage.views:1|c|#page:\xff")
        server.flush()
        # Only then has a point come to its end, which the next report counts.
        now += INTERVAL_SECONDS
    return {name for name in names if name.startswith("statsd_trio.")}


def test_the_page_names_every_metric_and_no_other() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(statsd_trio\.[\w.]+)` \|", page, re.MULTILINE)
    assert sorted(rows) == sorted(collect_names())
