"""Make the settings of aggregation, and the rules, from a `Config`."""

from collections.abc import Callable

from statsd_trio.aggregation.settings import AggregationSettings, name_figures
from statsd_trio.config import Config
from statsd_trio.config.parsing import parse_percentile
from statsd_trio.rules import (
    FilterList,
    Mapper,
    Namespace,
    Rules,
    TagFilter,
    select_generated,
)


def make_aggregation_settings(config: Config, rules: Rules) -> AggregationSettings:
    """Return the settings of aggregation."""
    return AggregationSettings(
        interval_seconds=config.interval_seconds,
        hostname=config.hostname,
        tags=config.tags,
        counter_type=config.counter_type,
        counter_expiry_seconds=config.counter_expiry_seconds,
        context_expiry_seconds=config.context_expiry_seconds,
        max_contexts=config.max_contexts,
        max_memory_bytes=config.max_memory_bytes,
        histogram_aggregates=tuple(dict.fromkeys(config.histogram_aggregates)),
        histogram_percentiles=_read_percentiles(config),
        histogram_copy_to_distribution=config.histogram_copy_to_distribution,
        histogram_copy_to_distribution_prefix=(
            config.histogram_copy_to_distribution_prefix
        ),
        keeps_histogram_values=(
            "otlp" in config.sinks and config.otlp_histograms == "exponential"
        ),
        is_blocked=make_series_filter(config, rules),
    )


def make_series_filter(config: Config, rules: Rules) -> Callable[[str], bool] | None:
    """Return a function that says which generated series to drop; None to drop none."""
    if not config.metric_filterlist:
        return None
    return lambda name: not rules.keeps_series(name)


def make_rules(config: Config) -> Rules:
    """Return the rules that are applied to each new metric."""
    match_prefix = config.metric_filterlist_match_prefix
    generated = select_generated(
        config.metric_filterlist,
        list_figures(config),
        match_prefix=match_prefix,
    )
    return Rules(
        mapper=Mapper(config.mapper_profiles, cache_size=config.mapper_cache_size),
        namespace=Namespace(config.namespace, config.namespace_exclude),
        filterlist=FilterList(config.metric_filterlist, match_prefix=match_prefix),
        generated_filterlist=FilterList(generated, match_prefix=match_prefix),
        tag_filter=TagFilter(config.metric_tag_filterlist),
    )


def list_figures(config: Config) -> tuple[str, ...]:
    """Return the suffixes, after the name and a dot, of the series of a histogram."""
    aggregates = dict.fromkeys(config.histogram_aggregates)
    return name_figures(aggregates, _read_percentiles(config))


def _read_percentiles(config: Config) -> tuple[int, ...]:
    return tuple(sorted(set(map(parse_percentile, config.histogram_percentiles))))


def find_rule_warnings(config: Config) -> tuple[str, ...]:
    """Return what an operator should know about the rules of *config*, line by line."""
    return make_rules(config).warnings
