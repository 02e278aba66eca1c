"""Print and keep what a benchmark or an attack finds: progress, tables, JSON."""

import argparse
import json
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
import trio

from benchmarks.processes import ENGINES, Outcome


def make_parser(
    name: str, description: str | None, runs: int = 3
) -> argparse.ArgumentParser:
    """Make the parser of the options that every benchmark knows."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks {name}", description=description
    )
    parser.add_argument("--runs", type=int, default=runs, help="of each case")
    parser.add_argument("--json", type=Path, help="add the results to this file")
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        action="append",
        help="which of our engines (default: all that are installed)",
    )
    parser.add_argument(
        "--against",
        type=Path,
        action="append",
        metavar="CHECKOUT",
        help="another checkout of this project, with an environment in .venv, whose "
        "server runs in turn with ours over UDP; of burst, steady, flood and lossless",
    )
    return parser


def describe_machine() -> str:
    """Name the machine, its Python and the limits that decide the figures."""
    parts = [
        f"{platform.system()} {platform.release()}",
        _find_processor(),
        f"{os.cpu_count()} CPUs",
        f"{platform.python_implementation()} {platform.python_version()}",
        f"trio {trio.__version__}",
    ]
    for setting in ("net/core/rmem_max", "net/unix/max_dgram_qlen"):
        path = Path("/proc/sys", setting)
        if path.exists():
            parts.append(f"{path.name} {path.read_text().strip()}")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0
    parts.append(f"load {load:.2f} before")
    return ", ".join(parts)


def _find_processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


class Journal:
    """Keeps what one benchmark has found, and prints it."""

    def __init__(
        self, name: str, options: argparse.Namespace, program: str = "benchmarks NAME"
    ) -> None:
        program = program.replace("NAME", name)
        self._name = name
        self._json: Path | None = options.json
        self._kept: dict[str, Any] = {
            "machine": describe_machine(),
            "command": shlex.join(["python", "-m", *program.split(), *sys.argv[1:]]),
            "results": [],
        }
        self._problems: list[str] = []
        print(f"\n{name}: {self._kept['machine']}")
        print(f"{self._kept['command']}", flush=True)

    def tell(self, progress: str) -> None:
        """Show the progress."""
        if sys.stderr.isatty():
            print(f"\r\x1b[K{progress}", end="", file=sys.stderr, flush=True)
        else:
            print(progress, file=sys.stderr, flush=True)

    def keep(self, case: str, found: object) -> None:
        """Keep a result for the file."""
        if isinstance(found, Outcome):
            for problem in found.problems:
                self.complain(f"{case}, {found.server}: {problem}")
            found = {
                **attrs.asdict(found),
                "lines_lost": found.lines_lost,
                "taken_per_second": found.taken_per_second,
            }
        self._kept["results"].append({"case": case, "found": found})

    def complain(self, problem: str) -> None:
        """Show something that must not happen.

        The benchmark fails because of it at its end.
        """
        self._problems.append(problem)
        print(f"\n{problem}", file=sys.stderr, flush=True)

    def print_table(
        self, title: str, header: Sequence[str], rows: Iterable[Sequence[str]]
    ) -> None:
        """Print a table, the first column to the left, the others to the right."""
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        table = [header, *rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        print(f"\n{title}")
        for row in table:
            first, *others = (
                cell.rjust(width) if index else cell.ljust(width)
                for index, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            print("  ".join([first, *others]).rstrip())
        print(flush=True)

    def close(self) -> None:
        """Write the file if one was asked for; results of other benchmarks stay in it.

        Raises:
            SystemExit: if there was something to complain of.
        """
        if self._json is not None:
            known = json.loads(self._json.read_text()) if self._json.exists() else {}
            known[self._name] = self._kept
            self._json.write_text(json.dumps(known, indent=1) + "\n")
        if self._problems:
            sys.exit("\n".join([f"{self._name} failed:", *self._problems]))


def format_lost(outcomes: Sequence[Outcome]) -> tuple[str, str, str]:
    """Describe lost lines: median and worst, the median in percent, and where."""
    lost = [outcome.lines_lost for outcome in outcomes]
    median = statistics.median(lost)
    share = statistics.median(
        outcome.lines_lost / max(outcome.lines_sent, 1) for outcome in outcomes
    )
    places: list[str] = []
    dropped = [outcome.report.kernel_dropped or 0 for outcome in outcomes]
    if any(dropped):
        places.append(f"kernel {statistics.median(dropped):.0f} packets")
    rejected = sum(sum(outcome.report.rejected.values()) for outcome in outcomes)
    refused = sum(sum(outcome.report.refused.values()) for outcome in outcomes)
    gave_up = sum(sent.refused for outcome in outcomes for sent in outcome.sent)
    for count, place in (
        (rejected, "rejected"),
        (refused, "refused"),
        (gave_up, "sender gave up"),
    ):
        if count:
            places.append(f"{place} {count / len(outcomes):.0f}")
    return f"{median:.0f} ({max(lost)})", f"{share:.2%}", ", ".join(places) or "-"


def format_spread(values: Sequence[float], digits: int = 2) -> str:
    """Show the median and, if there are several runs, the smallest and the greatest."""
    shown = f"{statistics.median(values):,.{digits}f}"
    if len(values) == 1:
        return shown
    return f"{shown} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"
