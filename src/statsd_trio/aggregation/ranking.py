"""Contexts in, the names and tag keys that make the most of them out."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Final

import attrs

from statsd_trio.engine.context import Context, Key

SLICE_CONTEXTS: Final = 512


@attrs.frozen
class ContextRanking:
    """Who has the most.

    Attributes:
        names: (metric name, contexts, or what they weigh), most first.
        tag_keys: (tag key, different values), most first.
        tag_keys_of_names: the same for each of *names*, in their order.
    """

    names: tuple[tuple[str, int], ...]
    tag_keys: tuple[tuple[str, int], ...]
    tag_keys_of_names: tuple[tuple[tuple[str, int], ...], ...] = ()


class ContextRanker:
    """Ranks contexts a step at a time.

    Attributes:
        ranking: complete once `rank` is done.
    """

    def __init__(
        self,
        contexts: list[Context],
        limit: int,
        *,
        weigh: Callable[[Key], int] = lambda _: 1,
    ) -> None:
        """Prepare to rank.

        Args:
            contexts: all there are.
            limit: how many names, and tag keys, are ranked.
            weigh: how much each context counts for its name.
        """
        self._contexts = contexts
        self._limit = limit
        self._weigh = weigh
        self.ranking = ContextRanking((), ())

    def rank(self) -> Iterator[None]:
        """Do the work; yields after each step of some 0.5 ms."""
        contexts = self._contexts
        names: Counter[str] = Counter()
        tag_keys: Counter[str] = Counter()
        tags: set[str] = set()
        for begin in range(0, len(contexts), SLICE_CONTEXTS):
            for context in contexts[begin : begin + SLICE_CONTEXTS]:
                names[context.key[0]] += self._weigh(context.key)
                for tag in context.key[3]:
                    if tag not in tags:
                        tags.add(tag)
                        tag_keys[tag.partition(":")[0]] += 1
            yield
        most_names: list[tuple[int, str]] = []
        yield from self._select(names, most_names)
        most_keys: list[tuple[int, str]] = []
        yield from self._select(tag_keys, most_keys)
        ranked_names = _name_first(most_names)
        keys_of_names = yield from self._count_keys(
            contexts, [name for name, _ in ranked_names]
        )
        self.ranking = ContextRanking(
            ranked_names, _name_first(most_keys), keys_of_names
        )

    def _count_keys(
        self, contexts: list[Context], names: list[str]
    ) -> Generator[None, None, tuple[tuple[tuple[str, int], ...], ...]]:
        """Rank the tag keys of each of *names*."""
        tags_of: dict[str, set[str]] = {name: set() for name in names}
        keys_of: dict[str, Counter[str]] = {name: Counter() for name in names}
        for begin in range(0, len(contexts), SLICE_CONTEXTS):
            for context in contexts[begin : begin + SLICE_CONTEXTS]:
                tags = tags_of.get(context.key[0])
                if tags is None:
                    continue
                keys = keys_of[context.key[0]]
                for tag in context.key[3]:
                    if tag not in tags:
                        tags.add(tag)
                        keys[tag.partition(":")[0]] += 1
            yield
        ranked: list[tuple[tuple[str, int], ...]] = []
        for name in names:
            most: list[tuple[int, str]] = []
            yield from self._select(keys_of[name], most)
            ranked.append(_name_first(most))
        return tuple(ranked)

    def _select(
        self, counts: Mapping[str, int], most: list[tuple[int, str]]
    ) -> Iterator[None]:
        """Put the first few of *counts* into *most*; ties in order of the alphabet."""
        for index, (name, count) in enumerate(counts.items()):
            if len(most) < self._limit or (-count, name) < most[-1]:
                most.append((-count, name))
                most.sort()
                del most[self._limit :]
            if index % (4 * SLICE_CONTEXTS) == 0:
                yield


def _name_first(most: list[tuple[int, str]]) -> tuple[tuple[str, int], ...]:
    return tuple((name, -count) for count, name in most)
