"""What the open bucket holds of one metric type."""

from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from statsd_trio.engine.context import Context
from statsd_trio.engine.value_text import InDoubt

# What an engine of this kind notes in `Context.handle`.
EXACT_ONLY: Final = -2
FORGOTTEN: Final = -3

NO_TICK: Final = -1


class Accumulator(Protocol):
    """What the values of one context in one bucket add up to.

    Attributes:
        context: whose values they are.
        tick: as long as it is that of `Accumulators`, heads may add to it.
        last_seen: the last second in which it was used.
    """

    context: Context
    tick: int
    last_seen: int


_T = TypeVar("_T", bound=Accumulator)


class Accumulators(Generic[_T]):
    """The accumulators of one type in the open bucket.

    A head holds on to its accumulator for one *tick*, which ends with the second and
    with the bucket. So heads never add to a closed bucket, closing one takes no time,
    and the time of the last use costs nothing as long as the second lasts.

    Attributes:
        held: by context.
        tick: the present one.
        blank: an accumulator that nothing was ever added to.
    """

    def __init__(self, make: Callable[[Context], _T]) -> None:
        self.held: dict[Context, _T] = {}
        self.tick = 0
        self.blank = make(Context(("", 0, "", ())))
        self._make = make
        self._second = 0

    def renew(self, context: Context) -> _T:
        """Return the accumulator that a head of *context* may hold on to.

        Raises:
            InDoubt: if lines of *context* must take the exact way.
        """
        if context.handle <= EXACT_ONLY:
            raise InDoubt
        accumulator = self.open(context)
        accumulator.tick = self.tick
        return accumulator

    def open(self, context: Context) -> _T:
        """Find or make the accumulator of *context*, and note that it is used."""
        accumulator = self.held.get(context)
        if accumulator is None:
            accumulator = self._make(context)
        self.keep(accumulator)
        return accumulator

    def keep(self, accumulator: _T) -> None:
        """Hold *accumulator*, and note that it is used."""
        self.held[accumulator.context] = accumulator
        accumulator.last_seen = self._second

    def release(self, context: Context) -> None:
        """See that no head holds on to the accumulator of *context*."""
        accumulator = self.held.get(context)
        if accumulator is not None:
            accumulator.tick = NO_TICK

    def advance(self, second: int) -> None:
        """Begin another second."""
        self._second = second
        self.tick += 1

    def close(self) -> dict[Context, _T]:
        """Take out all that is held, in constant time."""
        held, self.held = self.held, {}
        self.tick += 1
        return held
