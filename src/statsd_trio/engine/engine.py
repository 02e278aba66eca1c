"""The interface of an engine, which is the hot path, and of the buckets it closes.

An engine knows which context the text of a line belongs to, and aggregates the values
of the open bucket. There are two engines with equal results: `PlainEngine` is written
to be read, and the native one to be fast. If they ever differ, the native one is wrong.

A *head* is a line without its value: ``name:``, and everything from the first ``|``
after it. The head decides type, tags and sample rate, and therefore the context.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from statsd_trio.engine.context import Context

# A small value divided by this rate is still not a large one. Lines with a smaller rate
# are rare, and are parsed each time.
MIN_LEARNT_RATE: Final = 1e-4

# The figures of a sketch: count, min, max, sum, average, keys, counts.
SketchFigures = tuple[int, float, float, float, float, tuple[int, ...], tuple[int, ...]]


# What `Engine.take` did by itself: how many lines it added, how many good lines the
# rules filter, and how many values the added lines had.
Taken = tuple[int, int, int]


class EngineError(Exception):
    """An engine failed in the middle of a call, because of a mistake in its own code.

    Attributes:
        taken: how much was done before the failure. After `Engine.take`, this is what
            it would have returned so far; after `Engine.add`, only the last number
            counts, which is how many values were dealt with.
    """

    def __init__(
        self, message: str, metrics: int = 0, filtered: int = 0, values: int = 0
    ) -> None:
        super().__init__(message)
        self.taken: Taken = (metrics, filtered, values)


class ClosedBucket(Protocol):
    """What was aggregated during one interval. Each type can be walked once.

    Each ``take_`` method takes out up to *limit* contexts, with the last second in
    which each was used, and returns an empty list when none are left. It returns after
    about a millisecond at most, with fewer contexts if necessary.
    """

    def take_counters(self, limit: int) -> Sequence[tuple[Context, int, float]]:
        """Take out counters with their totals."""
        ...

    def take_gauges(self, limit: int) -> Sequence[tuple[Context, int, float]]:
        """Take out gauges with their last values."""
        ...

    def take_sets(self, limit: int) -> Sequence[tuple[Context, int, int]]:
        """Take out sets with how many different values they have, which may be 0."""
        ...

    def take_histograms(
        self, limit: int
    ) -> Sequence[tuple[Context, int, Sequence[float]]]:
        """Take out histograms and timers with their aggregates, then their percentiles.

        The figures of a histogram are empty if none of its values could be kept.
        """
        ...

    def take_sketches(self, limit: int) -> Sequence[tuple[Context, int, SketchFigures]]:
        """Take out distributions with their sketches, whose count may be 0."""
        ...

    def free(self, limit: int) -> bool:
        """Free up to *limit* of the contexts taken out.

        Return True while more remain.
        """
        ...


class Engine(Protocol):
    """Remembers heads, and fills one bucket after the other.

    The results are as if values were added one by one in the order in which they
    arrived.
    """

    @property
    def name(self) -> str:
        """The engine's name in the log and the ledger."""
        ...

    @property
    def condensed(self) -> int:
        """How many histogram values were only kept to a sketch's precision so far."""
        ...

    @property
    def is_used(self) -> bool:
        """Whether the open bucket got a sample, even if all of it was dropped."""
        ...

    @property
    def memory_used(self) -> tuple[int, int, int]:
        """The estimated bytes that heads, strings of sets, and values take.

        Values are those of histograms, timers and distributions. The values of a closed
        bucket are counted until they are taken out.
        """
        ...

    def limit_memory(self, heads: int, sets: int, values: int) -> None:
        """Set how many bytes heads, strings of sets, and values may take from now on.

        What is stored already stays. Beyond the limit, a head is not kept, and a new
        string of a set, or a value, is dropped for the reason ``memory``.
        """
        ...

    def take(self, chunk: bytes, give_back: Callable[[bytes], None]) -> Taken:
        """Add every line of *chunk* whose head is known and whose values are good.

        Args:
            chunk: whole lines separated by newlines, a few KiB at most.
            give_back: called in order with each other line that is not empty. It may
                call this same engine, and must not raise.
        """
        ...

    def learn(
        self, line: bytes, kind: int, context: Context | None, sample_rate: float
    ) -> None:
        """Add lines with the head of *line* to *context* from now on.

        A head is kept the second time it is seen, as long as there is room. It is
        forgotten when it was not used for 30 to 60 seconds.

        Args:
            line: a good line without a timestamp, with one value or several.
            kind: an index into `TYPES`, which says how the values are read.
            context: None if the rules filter the line.
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
        """Give all lines of *context* back from now on, even if their head is known."""
        ...

    def is_filled(self, context: Context) -> bool:
        """Return whether the open bucket has anything of *context*."""
        ...

    def forget(self, context: Context) -> None:
        """Stop adding lines to *context*, which has left the table.

        The open bucket must not have anything of it. Lines with its heads are given
        back from now on.
        """
        ...

    def forget_heads(self) -> None:
        """Forget every head, for example because the rules have changed."""
        ...

    def advance(self, now: float) -> None:
        """Set the time of use, in unix seconds, for whatever is added from now on."""
        ...

    def tidy(self) -> bool:
        """Do a small part of the work that was put off.

        Return True while more remains.
        """
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
        """Make an engine with its first bucket open.

        Args:
            aggregates: the aggregates of histograms: any of min, max, median, avg, sum
                and count.
            percentiles: the percentiles of histograms, in percent.
            count_divisor: what the count of a histogram is divided by.
            max_heads: how many heads are kept; 0 for none.
            max_set_values: how many different values all sets of a bucket may have
                together.
            max_bin_count: the greatest count of one bin of a sketch.
        """
        ...
