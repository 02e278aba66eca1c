"""Counters: the values of a bucket are added up, each divided by its sample rate.

Source: datadog-agent, pkg/metrics/counter.go.
"""

from collections.abc import Sequence
from math import isfinite

from statsd_trio.engine.accumulators import NO_TICK, Accumulators
from statsd_trio.engine.context import Context
from statsd_trio.engine.sketch import weigh
from statsd_trio.engine.value_text import read_number, read_numbers


class Counter:
    """The total of one counter in one bucket."""

    __slots__ = ("context", "last_seen", "tick", "total")

    def __init__(self, context: Context) -> None:
        self.context = context
        self.last_seen = 0
        self.tick = NO_TICK
        self.total = 0.0

    def add(self, values: Sequence[float], sample_rate: float) -> int:
        """Add finite *values*.

        Return how many were dropped as too large for the total.
        """
        scale, _ = weigh(sample_rate)
        dropped = 0
        for value in values:
            total = self.total + value * scale
            if isfinite(total):
                self.total = total
            else:
                dropped += 1
        return dropped


class CounterHead:
    """Adds the values of all lines that share one head."""

    __slots__ = ("_context", "_counter", "_counters", "_scale")

    def __init__(
        self, counters: Accumulators[Counter], context: Context, sample_rate: float
    ) -> None:
        self._counters = counters
        self._context = context
        self._scale, _ = weigh(sample_rate)
        self._counter = counters.blank

    def add_text(self, text: bytes) -> int:
        """Add the values in *text*; return how many there are.

        Raises:
            ValueError: if any value is in doubt; then none is added.
        """
        if b":" in text:
            return self._add_packed(read_numbers(text))
        value = read_number(text)
        counter = self._counter
        if counter.tick != self._counters.tick:
            counter = self._counter = self._counters.renew(self._context)
        counter.total += value * self._scale
        return 1

    def _add_packed(self, values: list[float]) -> int:
        counter = self._counter
        if counter.tick != self._counters.tick:
            counter = self._counter = self._counters.renew(self._context)
        for value in values:
            counter.total += value * self._scale
        return len(values)
