"""Try out one sample, with the rules and a new aggregator."""

from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.aggregation.snapshot import Series, SeriesType, Snapshot
from statsd_trio.counters import ContextCounters, SampleCounters
from statsd_trio.plural import describe_count
from statsd_trio.protocol.messages import MetricType, Sample
from statsd_trio.rules import Rules

_MEANINGS: Final = {
    "max": "the largest value",
    "min": "the smallest value",
    "median": "the middle value",
    "avg": "the average",
    "sum": "the sum",
}


@attrs.frozen
class BuiltSeries:
    """A point of a series that a sample becomes, if it is alone in its interval.

    Attributes:
        type: ``count``, ``rate``, ``gauge`` or ``distribution``.
        value: the value of the point; None for a distribution, which has more than one.
        meaning: what the value is, in words.
        tags: sorted and without duplicates.
        host: None for the server's own host.
    """

    name: str
    type: str
    value: float | None
    meaning: str
    tags: tuple[str, ...] = ()
    host: str | None = None
    device: str | None = None


@attrs.frozen
class Trial:
    """What became of a sample.

    Attributes:
        is_filtered: whether the rules drop it.
        series: the series in the order in which they are sent.
        dropped: how many of its values are in no series, by reason.
        weight: how many values each value stands for; 0 if it cannot be counted.
    """

    is_filtered: bool = False
    series: tuple[BuiltSeries, ...] = ()
    dropped: Mapping[str, int] = attrs.field(factory=dict[str, int])
    weight: float = 1.0


def try_sample(
    sample: Sample, *, now: float, rules: Rules, settings: AggregationSettings
) -> Trial:
    """Apply *rules* to *sample*, aggregate it, and return the result."""
    kept = rules.apply(sample)
    if kept is None:
        return Trial(is_filtered=True, weight=_measure_weight(sample, settings))
    samples = SampleCounters()
    snapshot = _aggregate(kept, now, settings, samples)
    return Trial(
        series=tuple(_describe(snapshot, kept)),
        dropped=dict(samples.dropped),
        weight=_measure_weight(kept, settings),
    )


def has_effective_rate(sample: Sample) -> bool:
    """Return whether the sample's rate has an effect.

    It has none for gauges, for sets, and for samples with a timestamp.

    Source: datadog-agent, pkg/metrics (gauge.go, set.go).
    """
    return sample.timestamp is None and sample.type not in {
        MetricType.GAUGE,
        MetricType.SET,
    }


def _aggregate(
    sample: Sample, now: float, settings: AggregationSettings, samples: SampleCounters
) -> Snapshot:
    aggregator = Aggregator(settings, samples, ContextCounters())
    aggregator.advance(now)
    aggregator.insert(sample)
    builder = aggregator.take_snapshot(now=now, include_open=True, final=True)
    for _ in builder.build():
        pass
    return builder.snapshot


def _measure_weight(sample: Sample, settings: AggregationSettings) -> float:
    """Return how much a single 1 counts that is sent with the same rate."""
    if sample.timestamp is not None or sample.type is MetricType.SET:
        return 1.0
    one = Sample("a", sample.type, (1.0,), sample.sample_rate)
    settings = attrs.evolve(
        settings,
        counter_type="count",
        histogram_aggregates=("count",),
        histogram_percentiles=(),
        histogram_copy_to_distribution=False,
        is_blocked=None,
    )
    snapshot = _aggregate(one, 0.0, settings, SampleCounters())
    for sketch in snapshot.sketches:
        return float(sketch.points[0].count)
    for series in snapshot.series:
        is_rate = series.type is SeriesType.RATE
        value = series.points[0].value
        return value * series.interval_seconds if is_rate else value
    return 0.0


def _describe(snapshot: Snapshot, sample: Sample) -> Iterator[BuiltSeries]:
    for series in snapshot.series:
        for point in series.points:
            meaning = _word(series, point.value, sample)
            if sample.timestamp is not None:
                meaning += f", at {point.timestamp}, not aggregated"
            yield BuiltSeries(
                series.name,
                series.type.name.lower(),
                point.value,
                meaning,
                series.tags,
                sample.host,
                series.device or None,
            )
    for sketch in snapshot.sketches:
        yield BuiltSeries(
            sketch.name,
            "distribution",
            None,
            "a sketch, from which Datadog computes any percentile",
            sketch.tags,
            sample.host,
        )


def _word(series: Series, value: float, sample: Sample) -> str:
    """Describe in words what *value*, a point of *series*, is."""
    interval = series.interval_seconds
    within = f"in {describe_count(interval, 'second')}"
    if series.type is SeriesType.RATE:
        return f"per second: {value * interval:.12g} {within}"
    if series.type is SeriesType.COUNT:
        return within
    if sample.type is MetricType.GAUGE:
        return "the last value"
    if sample.type is MetricType.SET:
        return "how many different values"
    aggregate = series.name.removeprefix(f"{sample.name}.")
    percentile = aggregate.removesuffix("percentile")
    if percentile != aggregate:
        return f"{percentile} of 100 values are at most this"
    return _MEANINGS[aggregate]
