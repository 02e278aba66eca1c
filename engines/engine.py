"""What an engine is here: a process, how servers reach it, and how it is asked."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import attrs
import httpx2

from engines.processes import Process

PERCENTILE = 0.95


@attrs.frozen
class Running:
    """An engine that runs.

    Attributes:
        stopped: what is stopped in the middle of the minute, and started again.
        environ: what a server is told to send there.
        ask: returns what the engine has, by the name of a figure, at a time.
    """

    stopped: Process
    environ: Mapping[str, str]
    ask: "Ask"


class Ask(Protocol):
    """Asks an engine for the figures of the minute that ended at *end*."""

    def __call__(self, end: int) -> dict[str, float]:
        """Return the figures that it has; what it lacks is left out."""
        ...


class Engine(Protocol):
    """An engine, and a way into it.

    Attributes:
        title: as in the table.
        joins_percentiles: whether those over two hosts are to be right.
    """

    title: str
    joins_percentiles: bool

    def find_version(self) -> str:
        """Find the program, building it if need be, and return its version."""
        ...

    @contextmanager
    def run(self, folder: Path) -> Iterator[Running]:
        """Run it in *folder* until the block is left."""
        ...


def query(url: str, queries: Mapping[str, str], end: int) -> dict[str, float]:
    """Ask an API like that of Prometheus for one number each."""
    figures: dict[str, float] = {}
    for name, text in queries.items():
        answer = httpx2.get(
            f"{url}/api/v1/query",
            params={"query": text, "time": str(end), "nocache": "1"},
            timeout=10,
        )
        answer.raise_for_status()
        result = answer.json()["data"]["result"]
        if result:
            figures[name] = float(result[0]["value"][1])
    return figures
