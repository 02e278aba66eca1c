"""Metric names in; yes or no out, by an operator's list."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence


class FilterList:
    """Names that are dropped: whole names, or the starts of names.

    Source: datadog-agent, comp/filterlist/impl/filterlist.go.
    """

    def __init__(self, entries: Iterable[str], *, match_prefix: bool = False) -> None:
        # An empty entry would, as a prefix, drop everything.
        self._names = frozenset(entry for entry in entries if entry)
        self._prefixes: Sequence[str] = (
            _shortest_prefixes(self._names) if match_prefix else ()
        )

    def __len__(self) -> int:
        return len(self._names)

    def matches(self, name: str) -> bool:
        """Tell whether *name* is on the list."""
        if name in self._names:
            return True
        # With no prefix in the list starting another, the one that could start
        # this name is its left neighbour.
        position = bisect_right(self._prefixes, name)
        return position > 0 and name.startswith(self._prefixes[position - 1])


def select_generated(
    entries: Iterable[str], aggregates: Iterable[str], percentiles: Iterable[int]
) -> tuple[str, ...]:
    """Choose the entries that can name what a histogram generates.

    They are tested again at a flush, so that ``my.histo.max`` can be dropped alone.

    Source: datadog-agent, comp/dogstatsd/server/server.go, createHistogramsBlocklist.
    """
    suffixes = (
        *(f".{aggregate}" for aggregate in aggregates),
        *(f".{percentile}percentile" for percentile in percentiles),
    )
    return tuple(entry for entry in entries if entry.endswith(suffixes))


def _shortest_prefixes(names: Iterable[str]) -> Sequence[str]:
    shortest: list[str] = []
    for name in sorted(names):
        if not shortest or not name.startswith(shortest[-1]):
            shortest.append(name)
    return shortest
