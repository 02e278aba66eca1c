"""The list of metric names that an operator wants to drop."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from statsd_trio.rules.metric_name import normalize_name, normalize_prefix

_PREFIX_MARK: Final = "*"


class FilterList:
    """Names of metrics to drop, given as whole names or as prefixes.

    An entry that ends in ``*`` is a prefix. Entries and names are compared in the form
    in which Datadog stores them. A name that Datadog would refuse therefore never
    matches.

    Source: datadog-agent, comp/filterlist/impl/filterlist.go and
    pkg/util/metricname/matcher.go (2026).

    Attributes:
        ignored: the entries that can never match, because Datadog would refuse every
            such name.
    """

    def __init__(self, entries: Iterable[str], *, match_prefix: bool = False) -> None:
        names: set[str] = set()
        prefixes: set[str] = set()
        ignored: list[str] = []
        for entry in filter(None, entries):
            if entry == _PREFIX_MARK:
                prefixes.add("")
            elif match_prefix or entry.endswith(_PREFIX_MARK):
                prefix = normalize_prefix(entry.removesuffix(_PREFIX_MARK))
                prefixes.add(prefix) if prefix is not None else ignored.append(entry)
            else:
                name = normalize_name(entry)
                names.add(name) if name is not None else ignored.append(entry)
        self._names = frozenset(names)
        self._prefixes = _keep_shortest(prefixes)
        self.ignored = tuple(ignored)

    def __len__(self) -> int:
        return len(self._names) + len(self._prefixes)

    def matches(self, name: str) -> bool:
        """Return whether *name* is on the list."""
        if not self:
            return False
        stored = normalize_name(name)
        if stored is None:
            return False
        if stored in self._names:
            return True
        # No prefix in the list starts another one, so the only one that could start
        # this name is its left neighbour.
        position = bisect_right(self._prefixes, stored)
        return position > 0 and stored.startswith(self._prefixes[position - 1])


def select_generated(
    entries: Iterable[str],
    figures: Iterable[str],
    *,
    match_prefix: bool = False,
) -> tuple[str, ...]:
    """Return the entries that can match a series which a histogram generates.

    These entries are tested again at a flush, so that you can drop ``my.histo.max``
    alone, or ``my.histo.9*``.

    Args:
        entries: the entries of the filter list.
        figures: the suffixes, after the name and a dot, of the series of a histogram.
        match_prefix: whether each entry stands for all names that start with it.

    Source: datadog-agent, comp/filterlist/impl/filterlist.go,
    createHistogramsFilterList (2026).
    """
    suffixes = tuple(f".{figure}" for figure in figures)
    return tuple(
        entry
        for entry in entries
        if match_prefix
        or entry.endswith(_PREFIX_MARK)
        or (normalize_name(entry) or "").endswith(suffixes)
    )


def _keep_shortest(prefixes: Iterable[str]) -> Sequence[str]:
    shortest: list[str] = []
    for prefix in sorted(prefixes):
        if not shortest or not prefix.startswith(shortest[-1]):
            shortest.append(prefix)
    return shortest
