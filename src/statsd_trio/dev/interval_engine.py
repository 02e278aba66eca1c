"""An engine of the recorder, with buckets of a fixed number of seconds."""

from typing import Final

from statsd_trio.dev.metrics import Track, TrackedContext
from statsd_trio.engine.context import SET
from statsd_trio.engine.engine import ClosedBucket, Engine, MakeEngine
from statsd_trio.protocol.messages import Sample

# What each engine may take besides the history.
_HEAD_BYTES: Final = 32 * 1024 * 1024
_SET_BYTES: Final = 8 * 1024 * 1024
_VALUE_BYTES: Final = 16 * 1024 * 1024
_MAX_HEADS: Final = 200_000
_MAX_SET_VALUES: Final = 100_000
_MAX_BIN_COUNT: Final = 2**32 - 1


class IntervalEngine:
    """Measures with an engine whose buckets last *step* seconds.

    Attributes:
        index: the index of its contexts in the contexts of a `Track`.
        start: the start of the open bucket, in unix seconds.
    """

    def __init__(
        self, make_engine: MakeEngine, index: int, step: int, now: float
    ) -> None:
        self.index = index
        self.step = step
        self.engine: Engine = make_engine(
            aggregates=("max", "count"),
            percentiles=(50, 95, 99),
            count_divisor=1.0,
            max_heads=_MAX_HEADS,
            max_set_values=_MAX_SET_VALUES,
            max_bin_count=_MAX_BIN_COUNT,
        )
        self.engine.limit_memory(_HEAD_BYTES, _SET_BYTES, _VALUE_BYTES)
        self.engine.advance(now)
        self.start = self.find_start(now)
        # Contexts that are forgotten, but may have values in the open bucket.
        self._forgotten: list[TrackedContext] = []

    def find_start(self, now: float) -> int:
        """Return the start of the bucket of *now*."""
        return int(now) // self.step * self.step

    def forget(self, context: TrackedContext) -> None:
        """Stop adding lines to *context*; they are given back from now on."""
        context.track = None
        if self.engine.is_filled(context):
            self._forgotten.append(context)
        else:
            self.engine.forget(context)

    def close(self, now: float) -> ClosedBucket:
        """Close the bucket, and open that of *now*."""
        bucket = self.engine.close()
        for context in self._forgotten:
            self.engine.forget(context)
        self._forgotten = []
        self.start = self.find_start(now)
        self.engine.advance(now)
        return bucket

    def add(self, track: Track, sample: Sample) -> None:
        """Add the values of *sample* one by one, without learning its line."""
        values = (
            [str(value).encode() for value in sample.values]
            if track.kind == SET
            else [float(value) for value in sample.values]
        )
        self.engine.add(track.contexts[self.index], values, sample.sample_rate)
