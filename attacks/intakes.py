"""Run mock intakes in a process of their own, and read what they received."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from benchmarks.child import ChildProcess

_PATIENCE_SECONDS: Final = 60.0

Script = Sequence[Mapping[str, Any]]


@attrs.frozen
class Received:
    """What one intake has received so far.

    Attributes:
        statuses: of each route, how often each status was answered.
        points: of each route, how many points were received.
        values: the sum of all counts, by the first two parts of their names.
    """

    statuses: Mapping[str, Mapping[str, int]]
    points: Mapping[str, int]
    values: Mapping[str, float]

    def count_points(self) -> int:
        """Return the points of all routes."""
        return sum(self.points.values())


class Intakes:
    """Mock intakes, each with a script."""

    def __init__(self, scripts: Iterable[Script]) -> None:
        """Start them.

        A script is a list of rules, in the form that the mock intake reads.
        """
        self._child = ChildProcess(
            "attacks.children.intake", {"scripts": [[*script] for script in scripts]}
        )
        self.urls: list[str] = self._child.read(_PATIENCE_SECONDS)["urls"]

    def read(self) -> list[Received]:
        """Ask what each received so far."""
        return self._ask("{}")

    def play(self, script: Script) -> None:
        """Begin another script in the first of them."""
        self._ask(json.dumps({"play": script}))

    def _ask(self, order: str) -> list[Received]:
        self._child.write(order + "\n")
        told = self._child.read(_PATIENCE_SECONDS)
        return [Received(**tally) for tally in told["tallies"]]

    def close(self) -> None:
        """End them."""
        self._child.close()
