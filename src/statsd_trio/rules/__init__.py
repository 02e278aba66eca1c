"""Apply what an operator wants changed: mapper, filter lists, namespace, tag filter."""

from statsd_trio.rules.filterlist import FilterList, select_generated
from statsd_trio.rules.mapper import Mapper, MapperProfile, MetricMapping
from statsd_trio.rules.namespace import Namespace
from statsd_trio.rules.rules import Rules
from statsd_trio.rules.tag_filter import TagFilter, TagFilterEntry

__all__ = [
    "FilterList",
    "Mapper",
    "MapperProfile",
    "MetricMapping",
    "Namespace",
    "Rules",
    "TagFilter",
    "TagFilterEntry",
    "select_generated",
]
