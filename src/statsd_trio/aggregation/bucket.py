"""What one interval has aggregated, by type and context."""

from statsd_trio.aggregation.context import Context
from statsd_trio.aggregation.metrics import Histogram
from statsd_trio.aggregation.sketch import QuantileSketch


class Bucket:
    """What one interval has aggregated so far.

    Attributes:
        start: unix seconds.
        is_used: samples came, though all of them may turn out bad.
        histograms: of timers too.
        set_values: how many different ones all sets hold.
    """

    __slots__ = (
        "counters",
        "gauges",
        "histograms",
        "is_used",
        "set_values",
        "sets",
        "sketches",
        "start",
    )

    def __init__(self, start: int) -> None:
        self.start = start
        self.is_used = False
        self.counters: dict[Context, float] = {}
        self.gauges: dict[Context, float] = {}
        self.sets: dict[Context, set[str]] = {}
        self.histograms: dict[Context, Histogram] = {}
        self.sketches: dict[Context, QuantileSketch] = {}
        self.set_values = 0
