"""Gauges: the last value of a bucket is kept.

Source: datadog-agent, pkg/metrics/gauge.go.
"""

from statsd_trio.engine.accumulators import NO_TICK, Accumulators
from statsd_trio.engine.context import Context
from statsd_trio.engine.value_text import read_number, read_numbers


class Gauge:
    """The last value of one gauge in one bucket."""

    __slots__ = ("context", "last_seen", "tick", "value")

    def __init__(self, context: Context) -> None:
        self.context = context
        self.last_seen = 0
        self.tick = NO_TICK
        self.value = 0.0


class GaugeHead:
    """Keeps the last value of all lines that share one head."""

    __slots__ = ("_context", "_gauge", "_gauges")

    def __init__(self, gauges: Accumulators[Gauge], context: Context) -> None:
        self._gauges = gauges
        self._context = context
        self._gauge = gauges.blank

    def add_text(self, text: bytes) -> int:
        """Keep the last of the values in *text*; return how many there are.

        Raises:
            ValueError: if any value is in doubt; then nothing changes.
        """
        values = read_numbers(text) if b":" in text else [read_number(text)]
        gauge = self._gauge
        if gauge.tick != self._gauges.tick:
            gauge = self._gauge = self._gauges.renew(self._context)
        gauge.value = values[-1]
        return len(values)
