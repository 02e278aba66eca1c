"""The bucket that is being filled, and the lanes that lead into it.

A cell is opened by a value that was found good, so a counter that is opened has
something to send.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from statsd_trio.aggregation.adder import Adder
from statsd_trio.aggregation.bucket import Bucket
from statsd_trio.aggregation.cells import Cell
from statsd_trio.aggregation.context import COUNTER, GAUGE, SET, TYPES, Context
from statsd_trio.aggregation.conversion import is_any_large
from statsd_trio.aggregation.folder import Folder, Report
from statsd_trio.aggregation.lane import Lane

# Source: datadog-agent, pkg/metrics/gauge.go and set.go.
_RATELESS: Final = frozenset({GAUGE, SET})

# Sample rates of one type that may have a lane: no client uses many, and each fold
# looks at all of them.
MAX_LANES: Final = 16

# Down to it a small value divided by the rate is no large one, and no bucket lasts long
# enough for more of them than a sketch may count.
_MIN_LANE_RATE: Final = 1e-4

# Where more values of one context and sample rate may go: the cell to the end of the
# lane's cells and the raw value to the end of its raws, as long as
# `OpenBucket.generation` is what it was when the slot was handed out.
Slot = tuple[Lane, Cell]


class OpenBucket:
    """Fills one bucket after the other.

    Attributes:
        bucket: the one that is filled.
        generation: goes up whenever the slots handed out are dead.
    """

    def __init__(self, start: int, adder: Adder, report: Report) -> None:
        self.bucket = Bucket(start)
        self.generation = 0
        self._adder = adder
        self._folder = Folder(adder, report)
        self._lanes: list[dict[float, Lane]] = [{} for _ in TYPES]
        self._folding: Iterator[None] | None = None

    def put(
        self,
        context: Context,
        sample_rate: float,
        raw: bytes,
        values: Sequence[float] | Sequence[str],
        now: float,
    ) -> Slot | None:
        """Take one good value; None where the next of its text must be put as well.

        Args:
            raw: as it was sent.
            values: what `read_values` made of it.
        """
        if context.kind in _RATELESS:
            sample_rate = 1.0
        lane = self._find_lane(context, sample_rate, values)
        if lane is None:
            self.add(context, sample_rate, values, now)
            return None
        self._touch(context, now)
        if context.kind == COUNTER:
            context.last_counted = now
        cell = self.bucket.open_cell(context, sample_rate)
        lane.add_cell(cell)
        lane.add_raw(raw)
        return lane, cell

    def add(
        self,
        context: Context,
        sample_rate: float,
        values: Sequence[float] | Sequence[str],
        now: float,
    ) -> None:
        """Add good *values* past the lanes."""
        self._touch(context, now)
        kind = context.kind
        if kind == SET:
            for value in values:
                self._adder.add_string(self.bucket, context, str(value).encode())
            return
        numbers = [float(value) for value in values]
        if kind == GAUGE and not context.is_contested:
            waiting = self._lanes[GAUGE].get(1.0)
            if waiting is not None and waiting.raws:
                self.fold()  # since those came before
        is_taken = self._adder.add_numbers(self.bucket, context, numbers, sample_rate)
        if kind == COUNTER and is_taken:
            context.last_counted = now

    def fold_some(self) -> bool:
        """Do a slice of folding; True while more may remain.

        That is 0.5 ms of single values, up to 3 ms of packed or bad ones, or one run
        that is full.
        """
        if self.bucket.full_runs:
            self._adder.settle(self.bucket, self.bucket.full_runs.pop())
            return True
        return self._fold_slice() or bool(self.bucket.full_runs)

    def fold(self) -> None:
        """Fold all that waits, at once; runs that are full stay so."""
        # Something may have come since one was left half done.
        while self._folding is not None:
            self._fold_slice()
        while self._fold_slice():
            pass

    def seal(self) -> None:
        """Fold what waits; every slot handed out is dead."""
        self.fold()
        self._lanes = [{} for _ in TYPES]
        self.generation += 1

    def _fold_slice(self) -> bool:
        if self._folding is None:
            lanes = [lane for lanes in self._lanes for lane in lanes.values()]
            self._folding = self._folder.fold(self.bucket, lanes)
        if next(self._folding, self) is None:
            return True
        self._folding = None
        return False

    def _touch(self, context: Context, now: float) -> None:
        """Note that a good line came for *context*."""
        start = self.bucket.start
        self.bucket.is_used = True
        context.last_seen = now
        context.filled = start
        if context.relations is not None and context.relations.copy is not None:
            context.relations.copy.last_seen = now
            context.relations.copy.filled = start

    def _find_lane(
        self,
        context: Context,
        sample_rate: float,
        values: Sequence[float] | Sequence[str],
    ) -> Lane | None:
        """Find or make the lane for *values*; None where they are added by themselves.

        That is where it counts which of two types came first, where a sum may become
        too large, and for rates that are too many or too small.
        """
        kind = context.kind
        if context.is_contested or (kind not in _RATELESS and is_any_large(values)):
            return None
        lanes = self._lanes[kind]
        lane = lanes.get(sample_rate)
        if lane is None and sample_rate >= _MIN_LANE_RATE and len(lanes) < MAX_LANES:
            lane = lanes[sample_rate] = Lane(kind, sample_rate)
        return lane
