"""A sample in; the series that it becomes if nothing else arrives, out.

This is for people who want to know where a number will show. The server's own
namespace, mapping, filters and constant tags come on top.
"""

import math
from typing import Final

import attrs

from statsd_trio.protocol.messages import MetricType, Sample

_DEVICE: Final = "device:"
_RESOURCE: Final = "dd.internal.resource:"
_PERCENTILE: Final = 95


@attrs.frozen
class FutureSeries:
    """One series that a line adds to.

    Attributes:
        type: ``rate``, ``gauge`` or ``distribution``.
        value: of the point; None for a distribution, which is no single number,
            and where the value is too large for one.
        meaning: what the value is, in words.
        tags: sorted and without duplicates.
    """

    name: str
    type: str
    value: float | None
    meaning: str
    tags: tuple[str, ...] = ()
    host: str | None = None
    device: str | None = None


def forecast_series(
    sample: Sample, *, interval_seconds: int = 10
) -> tuple[FutureSeries, ...]:
    """List the series that *sample* becomes, alone in its interval.

    Source: datadog-agent, pkg/metrics (counter.go, gauge.go, histogram.go, set.go)
    and pkg/aggregator/no_aggregation_stream_worker.go.
    """
    if sample.timestamp is not None:
        return _forecast_stamped(sample, sample.timestamp, interval_seconds)
    match sample.type:
        case MetricType.COUNTER:
            total = sum(_numbers(sample)) * (1.0 / sample.sample_rate)
            meaning = f"per second: {_show(total)} in {interval_seconds} seconds"
            return (_series(sample, "", "rate", total / interval_seconds, meaning),)
        case MetricType.GAUGE:
            meaning = "the last value"
            return (_series(sample, "", "gauge", _numbers(sample)[-1], meaning),)
        case MetricType.SET:
            meaning = "how many different values"
            return (_series(sample, "", "gauge", 1.0, meaning),)
        case MetricType.DISTRIBUTION:
            meaning = "a sketch, from which Datadog computes any percentile"
            return (_series(sample, "", "distribution", None, meaning),)
        case _:
            return _forecast_histogram(sample, interval_seconds)


def measure_weight(sample: Sample) -> float:
    """Count for how many each value of *sample* stands.

    Source: datadog-agent, pkg/metrics/histogram.go and pkg/util/quantile/agent.go:
    histograms and distributions cut the reciprocal of the rate to a whole number.
    """
    if not has_effective_rate(sample):
        return 1.0
    weight = 1.0 / sample.sample_rate
    return weight if sample.type is MetricType.COUNTER else float(int(weight))


def has_effective_rate(sample: Sample) -> bool:
    """Whether the sample rate counts: not for a gauge, a set or what has a timestamp.

    Source: datadog-agent, pkg/metrics (gauge.go, set.go).
    """
    return sample.timestamp is None and sample.type not in {
        MetricType.GAUGE,
        MetricType.SET,
    }


def _forecast_stamped(
    sample: Sample, timestamp: int, interval_seconds: int
) -> tuple[FutureSeries, ...]:
    if sample.type is MetricType.GAUGE:
        meaning = f"as sent, at {timestamp}, not aggregated"
        return tuple(
            _series(sample, "", "gauge", value, meaning) for value in _numbers(sample)
        )
    return tuple(
        _series(
            sample,
            "",
            "rate",
            value / interval_seconds,
            f"per second: {_show(value)} in {interval_seconds} seconds, "
            f"at {timestamp}, not aggregated",
        )
        for value in _numbers(sample)
    )


def _forecast_histogram(
    sample: Sample, interval_seconds: int
) -> tuple[FutureSeries, ...]:
    values = sorted(_numbers(sample))
    exact_weight = 1.0 / sample.sample_rate
    weight = int(exact_weight)
    count = weight * len(values)
    total_weight = float(weight) * len(values)
    average = sum(values) / len(values) * (exact_weight / weight)
    # Each value has the same weight here, so the one that a rank falls on is found
    # by division.
    median = values[(count - 1) // 2 // weight]
    percentile = values[(_PERCENTILE * count - 1) // 100 // weight]
    rate = total_weight / interval_seconds
    return (
        _series(sample, ".max", "gauge", values[-1], "the largest value"),
        _series(sample, ".median", "gauge", median, "the middle value"),
        _series(sample, ".avg", "gauge", average, "the average"),
        _series(
            sample,
            ".count",
            "rate",
            rate,
            f"per second: {_show(total_weight)} in {interval_seconds} seconds",
        ),
        _series(
            sample,
            ".95percentile",
            "gauge",
            percentile,
            "95 of 100 values are at most this",
        ),
    )


def _series(
    sample: Sample, suffix: str, kind: str, value: float | None, meaning: str
) -> FutureSeries:
    tags: set[str] = set()
    device = None
    for tag in sample.tags:
        if tag.startswith(_DEVICE):
            device = tag.removeprefix(_DEVICE)
        elif not tag.startswith(_RESOURCE):
            tags.add(tag)
    return FutureSeries(
        name=sample.name + suffix,
        type=kind,
        value=value if value is not None and math.isfinite(value) else None,
        meaning=meaning,
        tags=tuple(sorted(tags)),
        host=sample.host,
        device=device,
    )


def _numbers(sample: Sample) -> list[float]:
    return [float(value) for value in sample.values]


def _show(number: float) -> str:
    return f"{number:.12g}"
