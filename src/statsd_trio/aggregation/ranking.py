"""Rank the metric names and tag keys that have the most contexts."""

from collections.abc import Callable, Generator, Iterator
from typing import Final

import attrs

from statsd_trio.engine.context import Context, Key

SLICE_CONTEXTS: Final = 512

# The texts are divided into this many parts, so that a hundred thousand names, or half
# a million tags, are a few thousand in each.
_PARTS: Final = 64


@attrs.frozen
class ContextRanking:
    """The names and tag keys with the most contexts.

    Attributes:
        names: (metric name, number or weight of its contexts), the largest first.
        tag_keys: (tag key, number of different values), the largest first.
        tag_keys_of_names: the tag keys of each of *names*, in the same order.
    """

    names: tuple[tuple[str, int], ...]
    tag_keys: tuple[tuple[str, int], ...]
    tag_keys_of_names: tuple[tuple[tuple[str, int], ...], ...] = ()


class ContextRanker:
    """Ranks contexts one step at a time.

    Attributes:
        ranking: complete once `rank` has finished.
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
            contexts: all contexts to rank.
            limit: how many names, and how many tag keys, are ranked.
            weigh: returns how much a context counts for its name.
        """
        self._contexts = contexts
        self._limit = limit
        self._weigh = weigh
        self.ranking = ContextRanking((), ())

    def rank(self) -> Iterator[None]:
        """Do the work; yields after each step of about 0.5 ms."""
        contexts = self._contexts
        names = _Tally()
        tag_keys = _TagKeys()
        for begin in range(0, len(contexts), SLICE_CONTEXTS):
            for context in contexts[begin : begin + SLICE_CONTEXTS]:
                names.add(context.key[0], self._weigh(context.key))
                for tag in context.key[3]:
                    tag_keys.add(tag)
            yield
        ranked_names = yield from names.rank(self._limit)
        yield from names.free()
        ranked_keys = yield from tag_keys.tally.rank(self._limit)
        yield from tag_keys.free()
        keys_of_names = yield from self._count_keys([name for name, _ in ranked_names])
        self.ranking = ContextRanking(ranked_names, ranked_keys, keys_of_names)

    def _count_keys(
        self, names: list[str]
    ) -> Generator[None, None, tuple[tuple[tuple[str, int], ...], ...]]:
        """Rank the tag keys of each of *names*."""
        contexts = self._contexts
        keys_of = {name: _TagKeys() for name in names}
        for begin in range(0, len(contexts), SLICE_CONTEXTS):
            for context in contexts[begin : begin + SLICE_CONTEXTS]:
                keys = keys_of.get(context.key[0])
                if keys is not None:
                    for tag in context.key[3]:
                        keys.add(tag)
            yield
        ranked: list[tuple[tuple[str, int], ...]] = []
        for name in names:
            keys = keys_of.pop(name)
            ranked.append((yield from keys.tally.rank(self._limit)))
            yield from keys.free()
        return tuple(ranked)


class _Tally:
    """Counts texts, in parts.

    A single dictionary of a hundred thousand texts takes 3 ms to grow, and as long to
    free.
    """

    def __init__(self) -> None:
        self._parts: list[dict[str, int]] = [{} for _ in range(_PARTS)]

    def add(self, text: str, count: int) -> None:
        part = self._parts[hash(text) % _PARTS]
        part[text] = part.get(text, 0) + count

    def rank(self, limit: int) -> Generator[None, None, tuple[tuple[str, int], ...]]:
        """Return the *limit* most frequent texts, in alphabetical order if they tie."""
        most: list[tuple[int, str]] = []
        for part in self._parts:
            for text, count in part.items():
                if len(most) < limit or (-count, text) < most[-1]:
                    most.append((-count, text))
                    most.sort()
                    del most[limit:]
            yield
        return tuple((text, -count) for count, text in most)

    def free(self) -> Iterator[None]:
        while self._parts:
            self._parts.pop()
            yield


class _TagKeys:
    """Counts the different tags of each tag key."""

    def __init__(self) -> None:
        self.tally = _Tally()
        self._seen: list[set[str]] = [set() for _ in range(_PARTS)]

    def add(self, tag: str) -> None:
        seen = self._seen[hash(tag) % _PARTS]
        if tag not in seen:
            seen.add(tag)
            self.tally.add(tag.partition(":")[0], 1)

    def free(self) -> Iterator[None]:
        while self._seen:
            self._seen.pop()
            yield
        yield from self.tally.free()
