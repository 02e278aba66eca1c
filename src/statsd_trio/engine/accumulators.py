"""Hold what the open bucket has aggregated of one metric type."""

from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from statsd_trio.engine.context import Context
from statsd_trio.engine.value_text import InDoubt

# Marks for `Context.handle`, with which an engine of this kind notes how to treat a
# context.
EXACT_ONLY: Final = -2
FORGOTTEN: Final = -3

NO_TICK: Final = -1


class Accumulator(Protocol):
    """The total, or other aggregate, of the values of one context in one bucket.

    Attributes:
        context: the context whose values are aggregated.
        tick: heads may add to this accumulator as long as it equals the tick of
            `Accumulators`.
        last_seen: the last second in which it was used.
    """

    context: Context
    tick: int
    last_seen: int


_T = TypeVar("_T", bound=Accumulator)


class Accumulators(Generic[_T]):
    """The accumulators of one metric type in the open bucket.

    A head may keep using its accumulator for one *tick*, which ends with the second and
    with the bucket. Heads therefore never add to a closed bucket, a bucket is closed in
    constant time, and the time of the last use has to be noted only once per second.

    Attributes:
        held: the accumulators by their context.
        tick: the current tick.
        blank: an accumulator to which nothing is ever added.
    """

    def __init__(self, make: Callable[[Context], _T]) -> None:
        self.held: dict[Context, _T] = {}
        self.tick = 0
        self.blank = make(Context(("", 0, "", ())))
        self._make = make
        self._second = 0

    def renew(self, context: Context) -> _T:
        """Return the accumulator that a head of *context* may use during this tick.

        Raises:
            InDoubt: if lines of *context* must take the exact path.
        """
        if context.handle <= EXACT_ONLY:
            raise InDoubt
        accumulator = self.open(context)
        accumulator.tick = self.tick
        return accumulator

    def open(self, context: Context) -> _T:
        """Return the accumulator of *context*, made if needed, and mark it as used."""
        accumulator = self.held.get(context)
        if accumulator is None:
            accumulator = self._make(context)
        self.keep(accumulator)
        return accumulator

    def keep(self, accumulator: _T) -> None:
        """Hold *accumulator*, and mark it as used."""
        self.held[accumulator.context] = accumulator
        accumulator.last_seen = self._second

    def release(self, context: Context) -> None:
        """Make sure that no head goes on using the accumulator of *context*."""
        accumulator = self.held.get(context)
        if accumulator is not None:
            accumulator.tick = NO_TICK

    def advance(self, second: int) -> None:
        """Begin the next second."""
        self._second = second
        self.tick += 1

    def close(self) -> dict[Context, _T]:
        """Take out all accumulators, in constant time."""
        held, self.held = self.held, {}
        self.tick += 1
        return held
