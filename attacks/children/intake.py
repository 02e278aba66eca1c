"""Run mock intakes in one process, each with a script of its own, and count requests.

The order is ``{"scripts": [[rule, ...], ...]}``, a list of rules for each intake. The
first line out has their addresses. Then each line in is an order: ``{"play": rules,
"intake": number}`` begins another script, and ``{}`` asks for what came so far. The
end of the standard input ends the process.
"""

import json
import sys
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from typing import Any

import trio

from statsd_trio.mock_intake import (
    Attempt,
    ReceivedSeries,
    ReceivedType,
    Rule,
    open_mock_intake,
)


class Tally:
    """Counts of one intake.

    Attributes:
        statuses: of each route, how often each status was answered.
        points: of each route, how many points were received.
        values: the sum of all counts, by the first two parts of their names.
    """

    def __init__(self) -> None:
        self.statuses: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.points: Counter[str] = Counter()
        self.values: defaultdict[str, float] = defaultdict(float)

    def add(self, attempt: Attempt) -> None:
        """Count one request."""
        route = str(attempt.route)
        self.statuses[route][str(attempt.status or attempt.fault)] += 1
        if not attempt.is_received:
            return
        self.points[route] += attempt.count_points()
        for item in attempt.items:
            if isinstance(item, ReceivedSeries) and item.type is ReceivedType.COUNT:
                start = ".".join(item.name.split(".", 2)[:2])
                self.values[start] += sum(point.value for point in item.points)


async def _run(scripts: list[list[dict[str, Any]]]) -> None:
    tallies = [Tally() for _ in scripts]
    async with AsyncExitStack() as stack:
        intakes = [
            await stack.enter_async_context(
                open_mock_intake(
                    script=[Rule(**rule) for rule in script],
                    max_kept=1,
                    on_attempt=tally.add,
                )
            )
            for script, tally in zip(scripts, tallies, strict=True)
        ]
        _print({"urls": [intake.url for intake in intakes]})
        while line := await trio.to_thread.run_sync(sys.stdin.readline):
            order = json.loads(line)
            if "play" in order:
                intake = intakes[order.get("intake", 0)]
                intake.play([Rule(**rule) for rule in order["play"]])
            _print({"tallies": [vars(tally) for tally in tallies]})


def _print(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    trio.run(_run, json.loads(sys.argv[1])["scripts"])
