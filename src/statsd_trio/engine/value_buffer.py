"""Collect values of histograms, timers and distributions before summarizing them.

A summary inserts 512 values at once for a fraction of what it costs to insert them one
by one. Values therefore wait in a buffer, in the order in which they arrived, until
`drain` inserts them. The result is the same as if each had been inserted on arrival.
"""

from array import array
from collections.abc import Sequence
from typing import Final, Protocol

from statsd_trio.engine.accumulators import NO_TICK, Accumulators
from statsd_trio.engine.context import Context
from statsd_trio.engine.engine import MIN_LEARNT_RATE
from statsd_trio.engine.memory import VALUE_BYTES, Share
from statsd_trio.engine.sketch import MAX_SKETCH_COUNT
from statsd_trio.engine.value_text import InDoubt, is_small, read_number, read_numbers

# This is enough to make inserting cheap, and few enough to insert at once in 0.1 ms.
# The insert buffer of the Agent's sketch has the same length.
FULL: Final = 512

# Memory is reserved ahead for this many values, by a head that may add for a second.
_AHEAD: Final = 16

# More values than can arrive between two checks of whether there is room for them.
_MARGIN: Final = 8192


class Summary(Protocol):
    """Summarizes values in bounded memory."""

    @property
    def count(self) -> float:
        """How many values there are, each weighted by its sample rate."""
        ...

    @property
    def size(self) -> int:
        """How many numbers are kept."""
        ...

    @property
    def memory(self) -> int:
        """The bytes that the summary takes, without the object itself."""
        ...

    def insert(self, values: list[float], sample_rate: float) -> bool:
        """Insert finite *values*; return False, with nothing inserted, if that fails.

        It fails if a sum or the count would no longer be a number that can be sent.
        """
        ...


class ValueBuffer:
    """The values of one context in one bucket: those that wait, and their summary.

    Attributes:
        reserved: the bytes that were taken from the share of memory.
        copy: another buffer that takes the same values, for a histogram that is copied
            to a distribution.
        rate: the sample rate of *values*.
        summary: None once it was taken out.
        values: the latest values that wait.
    """

    __slots__ = (
        "_due",
        "_earlier",
        "_memory",
        "context",
        "copy",
        "last_seen",
        "rate",
        "reserved",
        "summary",
        "tick",
        "values",
    )

    def __init__(
        self,
        context: Context,
        summary: Summary,
        due: "list[ValueBuffer]",
        memory: Share,
    ) -> None:
        """Begin with an empty *summary*.

        Args:
            memory: the share of memory that the values take from.
            due: a list to which the buffer adds itself once it is worth draining.
        """
        self.context = context
        self.last_seen = 0
        self.tick = NO_TICK
        self.summary: Summary | None = summary
        self.copy: ValueBuffer | None = None
        self.rate = 1.0
        self.values = array("d")
        # Waiting values with other sample rates, as (rate, values), the oldest first.
        self._earlier: list[tuple[float, array[float]]] = _NOTHING
        self._due = due
        self._memory = memory
        self.reserved = 0

    @property
    def size(self) -> int:
        """How many numbers are kept, including those of the summary."""
        return self._waiting + (0 if self.summary is None else self.summary.size)

    @property
    def _waiting(self) -> int:
        return len(self.values) + sum(len(values) for _, values in self._earlier)

    def append(self, value: float, sample_rate: float) -> None:
        """Add a small *value*; the caller has checked that there is room for it."""
        if sample_rate != self.rate:
            self._change_rate(sample_rate)
        self.values.append(value)
        if len(self.values) == FULL:
            self._due.append(self)
        if self.copy is not None:
            self.copy.last_seen = self.last_seen
            self.copy.append(value, sample_rate)

    def extend(self, values: list[float], sample_rate: float) -> None:
        """Add small *values*; the caller has checked that there is room for them."""
        if sample_rate != self.rate:
            self._change_rate(sample_rate)
        was_full = len(self.values) >= FULL
        self.values.fromlist(values)
        if len(self.values) >= FULL and not was_full:
            self._due.append(self)
        if self.copy is not None:
            self.copy.last_seen = self.last_seen
            self.copy.extend(values, sample_rate)

    def add(self, values: Sequence[float], sample_rate: float) -> int:
        """Add finite *values*; return how many the summary could not take."""
        if (
            sample_rate >= MIN_LEARNT_RATE
            and all(map(is_small, values))
            and self.has_room(len(values))
        ):
            self.extend(list(values), sample_rate)
            return 0
        while self.drain():
            pass
        return sum(not self._insert(value, sample_rate) for value in values)

    def has_room(self, values: int = _MARGIN) -> bool:
        """Return whether there is room for this many more *values*."""
        if self.summary is None:
            return False
        most = (self._waiting + values) / MIN_LEARNT_RATE
        is_free = self.summary.count + most <= MAX_SKETCH_COUNT
        return is_free and (self.copy is None or self.copy.has_room(values))

    def reserve(self, values: int) -> bool:
        """Take memory for this many more *values*.

        Return False if there is none left.
        """
        missing = self._measure() + VALUE_BYTES * values - self.reserved
        if missing > 0:
            if not self._memory.take(missing):
                return False
            self.reserved += missing
        return self.copy is None or self.copy.reserve(values)

    def drain(self) -> bool:
        """Move up to `FULL` values into the summary; return True while more wait."""
        rate, waiting = self._earlier[0] if self._earlier else (self.rate, self.values)
        values = waiting[:FULL].tolist()
        del waiting[:FULL]
        if self._earlier and not waiting:
            del self._earlier[0]
        if values and self.summary is not None:
            # The summary cannot refuse them: there was room for each, and all are
            # small.
            self.summary.insert(values, rate)
            change = self._measure() - self.reserved
            self.reserved += change
            if not (self._memory.change(change) and self.has_room()):
                self.tick = NO_TICK
        return bool(self._earlier or self.values)

    def _measure(self) -> int:
        """Return the bytes that are needed for the values."""
        memory = 0 if self.summary is None else self.summary.memory
        return memory + VALUE_BYTES * self._waiting

    def _insert(self, value: float, sample_rate: float) -> bool:
        if self.summary is None or not self.summary.insert([value], sample_rate):
            return False
        if self.copy is not None:
            # A value that the copy cannot take is not counted there: it is counted
            # here.
            self.copy.last_seen = self.last_seen
            self.copy.add([value], sample_rate)
        return True

    def _change_rate(self, sample_rate: float) -> None:
        if self.values:
            if not self._earlier:
                self._earlier = []
                self._due.append(self)
            self._earlier.append((self.rate, self.values))
            self.values = array("d")
        self.rate = sample_rate


# Shared by all buffers whose values have one rate; never appended to.
_NOTHING: Final["list[tuple[float, array[float]]]"] = []


class ValueHead:
    """Adds the values of all lines that share one head."""

    __slots__ = ("_buffer", "_buffers", "_context", "_rate")

    def __init__(
        self, buffers: Accumulators[ValueBuffer], context: Context, sample_rate: float
    ) -> None:
        self._buffers = buffers
        self._context = context
        self._rate = sample_rate
        self._buffer = buffers.blank

    def add_text(self, text: bytes) -> int:
        """Add the values in *text*; return how many there are.

        Raises:
            ValueError: if any value is in doubt; then none is added.
        """
        if b":" in text:
            return self._add_packed(read_numbers(text))
        value = read_number(text)
        buffer = self._buffer
        if buffer.tick != self._buffers.tick:
            buffer = self._renew()
        buffer.append(value, self._rate)
        return 1

    def _add_packed(self, values: list[float]) -> int:
        buffer = self._buffer
        if buffer.tick != self._buffers.tick:
            buffer = self._renew()
        count = len(values)
        # There is always room for a few values, and memory was reserved ahead.
        if count > _AHEAD and not (buffer.has_room(count) and buffer.reserve(count)):
            raise InDoubt
        buffer.extend(values, self._rate)
        return count

    def _renew(self) -> ValueBuffer:
        buffer = self._buffers.renew(self._context)
        if not (buffer.has_room() and buffer.reserve(_AHEAD)):
            buffer.tick = NO_TICK
            raise InDoubt
        self._buffer = buffer
        return buffer
