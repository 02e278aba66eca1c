"""What aggregation and the rules need of a `Config`."""

from collections.abc import Callable

from statsd_trio.aggregation.settings import AggregationSettings, parse_percentiles
from statsd_trio.config import Config
from statsd_trio.rules import (
    FilterList,
    Mapper,
    Namespace,
    Rules,
    TagFilter,
    select_generated,
)


def make_aggregation_settings(config: Config, rules: Rules) -> AggregationSettings:
    """Pick what aggregation needs."""
    return AggregationSettings(
        interval_seconds=config.interval_seconds,
        hostname=config.hostname,
        tags=config.tags,
        counter_type=config.counter_type,
        counter_expiry_seconds=config.counter_expiry_seconds,
        context_expiry_seconds=config.context_expiry_seconds,
        max_contexts=config.max_contexts,
        max_memory_bytes=config.max_memory_bytes,
        histogram_aggregates=config.histogram_aggregates,
        histogram_percentiles=config.histogram_percentiles,
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
    """Make what tells which generated series are not wanted; None if all are."""
    if not config.metric_filterlist:
        return None
    return lambda name: not rules.keeps_series(name)


def make_rules(config: Config) -> Rules:
    """Make the rules that each new metric passes."""
    match_prefix = config.metric_filterlist_match_prefix
    generated = select_generated(
        config.metric_filterlist,
        config.histogram_aggregates,
        parse_percentiles(config.histogram_percentiles),
        match_prefix=match_prefix,
    )
    return Rules(
        mapper=Mapper(config.mapper_profiles, cache_size=config.mapper_cache_size),
        namespace=Namespace(config.namespace, config.namespace_exclude),
        filterlist=FilterList(config.metric_filterlist, match_prefix=match_prefix),
        generated_filterlist=FilterList(generated, match_prefix=match_prefix),
        tag_filter=TagFilter(config.metric_tag_filterlist),
    )


def find_rule_warnings(config: Config) -> tuple[str, ...]:
    """Return what an operator should know of the rules in *config*, a line each."""
    return make_rules(config).warnings
