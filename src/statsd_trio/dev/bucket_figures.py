"""Record the figures of a closed bucket in the history of each of its contexts."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from statsd_trio.dev.history import BAND_BYTES, VALUE_BYTES
from statsd_trio.dev.memory import Memory
from statsd_trio.dev.metrics import Track
from statsd_trio.engine.context import COUNTER, GAUGE, SET

_STEP_CONTEXTS: Final = 200


# The contexts in *bucket* are the ones that were added, which its type cannot express.
def note_bucket(
    bucket: Any, start: int, memory: Memory, *, is_fine: bool
) -> Iterator[None]:
    """Record what *bucket*, which began at *start*, has of each context, and free it.

    Yields after each small step.

    Args:
        bucket: a closed bucket, whose contexts are `TrackedContext`.
        start: unix seconds.
        memory: counts the points.
        is_fine: whether it is the bucket of one second; the last values of metrics are
            taken from these.
    """
    kinds = (
        (COUNTER, bucket.take_counters),
        (GAUGE, bucket.take_gauges),
        (SET, bucket.take_sets),
    )
    for kind, take in kinds:
        while taken := take(_STEP_CONTEXTS):
            if not is_fine:
                noted = _note_values(taken, start)
            elif kind == COUNTER:
                noted = _note_counts(taken, start)
            else:
                noted = _note_values(taken, start, kind)
            memory.points += noted * VALUE_BYTES
            yield
    while rows := bucket.take_histograms(_STEP_CONTEXTS):
        noted = _note_bands(rows, start, is_fine=is_fine)
        memory.points += noted * BAND_BYTES
        yield
    while bucket.free(1000):
        yield


# These functions handle ten thousand contexts a second, and return how many points they
# added.


def _note_values(
    taken: Sequence[tuple[Any, int, float]], start: int, kind: int = -1
) -> int:
    """Record the figure of each context.

    With *kind* it also becomes the last figure of the metric.
    """
    noted = 0
    for context, _, value in taken:
        track: Track | None = context.track
        if track is not None:
            context.add_time(start)
            context.add_values(value)
            noted += 1
            if kind >= 0:
                metric = track.metric
                metric.last = value
                metric.last_kind = kind
    return noted


def _note_counts(taken: Sequence[tuple[Any, int, float]], start: int) -> int:
    """Record the figure of each counter, and the sum for each metric."""
    noted = 0
    for context, _, value in taken:
        track: Track | None = context.track
        if track is not None:
            context.add_time(start)
            context.add_values(value)
            noted += 1
            metric = track.metric
            if metric.last_start == start and metric.last_kind == COUNTER:
                metric.last = (metric.last or 0.0) + value
            else:
                metric.last = value
                metric.last_kind = COUNTER
                metric.last_start = start
    return noted


def _note_bands(
    taken: Sequence[tuple[Any, int, Sequence[float]]], start: int, *, is_fine: bool
) -> int:
    """Record the figures of some histograms, timers or distributions."""
    noted = 0
    for context, _, row in taken:
        track: Track | None = context.track
        # A row is empty if no value could be kept.
        if track is not None and row:
            greatest, count, p50, p95, p99 = row
            context.add_time(start)
            context.add_values((count, p50, p95, p99, greatest))
            noted += 1
            if is_fine:
                metric = track.metric
                metric.last = p50
                metric.last_greatest = greatest
                metric.last_kind = track.kind
    return noted
