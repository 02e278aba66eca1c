"""Start engines, send a minute to each, ask them what came, and print a table.

Each engine is stopped in the middle of the minute for 15 seconds. What a server could
not deliver meanwhile must be there at the end.

    python -m engines                all that can be had
    python -m engines prometheus     those whose title has that word
"""

import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx2

from engines.collector import Collector
from engines.engine import PERCENTILE, Engine, Running
from engines.minute import HOSTS, Minute, Truth
from engines.processes import Process, choose_port
from engines.programs import NotHadError
from engines.prometheus import Prometheus
from engines.victoriametrics import (
    VictoriaMetrics,
    VictoriaMetricsDatadog,
    Vmagent,
)

ENGINES: Final[Sequence[Engine]] = (
    Collector(),
    Prometheus(),
    VictoriaMetrics(),
    VictoriaMetricsDatadog(),
    Vmagent(),
)

# Points that our own servers gave up: refused, or without room.
LOST: Final = "lost on the way"

# No registry that we reach has them.
NOT_HAD: Final = {
    "VictoriaMetrics cluster": "the Go proxy has none of its versions",
    "Vector": "it is in no registry of packages that has programs",
    "Collector with Datadog's receiver": "the Go proxy has no version of its module",
}

_SECONDS: Final = 60.0
_OUTAGE: Final = (20.0, 35.0)
_INTERVAL: Final = 10
# For the last interval, and for the retries of what was held up.
_SETTLE_SECONDS: Final = 45.0


def main(words: Sequence[str]) -> int:
    """Run all engines at once; they all get the same minute."""
    chosen = [
        engine
        for engine in ENGINES
        if not words or any(word.lower() in engine.title.lower() for word in words)
    ]
    not_had = {} if words else dict(NOT_HAD)
    versions: dict[str, str] = {}
    for engine in chosen:
        try:
            versions[engine.title] = engine.find_version()
        except NotHadError as error:
            not_had[engine.title] = str(error)
    had = [engine for engine in chosen if engine.title in versions]
    truth, found = run_minute(had) if had else ({}, {})
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {len(HOSTS)} hosts, {_SECONDS:.0f} seconds")
    is_good = bool(had)
    for engine in had:
        print(f"\n{engine.title}, {versions[engine.title]}")
        is_good &= print_table(
            truth, found[engine.title], joins_percentiles=engine.joins_percentiles
        )
    print("\nNot had:")
    for title, reason in not_had.items():
        print(f"  {title}: {reason}")
    return 0 if is_good else 1


def run_minute(
    engines: Sequence[Engine],
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Send the minute to servers in front of every engine; return truth and answers."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="engines-"))
        )
        running: dict[str, Running] = {}
        views: dict[str, list[int]] = {}
        ports: list[list[int]] = [[] for _ in HOSTS]
        for number, engine in enumerate(engines):
            own = folder / str(number)
            own.mkdir()
            running[engine.title] = stack.enter_context(engine.run(own))
            for host, of_host in zip(HOSTS, ports, strict=True):
                port, http = choose_port(), choose_port()
                environ = running[engine.title].environ
                stack.enter_context(serve(port, http, host, environ, own))
                of_host.append(port)
                views.setdefault(engine.title, []).append(http)
        minute = Minute(ports)
        # From the start of an interval, so that all of it lies in whole ones.
        time.sleep(_INTERVAL - time.time() % _INTERVAL + 0.5)
        end = round(time.time() - 0.5) + int(_SECONDS)
        outage = threading.Thread(target=interrupt, args=(list(running.values()),))
        outage.start()
        minute.send(_SECONDS - 2)
        outage.join()
        time.sleep(_SETTLE_SECONDS)
        return {**describe(minute.truth), LOST: 0.0}, {
            title: {
                **one.ask(end),
                LOST: float(sum(map(count_lost, views[title]))),
            }
            for title, one in running.items()
        }


def count_lost(http: int) -> int:
    """Ask a server of ours how many points it gave up."""
    ledger = httpx2.get(f"http://127.0.0.1:{http}/ledger", timeout=10).json()
    return sum(
        sum(sink["refused"].values())
        + sum(sink[name] for name in ("evicted", "oversize", "abandoned", "spool_gone"))
        for sink in ledger["sinks"]
    )


def serve(
    port: int, http: int, host: str, environ: Mapping[str, str], folder: Path
) -> Process:
    """Make a server of ours, whose host is *host*, with its pages at *http*."""
    return Process(
        [sys.executable, "-m", "statsd_trio", "serve"],
        f"http://127.0.0.1:{http}/healthz",
        folder / f"{host}.log",
        {
            **os.environ,
            "DD_DOGSTATSD_PORT": str(port),
            "DD_HOSTNAME": host,
            "STATSD_TRIO_HTTP": f"127.0.0.1:{http}",
            "STATSD_TRIO_SELF_METRICS": "false",
            **environ,
        },
    )


def interrupt(engines: Sequence[Running]) -> None:
    """Stop each engine in the middle of the minute."""
    begin, end = _OUTAGE
    time.sleep(begin)
    for engine in engines:
        engine.stopped.stop()
    time.sleep(end - begin)
    for engine in engines:
        engine.stopped.start()


def describe(truth: Truth) -> dict[str, float]:
    """Return the figures that an engine should have."""
    figures = {
        "counter": truth.counts["shop.hits"],
        "gauge": sum(truth.gauges.values()),
    }
    for word, name in (
        ("distribution", "shop.latency"),
        ("histogram", "shop.size"),
        ("timer", "shop.timer"),
    ):
        figures[f"{word} count"] = len(truth.values[name])
        figures[f"{word} sum"] = sum(truth.values[name])
        figures[f"{word} p95"] = truth.find_percentile(name, PERCENTILE)
    return figures


def print_table(
    truth: Mapping[str, float],
    figures: Mapping[str, float],
    *,
    joins_percentiles: bool,
) -> bool:
    """Print what was sent and what came; return whether they agree."""
    print(f"  {'':20} {'sent':>14} {'received':>14} {'ratio':>8}")
    is_good = True
    for name, sent in truth.items():
        got = figures.get(name)
        if got is None:
            print(f"  {name:20} {sent:14.3f} {'-':>14}")
            continue
        ratio = got / sent if sent else 1.0 + got
        allowed = 1e-9
        if name.endswith("p95"):
            allowed = 0.02 if joins_percentiles else math.inf
        is_good &= abs(ratio - 1) <= allowed
        print(f"  {name:20} {sent:14.3f} {got:14.3f} {ratio:8.4f}")
    return is_good


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
