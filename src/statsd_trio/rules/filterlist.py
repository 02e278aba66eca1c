"""Names of metrics that an operator does not want."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from statsd_trio.rules.metric_name import normalize_name, normalize_prefix

_PREFIX_MARK: Final = "*"


class FilterList:
    """Names that are dropped: whole names, or the starts of names.

    An entry that ends in ``*`` is the start of names. Entries and names are compared as
    Datadog stores them, so a name that Datadog would refuse is on no list.

    Source: datadog-agent, comp/filterlist/impl/filterlist.go and
    pkg/util/metricname/matcher.go (2026).

    Attributes:
        ignored: entries that are no name, or start of a name, in Datadog.
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
        # With no prefix in the list starting another, the one that could start
        # this name is its left neighbour.
        position = bisect_right(self._prefixes, stored)
        return position > 0 and stored.startswith(self._prefixes[position - 1])


def select_generated(
    entries: Iterable[str],
    figures: Iterable[str],
    *,
    match_prefix: bool = False,
) -> tuple[str, ...]:
    """Choose the entries that can name what a histogram generates.

    They are tested again at a flush, so that ``my.histo.max`` can be dropped alone, or
    ``my.histo.9*``.

    Args:
        entries: of the filter list.
        figures: what follows the name and a dot in the series of a histogram.
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
