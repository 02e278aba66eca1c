"""Values that found no room: how many, and of which metrics."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import attrs

from statsd_trio.counters import SampleCounters

# Reasons for which values find no room.
FULL: Final = "max_contexts"
MEMORY_REASONS: Final = ("context_memory", "set_memory", "value_memory")

# Of metrics whose values found no room in one interval; the worst come often.
MAX_NAMES: Final = 1000


@attrs.frozen
class DroppedValues:
    """What found no room since the last snapshot.

    Attributes:
        counts: of values, by reason.
        names: how many of them were of each metric, as far as those are counted.
    """

    counts: Mapping[str, int]
    names: Mapping[str, int]


class DropCounter:
    """Counts dropped values, and remembers what is new since the last snapshot."""

    def __init__(self, samples: SampleCounters) -> None:
        """Count into *samples*."""
        self._samples = samples
        self._told: Counter[str] = Counter()
        self._names: Counter[str] = Counter()

    def drop(self, reason: str, values: int, name: str = "") -> None:
        """Count *values* that were read as dropped, with *name* if it is to be told."""
        self._samples.parsed += values
        self._samples.dropped[reason] += values
        if name:
            self.note_name(name, values)

    def note_name(self, name: str, values: int) -> None:
        """Note that *values* of the metric *name* found no room."""
        if name in self._names or len(self._names) < MAX_NAMES:
            self._names[name] += values

    def take(self) -> DroppedValues:
        """Return what found no room since the last call."""
        dropped = self._samples.dropped
        now = {reason: dropped[reason] for reason in (FULL, *MEMORY_REASONS)}
        counts = {reason: now[reason] - self._told[reason] for reason in now}
        self._told.update(counts)
        names, self._names = self._names, Counter()
        return DroppedValues(counts, names)
