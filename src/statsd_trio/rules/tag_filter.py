"""Remove the tags that an operator does not want from metrics.

This happens before aggregation, and only to counters and distributions. Samples whose
tags become equal become one series, whose sum or sketch is exact. The values of a gauge
or a set cannot be combined like this, and the Agent leaves their tags alone too. Only
the tags from the client are filtered, not those that the operator adds to everything.

Source: saluki, the metric tag filterlist transform ("distribution and count metrics"),
and datadog-agent, comp/filterlist/impl.
"""

from collections.abc import Iterable
from typing import Final

import attrs

from statsd_trio.protocol.messages import MetricType

ACTIONS: Final = ("exclude", "include")

_FILTERED_TYPES: Final = frozenset({MetricType.COUNTER, MetricType.DISTRIBUTION})


def _check_action(
    _entry: "TagFilterEntry", _field: "attrs.Attribute[str]", action: str
) -> None:
    if action not in ACTIONS:
        raise ValueError(f"action {action!r} must be exclude or include")


def _to_tuple(tags: Iterable[str]) -> tuple[str, ...]:
    # mypy does not accept `tuple` itself as the converter.
    return tuple(tags)


@attrs.frozen
class TagFilterEntry:
    """What to do with some tags of one metric.

    Attributes:
        metric_name: the whole name, including the namespace.
        tags: the names of the tags, which is the part before the first colon.
        action: ``exclude`` drops these tags; ``include`` drops all others.
    """

    metric_name: str
    tags: tuple[str, ...] = attrs.field(default=(), converter=_to_tuple)
    action: str = attrs.field(default="exclude", validator=_check_action)


class TagFilter:
    """Filters tags by metric name.

    Several entries for one metric are combined; if their actions differ, ``exclude``
    wins.
    """

    def __init__(self, entries: Iterable[TagFilterEntry]) -> None:
        self._entries: dict[str, tuple[str, frozenset[str]]] = {}
        for entry in entries:
            action, tags = entry.action, frozenset(entry.tags)
            known_action, known_tags = self._entries.get(
                entry.metric_name, (action, frozenset[str]())
            )
            if action == known_action:
                self._entries[entry.metric_name] = (action, known_tags | tags)
            elif action == "exclude":
                self._entries[entry.metric_name] = (action, tags)

    def keep(
        self, name: str, metric_type: MetricType, tags: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Return *tags* without the unwanted ones, or *tags* itself if all are kept."""
        entry = self._entries.get(name)
        if entry is None or metric_type not in _FILTERED_TYPES:
            return tags
        action, names = entry
        is_include = action == "include"
        kept = tuple(
            tag for tag in tags if (tag.partition(":")[0] in names) is is_include
        )
        return kept if len(kept) < len(tags) else tags
