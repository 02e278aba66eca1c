"""A sample in; the sample as the operator wants it, or nothing, out.

The order is the Agent's: mapper, reserved tags, namespace, filter list, tags. It
runs once for each new spelling of a metric, not for each sample.

Source: datadog-agent, comp/dogstatsd/server/impl/enrich.go.
"""

from collections.abc import Iterable
from typing import Final

import attrs

from statsd_trio.protocol.messages import Sample
from statsd_trio.rules.filterlist import FilterList
from statsd_trio.rules.mapper import Mapper
from statsd_trio.rules.namespace import Namespace
from statsd_trio.rules.tagfilter import TagFilter

_HOST_TAG: Final = "host:"


class Rules:
    """Everything an operator changes about a metric before it is aggregated.

    Immutable: new rules are a new object, and whatever was remembered by the old
    ones has to be forgotten with them.
    """

    def __init__(
        self,
        *,
        mapper: Mapper | None = None,
        namespace: Namespace | None = None,
        filterlist: FilterList | None = None,
        generated_filterlist: FilterList | None = None,
        tag_filter: TagFilter | None = None,
    ) -> None:
        self._mapper = mapper
        self._namespace = namespace or Namespace("")
        self._filterlist = filterlist or FilterList(())
        self._generated_filterlist = generated_filterlist or FilterList(())
        self._tag_filter = tag_filter or TagFilter(())

    def apply(self, sample: Sample) -> Sample | None:
        """Map, prefix and filter *sample*; None if it is on the filter list."""
        name, tags, host = sample.name, sample.tags, sample.host
        mapped = None if self._mapper is None else self._mapper.map_name(name)
        if mapped is not None:
            name = mapped.name
            host = _find_host(mapped.tags, host)
            tags = (*tags, *_drop_host(mapped.tags))
        name = self._namespace.prepend(name)
        if self._filterlist.matches(name):
            return None
        tags = self._tag_filter.keep(name, sample.type, tags)
        if name == sample.name and tags is sample.tags:
            return sample
        return attrs.evolve(sample, name=name, tags=tags, host=host)

    def keeps_series(self, name: str) -> bool:
        """Tell whether a series generated at a flush, such as ``x.max``, is sent."""
        return not self._generated_filterlist.matches(name)


def _find_host(tags: Iterable[str], host: str | None) -> str | None:
    for tag in tags:
        if tag.startswith(_HOST_TAG):
            host = tag.removeprefix(_HOST_TAG)
    return host


def _drop_host(tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(tag for tag in tags if not tag.startswith(_HOST_TAG))
