"""What an operator should be told of an interval, and how that is found out."""

from collections import Counter
from collections.abc import Generator, Mapping
from typing import Final

import attrs

from statsd_trio.aggregation.context_table import (
    ContextTable,
    TypeClashes,
    measure_context,
)
from statsd_trio.aggregation.dropped_values import FULL, MEMORY_REASONS, DroppedValues
from statsd_trio.aggregation.ranking import ContextRanker, ContextRanking
from statsd_trio.aggregation.settings import AggregationSettings

# How many names and tag keys a warning names.
RANKED: Final = 5


@attrs.frozen
class ContextsFull:
    """New contexts were refused in this interval.

    Attributes:
        dropped: how many values that cost.
    """

    dropped: int
    limit: int
    ranking: ContextRanking


@attrs.frozen
class MemoryFull:
    """The memory that may be used was used up in this interval.

    Attributes:
        dropped: how many values that cost, by reason.
        limit: bytes.
        names: (metric name, dropped values), most first.
        ranking: of the contexts that there are, by the memory that they take.
    """

    dropped: Mapping[str, int]
    limit: int
    names: tuple[tuple[str, int], ...]
    ranking: ContextRanking


@attrs.frozen
class EngineFailure:
    """An engine broke off; another goes on in its place.

    Attributes:
        name: of the engine.
        message: what it said, and in the middle of what.
    """

    name: str
    message: str


Warned = TypeClashes | ContextsFull | MemoryFull | EngineFailure


def find_warnings(
    dropped: DroppedValues, table: ContextTable, settings: AggregationSettings
) -> Generator[None, None, tuple[Warned, ...]]:
    """Return what is to be told of *dropped*, a small step at a time."""
    warnings: list[Warned] = []
    if dropped.counts[FULL]:
        ranker = ContextRanker(table.list_contexts(), RANKED)
        yield from ranker.rank()
        warnings.append(
            ContextsFull(dropped.counts[FULL], settings.max_contexts, ranker.ranking)
        )
    of_memory = {
        reason: dropped.counts[reason]
        for reason in MEMORY_REASONS
        if dropped.counts[reason]
    }
    if of_memory:
        ranker = ContextRanker(table.list_contexts(), RANKED, weigh=measure_context)
        yield from ranker.rank()
        warnings.append(
            MemoryFull(
                of_memory,
                settings.max_memory_bytes,
                tuple(Counter(dropped.names).most_common(RANKED)),
                ranker.ranking,
            )
        )
    return tuple(warnings)
