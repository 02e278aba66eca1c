"""The one interface of the hot path, and what it gives back.

An engine knows which series the text of a line belongs to, and holds what the open
bucket has aggregated. There are two that give the same results: `PlainEngine`, written
to be read, and a native one, written to be fast. Where they differ the native one is
wrong.

A *head* is a line without its value: ``name:``, and what follows the first ``|`` after
it. It decides type, tags and sample rate, so it decides the context.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from statsd_trio.engine.context import Context

# A small value divided by such a rate is still no large one. Lines of smaller rates are
# rare, and parsed each time.
MIN_LEARNT_RATE: Final = 1e-4

# Of a sketch: count, min, max, sum, average, keys, counts.
SketchFigures = tuple[int, float, float, float, float, tuple[int, ...], tuple[int, ...]]


# What `Engine.take` did by itself: how many lines it added, how many good ones the
# rules filter, and how many values those had that were added.
Taken = tuple[int, int, int]


class EngineError(Exception):
    """An engine broke off in the middle of a call: a mistake of ours.

    Attributes:
        taken: what of the chunk was taken before, where the call was `Engine.take`; the
            last number counts the values dealt with before, where it was `Engine.add`.
    """

    def __init__(
        self, message: str, metrics: int = 0, filtered: int = 0, values: int = 0
    ) -> None:
        super().__init__(message)
        self.taken: Taken = (metrics, filtered, values)


class ClosedBucket(Protocol):
    """What one interval has aggregated, to be walked once, type by type.

    Each ``take_`` method takes up to *limit* contexts out, with the last second in
    which each was used, and returns an empty list once there are no more. It returns
    after about a millisecond at most, with fewer contexts if need be.
    """

    def take_counters(self, limit: int) -> Sequence[tuple[Context, int, float]]:
        """Take counters with their totals."""
        ...

    def take_gauges(self, limit: int) -> Sequence[tuple[Context, int, float]]:
        """Take gauges with their last values."""
        ...

    def take_sets(self, limit: int) -> Sequence[tuple[Context, int, int]]:
        """Take sets with the number of their different values, which may be 0."""
        ...

    def take_histograms(
        self, limit: int
    ) -> Sequence[tuple[Context, int, Sequence[float]]]:
        """Take histograms and timers with the aggregates, then the percentiles.

        There are none where no value could be kept.
        """
        ...

    def take_sketches(self, limit: int) -> Sequence[tuple[Context, int, SketchFigures]]:
        """Take distributions with their sketches; the count may be 0."""
        ...

    def free(self, limit: int) -> bool:
        """Free up to *limit* of what was taken; True while more remains."""
        ...


class Engine(Protocol):
    """Knows heads, and fills one bucket after the other.

    Values go in one by one in the order of their arrival, as far as one can tell from
    the results.
    """

    @property
    def name(self) -> str:
        """What the log and the ledger call it."""
        ...

    @property
    def condensed(self) -> int:
        """Values of histograms kept to a sketch's precision only, since the start."""
        ...

    @property
    def is_used(self) -> bool:
        """Whether the open bucket got a sample, even if all of it was dropped."""
        ...

    @property
    def memory_used(self) -> tuple[int, int, int]:
        """Bytes that heads, strings of sets, and values take, by its own estimate.

        Values are those of histograms, timers and distributions. What a closed bucket
        holds counts until it is taken out.
        """
        ...

    def limit_memory(self, heads: int, sets: int, values: int) -> None:
        """Let each of them take at most so many bytes from now on.

        What is there stays. A head beyond it is not kept; a new string of a set, or a
        value, is dropped for the reason ``memory``.
        """
        ...

    def take(self, chunk: bytes, give_back: Callable[[bytes], None]) -> Taken:
        """Add every line of *chunk* whose head is known and whose values are good.

        Args:
            chunk: whole lines, with a newline between two; a few KiB at most.
            give_back: called, at its place in the order, with each other line that is
                not empty. It may use this very engine, and raises nothing.
        """
        ...

    def learn(
        self, line: bytes, kind: int, context: Context | None, sample_rate: float
    ) -> None:
        """Let lines with the head of *line* go to *context* from now on.

        A head is kept from its second sight on, as long as there is room, and forgotten
        when it was not used for 30 to 60 seconds.

        Args:
            line: a good one, of one value or several, without a timestamp.
            kind: an index into `TYPES`: how the values are read.
            context: None where the rules filter the line.
            sample_rate: at least `MIN_LEARNT_RATE`; gauges and sets ignore it.
        """
        ...

    def add(
        self,
        context: Context,
        values: Sequence[float] | Sequence[bytes],
        sample_rate: float,
    ) -> Mapping[str, int]:
        """Add finite numbers, or the UTF-8 strings of a set, to *context*.

        Returns:
            How many values could not be added, by reason.
        """
        ...

    def require_exact(self, context: Context) -> None:
        """Give lines of *context* back from now on, even if their head is known."""
        ...

    def is_filled(self, context: Context) -> bool:
        """Return whether the open bucket holds something of *context*."""
        ...

    def forget(self, context: Context) -> None:
        """Give lines of *context* back for ever: it left the table.

        The open bucket must not hold anything of it.
        """
        ...

    def forget_heads(self) -> None:
        """Forget every head, as when the rules change."""
        ...

    def advance(self, now: float) -> None:
        """Note the time, in unix seconds: what is added from now on is used then."""
        ...

    def tidy(self) -> bool:
        """Do a small piece of the work that was put off; True while more remains."""
        ...

    def close(self) -> ClosedBucket:
        """Close the open bucket and open the next one, in constant time."""
        ...


class MakeEngine(Protocol):
    """Makes an engine."""

    def __call__(
        self,
        *,
        aggregates: tuple[str, ...],
        percentiles: tuple[int, ...],
        count_divisor: float,
        max_heads: int,
        max_set_values: int,
        max_bin_count: int,
    ) -> Engine:
        """Open the first bucket.

        Args:
            aggregates: of histograms: any of min, max, median, avg, sum and count.
            percentiles: of histograms, in percent.
            count_divisor: what the count of a histogram is divided by.
            max_heads: that are kept; 0 for none.
            max_set_values: over all sets of one bucket.
            max_bin_count: of one bin of a sketch.
        """
        ...
