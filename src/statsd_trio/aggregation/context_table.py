"""Find the context for a name and tags; all contexts in use are in one table.

Contexts stay in the table until they expire. Their number is limited.
"""

from collections.abc import Iterable
from itertools import chain
from sys import getsizeof
from typing import Final

import attrs

from statsd_trio.counters import ContextCounters
from statsd_trio.engine.context import (
    COUNTER,
    DISTRIBUTION,
    GAUGE,
    HISTOGRAM,
    KINDS,
    SET,
    TIMER,
    TYPES,
    Context,
    Details,
    Key,
)
from statsd_trio.engine.memory import Share
from statsd_trio.protocol.messages import MetricType, Sample

# Pairs of types that would be sent as the same series.
_CONFLICTING: Final = {GAUGE: SET, SET: GAUGE, HISTOGRAM: TIMER, TIMER: HISTOGRAM}

# Enough that the tags of a busy host are shared, and few enough to forget at once.
# Source of the idea and the number: datadog-agent, dogstatsd_string_interner_size.
SHARED_STRINGS: Final = 4096

DEVICE_PREFIX: Final = "device:"
RESOURCE_PREFIX: Final = "dd.internal.resource:"

# How many type clashes are kept until they are taken; this is enough to act on them.
KEPT_CLASHES: Final = 5

# A dict that grows beyond 87 381 entries takes 3 ms to do so, and so do others that
# have an entry for each context, at the same time. This table grows in small parts.
_PARTS: Final = 16


# Without its texts, but with what an open and a closed bucket need for it, besides the
# values. Measured with tracemalloc on CPython 3.11.
_CONTEXT_BYTES: Final = {
    COUNTER: 576,
    GAUGE: 576,
    SET: 1024,
    HISTOGRAM: 1408,
    TIMER: 1408,
    DISTRIBUTION: 1408,
}


@attrs.frozen
class TypeClash:
    """Two types arrived with the same name, host and set of tags."""

    name: str
    types: tuple[MetricType, MetricType]


@attrs.frozen
class TypeClashes:
    """The type clashes of one interval.

    Attributes:
        count: how many there were.
        first: the first few of them, to act on.
    """

    count: int
    first: tuple[TypeClash, ...]


class ContextTable:
    """The contexts in use.

    Attributes:
        memory: the memory that the contexts take, and its limit.
        ordered: every context in the table, in the order of arrival. Only
            `SnapshotBuilder` removes contexts from it.
        why_full: why `find` had no room the last time, as the reason used in the
            ledger.
    """

    def __init__(
        self,
        *,
        hostname: str,
        tags: Iterable[str],
        limit: int,
        copy_prefix: str | None,
        keeps_values: bool = False,
        counters: ContextCounters,
    ) -> None:
        """Start without contexts.

        Args:
            hostname: the host of samples that do not name one.
            tags: added to every context.
            limit: the greatest number of contexts.
            copy_prefix: the prefix for the names of distributions that histograms are
                copied to; None to copy none.
            keeps_values: whether to give each histogram that is not copied a
                distribution of its own, outside the table.
            counters: counts contexts.
        """
        self._hostname = hostname
        self._tags = tuple(tags)
        self._limit = limit
        self._copy_prefix = copy_prefix
        self._keeps_values = keeps_values and copy_prefix is None
        self._counters = counters
        self._parts: list[dict[Key, Context]] = [{} for _ in range(_PARTS)]
        self._largest = [0] * _PARTS
        self._count = 0
        self._shared: dict[str, str] = {}
        self._shared_tags: dict[tuple[str, ...], tuple[str, ...]] = {}
        self.ordered: list[Context] = []
        self.memory = Share()
        self.why_full = ""
        self._clashes = 0
        self._first_clashes: list[TypeClash] = []

    def __len__(self) -> int:
        return self._count

    def find(self, sample: Sample, start: int) -> Context | None:
        """Return the context of *sample*, making it if needed.

        None if there is no room.
        """
        host = self._hostname if sample.host is None else sample.host
        tags = tuple(sorted({*sample.tags, *self._tags}))
        key = (sample.name, KINDS[sample.type], host, tags)
        jmx_check_name = None if sample.origin is None else sample.origin.jmx_check_name
        return self._find(key) or self._open(key, start, jmx_check_name)

    def replace_tags(self, tags: Iterable[str]) -> None:
        """Add *tags* to every context made from now on."""
        self._tags = tuple(tags)

    def remove(self, context: Context) -> None:
        """Remove *context*; the caller must remove it from `ordered`."""
        index = _choose_part(context.key)
        part = self._parts[index]
        self._largest[index] = max(self._largest[index], len(part))
        del part[context.key]
        self._count -= 1
        self.memory.give_back(self._measure(context.key))
        if context.copy is not None:
            context.copy.copied_from -= 1
        self._counters.expired += 1
        self._counters.current = self._count

    def shrink(self) -> None:
        """Free memory after the table was much larger."""
        # A dict never shrinks by itself; a copy only takes what its size needs.
        for index, part in enumerate(self._parts):
            if len(part) < self._largest[index] // 8:
                self._parts[index] = dict(part)
                self._largest[index] = len(part)

    def take_clashes(self) -> tuple[TypeClashes, ...]:
        """Return the type clashes since the last call as one item.

        () if there were none.
        """
        if not self._clashes:
            return ()
        clashes = TypeClashes(self._clashes, tuple(self._first_clashes))
        self._clashes = 0
        self._first_clashes = []
        return (clashes,)

    def list_contexts(self) -> list[Context]:
        """Return the contexts that are in the table now."""
        return list(chain.from_iterable(part.values() for part in self._parts))

    def _find(self, key: Key) -> Context | None:
        return self._parts[_choose_part(key)].get(key)

    def _open(self, key: Key, start: int, jmx_check_name: str | None) -> Context | None:
        copy_key = self._name_copy(key)
        copy = None if copy_key is None else self._find(copy_key)
        # A histogram and its copy are added together or not at all, so that no value is
        # dropped for one and accepted for the other.
        needed = 2 if copy_key is not None and copy is None else 1
        if self._count + needed > self._limit:
            self.why_full = "max_contexts"
            return None
        size = self._measure(key)
        if needed > 1 and copy_key is not None:
            size += measure_context(copy_key)
        if not self.memory.take(size):
            self.why_full = "context_memory"
            return None
        context = Context(self._share(key))
        context.details = find_details(context.tags, jmx_check_name)
        self._check_types(key, copy_key)
        self._enter(context, start)
        conflict = self._find((key[0], _CONFLICTING.get(key[1], -1), *key[2:]))
        if conflict is not None:
            context.conflict = conflict
            conflict.conflict = context
        if copy_key is not None:
            if copy is None:
                copy = Context(self._share(copy_key))
                copy.details = context.details
                self._enter(copy, start)
            context.copy = copy
            copy.copied_from += 1
        elif self._has_values(key):
            context.copy = Context(context.key)
            context.copy.kind = DISTRIBUTION
            context.copy.details = context.details
        return context

    def _has_values(self, key: Key) -> bool:
        return self._keeps_values and key[1] in (HISTOGRAM, TIMER)

    def _measure(self, key: Key) -> int:
        """Return the bytes of the context of *key*, with the place for its values."""
        return measure_context(key) * (2 if self._has_values(key) else 1)

    def _enter(self, context: Context, start: int) -> None:
        context.opened = start
        self._parts[_choose_part(context.key)][context.key] = context
        self._count += 1
        self.ordered.append(context)
        counters = self._counters
        counters.current = self._count
        counters.peak = max(counters.peak, counters.current)

    def _name_copy(self, key: Key) -> Key | None:
        if self._copy_prefix is None or key[1] not in (HISTOGRAM, TIMER):
            return None
        return (self._copy_prefix + key[0], DISTRIBUTION, *key[2:])

    def _check_types(self, key: Key, copy_key: Key | None) -> None:
        part = self._parts[_choose_part(key)]
        for kind in range(len(TYPES)):
            other = (key[0], kind, *key[2:])
            if kind != key[1] and other != copy_key and other in part:
                self._counters.type_clashes += 1
                self._clashes += 1
                if len(self._first_clashes) < KEPT_CLASHES:
                    self._first_clashes.append(
                        TypeClash(key[0], (TYPES[kind], TYPES[key[1]]))
                    )
                return

    def _share(self, key: Key) -> Key:
        name, kind, host, tags = key
        shared_tags = self._shared_tags.get(tags)
        if shared_tags is None:
            shared_tags = tuple(self._share_string(tag) for tag in tags)
            if len(self._shared_tags) >= SHARED_STRINGS:
                self._shared_tags.clear()
            self._shared_tags[shared_tags] = shared_tags
        return (self._share_string(name), kind, self._share_string(host), shared_tags)

    def _share_string(self, text: str) -> str:
        # sys.intern would not do: in Python 3.12 its strings are never freed.
        if len(self._shared) >= SHARED_STRINGS:
            self._shared.clear()
        return self._shared.setdefault(text, text)


def measure_context(key: Key) -> int:
    """Return the estimated bytes that a context with this *key* takes."""
    name, kind, host, tags = key
    texts = (name, host, *tags)
    return _CONTEXT_BYTES[kind] + sum(map(getsizeof, texts)) + 8 * len(texts)


def _choose_part(key: Key) -> int:
    # The type is left out, so that conflicts and clashes are found in one part.
    return (hash(key[0]) ^ hash(key[3])) % _PARTS


def find_details(
    tags: tuple[str, ...], jmx_check_name: str | None = None
) -> Details | None:
    """Separate device and resources from *tags*; return None if there is neither.

    If there are several device tags, the last one counts. A resource without a type or
    a name is dropped.

    Source: datadog-agent, pkg/metrics/series.go.
    """
    rest: list[str] = []
    resources: list[tuple[str, str]] = []
    device = ""
    for tag in tags:
        if tag.startswith(DEVICE_PREFIX):
            device = tag.removeprefix(DEVICE_PREFIX)
        elif tag.startswith(RESOURCE_PREFIX):
            resource, _, name = tag.removeprefix(RESOURCE_PREFIX).partition(":")
            if resource and name:
                resources.append((resource, name))
        else:
            rest.append(tag)
    if len(rest) == len(tags) and jmx_check_name is None:
        return None
    return Details(tuple(rest), device, tuple(resources), jmx_check_name)
