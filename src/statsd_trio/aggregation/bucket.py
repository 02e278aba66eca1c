"""What one interval has aggregated, by type and context."""

from collections.abc import Iterator
from typing import Any, Final

from statsd_trio.aggregation.cells import Cell, Members, Run, Total
from statsd_trio.aggregation.context import (
    COUNTER,
    DISTRIBUTION,
    GAUGE,
    SET,
    Context,
)
from statsd_trio.aggregation.metrics import Histogram
from statsd_trio.aggregation.sketch import QuantileSketch

# Between two chances for others to run: some 0.3 ms.
FREED_AT_ONCE: Final = 512
STRINGS_FREED_AT_ONCE: Final = 8192


class Bucket:
    """What one interval has aggregated so far.

    Attributes:
        start: unix seconds.
        is_used: samples came, though all of them may have been refused.
        histograms: of timers too.
        runs: what waits to enter histograms and sketches, by sample rate.
        full_runs: those that are worth a pass.
        set_values: at least as many as all sets hold different strings.
    """

    __slots__ = (
        "_is_exact",
        "counters",
        "full_runs",
        "gauges",
        "histograms",
        "is_used",
        "runs",
        "set_values",
        "sets",
        "sketches",
        "start",
    )

    def __init__(self, start: int) -> None:
        self.start = start
        self.is_used = False
        self.counters: dict[Context, Total] = {}
        self.gauges: dict[Context, float] = {}
        self.sets: dict[Context, Members] = {}
        self.histograms: dict[Context, Histogram] = {}
        self.sketches: dict[Context, QuantileSketch] = {}
        self.runs: dict[float, dict[Context, Run]] = {}
        self.full_runs: list[Run] = []
        self.set_values = 0
        self._is_exact = True

    def open_cell(self, context: Context, sample_rate: float) -> Cell:
        """Find or make what takes values of *context* that have this rate."""
        kind = context.kind
        if kind == COUNTER:
            total = self.counters.get(context)
            if total is None:
                total = self.counters[context] = Total(context)
            return total
        if kind == GAUGE:
            return context
        if kind == SET:
            return self.open_members(context)
        return self.open_run(context, sample_rate)

    def open_members(self, context: Context) -> Members:
        """Find or make the strings of a set."""
        members = self.sets.get(context)
        if members is None:
            members = self.sets[context] = Members(context)
        return members

    def open_run(self, context: Context, sample_rate: float) -> Run:
        """Find or make what values of a histogram, timer or distribution wait in."""
        runs = self.runs.get(sample_rate)
        if runs is None:
            runs = self.runs[sample_rate] = {}
        run = runs.get(context)
        if run is None:
            run = runs[context] = Run(context, sample_rate)
            if context.kind != DISTRIBUTION and context not in self.histograms:
                # A rival must see who came first, though it is still empty.
                self.histograms[context] = Histogram()
        return run

    def reserve_strings(self, strings: int, limit: int, *, are_new: bool) -> bool:
        """Count *strings* as new ones if all sets then hold at most *limit*.

        Where they may have been there before, the count is too high from then on; only
        where the limit seems reached are the sets counted anew, which takes 3 ms for a
        hundred thousand.
        """
        if self.set_values + strings > limit and not self._is_exact:
            self.set_values = sum(
                [len(members.strings) for members in self.sets.values()]
            )
            self._is_exact = True
        if self.set_values + strings > limit:
            return False
        self.set_values += strings
        self._is_exact = self._is_exact and are_new
        return True

    def free(self) -> Iterator[None]:
        """Empty it little by little: a big one at once takes milliseconds."""
        for members in self.sets.values():
            if len(members.strings) > FREED_AT_ONCE:
                yield from _empty(members.strings, STRINGS_FREED_AT_ONCE)
        holders: tuple[dict[Context, Any], ...] = (
            self.counters,
            self.gauges,
            self.sets,
            self.histograms,
            self.sketches,
            *self.runs.values(),
        )
        for held in holders:
            yield from _empty(held, FREED_AT_ONCE)


def _empty(held: dict[Context, Any] | set[bytes], at_once: int) -> Iterator[None]:
    pop = held.popitem if isinstance(held, dict) else held.pop
    while held:
        for _ in range(min(len(held), at_once)):
            pop()
        yield
