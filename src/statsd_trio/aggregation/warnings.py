"""Find out what an operator should know about an interval."""

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

# How many names and tag keys a warning contains.
RANKED: Final = 5


@attrs.frozen
class ContextsFull:
    """There was no room for new contexts in this interval.

    Attributes:
        dropped: how many values were lost by this.
    """

    dropped: int
    limit: int
    ranking: ContextRanking


@attrs.frozen
class MemoryFull:
    """The memory limit was reached in this interval.

    Attributes:
        dropped: how many values were lost by this, by reason.
        limit: the limit in bytes.
        names: (metric name, number of dropped values), the largest first.
        ranking: the existing contexts, ranked by the memory that they take.
    """

    dropped: Mapping[str, int]
    limit: int
    names: tuple[tuple[str, int], ...]
    ranking: ContextRanking


@attrs.frozen
class EngineFailure:
    """An engine failed, and another one has taken over.

    Attributes:
        name: the name of the failed engine.
        message: its error, and what it was doing.
    """

    name: str
    message: str


Warned = TypeClashes | ContextsFull | MemoryFull | EngineFailure


def find_warnings(
    dropped: DroppedValues, table: ContextTable, settings: AggregationSettings
) -> Generator[None, None, tuple[Warned, ...]]:
    """Return the warnings about *dropped*, working in small steps."""
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
