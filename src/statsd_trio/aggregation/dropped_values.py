"""Count the values that were dropped for lack of room, and for which metrics."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import attrs

from statsd_trio.counters import SampleCounters

# The reasons for which values are dropped for lack of room.
FULL: Final = "max_contexts"
MEMORY_REASONS: Final = ("context_memory", "set_memory", "value_memory")

# Counted for this many metrics whose values found no room in one interval; the worst
# ones arrive often enough to be among them.
MAX_NAMES: Final = 1000


@attrs.frozen
class DroppedValues:
    """The values dropped for lack of room since the last snapshot.

    Attributes:
        counts: the number of values, by reason.
        names: how many of them belonged to each metric, as far as this is counted.
    """

    counts: Mapping[str, int]
    names: Mapping[str, int]


class DropCounter:
    """Counts dropped values, and remembers those of the current interval."""

    def __init__(self, samples: SampleCounters) -> None:
        """Start with nothing dropped; the totals are added to *samples*."""
        self._samples = samples
        self._told: Counter[str] = Counter()
        self._names: Counter[str] = Counter()

    def drop(self, reason: str, values: int, name: str = "") -> None:
        """Count *values* that were parsed as dropped.

        A *name* is shown to the operator.
        """
        self._samples.parsed += values
        self._samples.dropped[reason] += values
        if name:
            self.note_name(name, values)

    def note_name(self, name: str, values: int) -> None:
        """Note that *values* of the metric *name* found no room."""
        if name in self._names or len(self._names) < MAX_NAMES:
            self._names[name] += values

    def take(self) -> DroppedValues:
        """Return what was dropped for lack of room since the last call."""
        dropped = self._samples.dropped
        now = {reason: dropped[reason] for reason in (FULL, *MEMORY_REASONS)}
        counts = {reason: now[reason] - self._told[reason] for reason in now}
        self._told.update(counts)
        names, self._names = self._names, Counter()
        return DroppedValues(counts, names)
