"""Apply all of an operator's rules to a sample.

The order is the Agent's: mapper, reserved tags, namespace, filter list, tags. The rules
run once for each new head (a line without its value), not for each sample.

Source: datadog-agent, comp/dogstatsd/server/impl/enrich.go.
"""

import attrs

from statsd_trio.protocol.fields import Tags, take_reserved
from statsd_trio.protocol.messages import ClientOrigin, Sample
from statsd_trio.rules.filterlist import FilterList
from statsd_trio.rules.mapper import Mapper
from statsd_trio.rules.metric_name import MAX_BYTES
from statsd_trio.rules.namespace import Namespace
from statsd_trio.rules.tag_filter import TagFilter


class Rules:
    """Everything an operator changes about a metric before it is aggregated.

    The rules are immutable. To change them, make a new object, and forget whatever was
    remembered under the old one.
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
        """Return *sample* mapped, prefixed and filtered; None if it must be dropped."""
        name, tags = sample.name, sample.tags
        host, origin = sample.host, sample.origin
        mapped = None if self._mapper is None else self._mapper.map_name(name)
        if mapped is not None:
            name = mapped.name
            added = take_reserved(mapped.tags, (origin and origin.cardinality) or "")
            host = host if added.host is None else added.host
            origin = _join_origin(origin, added)
            tags = (*tags, *added.tags)
        name = self._namespace.prepend(name)
        if self._filterlist.matches(name):
            return None
        tags = self._tag_filter.keep(name, sample.type, tags)
        if mapped is None and name == sample.name and tags is sample.tags:
            return sample
        return attrs.evolve(sample, name=name, tags=tags, host=host, origin=origin)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the operator should know about the rules, one sentence per warning."""
        warnings = () if self._mapper is None else self._mapper.warnings
        return warnings + tuple(
            f"metric_filterlist: ignored {entry!r}, since no metric can have this name "
            "in Datadog; remove it, or write a name with a letter and at most "
            f"{MAX_BYTES} bytes"
            for entry in self._filterlist.ignored
        )

    @property
    def worst_seconds(self) -> float:
        """An estimate of how long a name may take that was not seen before."""
        return 0.0 if self._mapper is None else self._mapper.worst_seconds

    def keeps_series(self, name: str) -> bool:
        """Return whether a series generated at a flush, such as ``x.max``, is sent."""
        return not self._generated_filterlist.matches(name)


def _join_origin(origin: ClientOrigin | None, added: Tags) -> ClientOrigin | None:
    """Return *origin* with what the reserved tags of a mapping add to it."""
    known = origin or ClientOrigin()
    joined = attrs.evolve(
        known,
        cardinality=added.cardinality or known.cardinality,
        entity_id=added.entity_id or known.entity_id,
        jmx_check_name=(
            known.jmx_check_name
            if added.jmx_check_name is None
            else added.jmx_check_name
        ),
    )
    return origin if joined == known else joined
