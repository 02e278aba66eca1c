"""Convert a snapshot to data points of OTLP, each with the metric that it belongs to.

A snapshot has the values of one interval. A cumulative point has the values since its
series began, so a running total is kept for each series. A series begins with a point
of zero at its start time. Without it, an engine that only knows what it was sent could
not distinguish the first value from one that was there before, and would leave it out
of the increase.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final, NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    ExponentialHistogramDataPoint,
    NumberDataPoint,
)

from statsd_trio.aggregation.snapshot import (
    Point,
    Series,
    SeriesType,
    Sketch,
    SketchPoint,
    Snapshot,
)
from statsd_trio.sinks.delivery.payload import Dropped, Fault
from statsd_trio.sinks.otlp.attributes import Labels, Resource, read_labels
from statsd_trio.sinks.otlp.exponential import ExponentialHistogram
from statsd_trio.sinks.otlp.metric_groups import (
    Groups,
    MetricGrouper,
    MetricKey,
    Source,
)
from statsd_trio.sinks.otlp.routes import OtlpRoute
from statsd_trio.sinks.otlp.settings import OtlpSettings
from statsd_trio.sinks.otlp.totals import (
    LEAST_STEP,
    Histogram,
    SeriesKey,
    Sum,
    Totals,
)

CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA

_SECOND: Final = 1_000_000_000

# How many points of one series are encoded before other tasks may run; about 0.5 ms.
_POINTS_PER_STEP: Final = 50
_SKETCHES_PER_STEP: Final = 4


class DataPoints(NamedTuple):
    """Some points of one series.

    Attributes:
        points: how many points of the snapshot they are, without a zero at the start.
        encoded: each point in protobuf.
    """

    resource: Resource
    metric: MetricKey
    points: int
    encoded: Sequence[bytes]


class MetricConverter:
    """Converts one snapshot after the other.

    Attributes:
        joined_tags: how many tags had the same key as another one, in total.
    """

    def __init__(self, settings: OtlpSettings) -> None:
        self._settings = settings
        # In whole milliseconds, because that is the precision of engines.
        self._started = math.ceil(settings.started * 1000) * LEAST_STEP
        self._sums = Totals(Sum, settings.max_series)
        self._histograms = Totals(Histogram, settings.max_series)
        self._grouper = MetricGrouper(settings)
        self.joined_tags = 0

    def convert(self, snapshot: Snapshot) -> Iterator[DataPoints | Dropped | None]:
        """Yield the points of *snapshot*, those of one metric after the other.

        None is a good moment to let other tasks run.
        """
        now = snapshot.time * _SECOND
        before = now - int(self._settings.expiry_seconds * _SECOND)
        yield from self._sums.expire(before)
        yield from self._histograms.expire(before)
        groups: Groups = {}
        yield from self._grouper.group(snapshot, groups, now, before)
        for resource in list(groups):
            metrics = groups.pop(resource)
            for metric in list(metrics):
                sources = metrics.pop(metric)
                # Freed one by one, because a hundred thousand at the end would take
                # long.
                sources.reverse()
                while sources:
                    source = sources.pop()
                    yield from self._convert_source(snapshot, resource, metric, source)

    def _convert_source(
        self, snapshot: Snapshot, resource: Resource, metric: MetricKey, source: Source
    ) -> Iterator[DataPoints | Dropped]:
        left = len(source.points)
        # A host program may pass values that protobuf cannot hold.
        try:
            # The name is not part of the points, but must be valid too.
            _ = source.name.encode()
            labels = _read_labels(source)
            self.joined_tags += labels.joined
            attributes = labels.attributes
            if isinstance(source, Sketch):
                step = _SKETCHES_PER_STEP
                converted = (
                    self._convert_sketch(snapshot, metric, source, point, attributes)
                    for point in source.points
                )
            else:
                step = _POINTS_PER_STEP
                converted = (
                    self._convert_number(snapshot, metric, source, point, attributes)
                    for point in source.points
                )
            while part := list(islice(converted, step)):
                encoded = list(chain.from_iterable(part))
                left -= len(part)
                yield DataPoints(resource, metric, len(part), encoded)
        except (ValueError, TypeError, OverflowError):
            yield Dropped(OtlpRoute.METRICS, source.name, left, Fault.UNENCODABLE)

    def _convert_number(
        self,
        snapshot: Snapshot,
        metric: MetricKey,
        series: Series,
        point: Point,
        attributes: Sequence[KeyValue],
    ) -> Iterator[bytes]:
        if metric.kind == "sum":
            yield from self._convert_sum(snapshot, metric, series, point, attributes)
        else:
            _, time = self._find_times(snapshot, point.timestamp)
            yield NumberDataPoint(
                attributes=attributes, time_unix_nano=time, as_double=point.value
            ).SerializeToString()

    def _convert_sum(
        self,
        snapshot: Snapshot,
        metric: MetricKey,
        series: Series,
        point: Point,
        attributes: Sequence[KeyValue],
    ) -> Iterator[bytes]:
        start, time = self._find_times(snapshot, point.timestamp)
        value = _count(series, point)
        if metric.is_delta:
            yield _encode_number(attributes, start, time, value)
            return
        key = _identify(series)
        now = snapshot.time * _SECOND
        start, time = _end_by(now, start, time)
        total, is_new = self._sums.find(key, start, now)
        if not math.isfinite(total.value + value):
            # The total cannot continue, so it begins again.
            start = max(start, total.last + LEAST_STEP)
            self._sums.forget(key)
            total, is_new = self._sums.find(key, start, now)
        if is_new:
            yield _encode_number(attributes, start, start, 0.0)
        total.value += value
        yield _encode_number(attributes, total.start, total.advance(time), total.value)

    def _convert_sketch(
        self,
        snapshot: Snapshot,
        metric: MetricKey,
        sketch: Sketch,
        point: SketchPoint,
        attributes: Sequence[KeyValue],
    ) -> Iterator[bytes]:
        start, time = self._find_times(snapshot, point.timestamp)
        if metric.is_delta:
            values = ExponentialHistogram()
            values.add(point)
            yield _encode_histogram(attributes, start, time, values)
            return
        key = (sketch.name, sketch.host, sketch.tags, sketch.unit)
        now = snapshot.time * _SECOND
        start, time = _end_by(now, start, time)
        total, is_new = self._histograms.find(key, start, now)
        scale = total.values.scale
        if not is_new:
            total.values.add(point)
            if total.values.scale < scale or not math.isfinite(total.values.sum):
                # Some engines keep each bucket as a series of its own. For them, other
                # buckets are other series, which would count again what the old ones
                # have counted. Therefore the histogram begins again when its buckets
                # change.
                scale = total.values.scale
                start = max(start, total.last + LEAST_STEP)
                self._histograms.forget(key)
                total, is_new = self._histograms.find(key, start, now)
        if is_new:
            total.values = ExponentialHistogram(scale)
            yield _encode_histogram(attributes, start, start, total.values)
            total.values.add(point)
        yield _encode_histogram(
            attributes, total.start, total.advance(time), total.values
        )

    def _find_times(self, snapshot: Snapshot, timestamp: int) -> tuple[int, int]:
        """Return the interval of a point in nanoseconds, without its start.

        If a client gave a point its own time, the interval is the second that ends
        then.
        """
        if timestamp in snapshot.starts:
            end = timestamp + snapshot.interval_seconds
            # An interval that was flushed early is not over yet.
            time = min(end, max(snapshot.time, timestamp)) * _SECOND
            start = max(timestamp * _SECOND, min(self._started, time - LEAST_STEP))
        else:
            time = timestamp * _SECOND
            start = time - _SECOND
        return max(min(start, time - LEAST_STEP), 0), time


def _end_by(now: int, start: int, time: int) -> tuple[int, int]:
    """Return when a point begins and ends; if that is in the future, it ends now.

    After a point in the future, a total could only continue later than that.
    """
    time = min(time, now)
    return max(min(start, time - LEAST_STEP), 0), time


def _read_labels(source: Source) -> Labels:
    if isinstance(source, Sketch):
        return read_labels(source.tags, source.host)
    device = [("device", source.device)] if source.device else []
    return read_labels(source.tags, source.host, (*device, *source.resources))


def _count(series: Series, point: Point) -> float:
    """Return what was counted, which for a rate was divided by the interval."""
    if series.type is not SeriesType.RATE:
        return point.value
    count = point.value * series.interval_seconds
    # The division and the multiplication may have changed the last bits of a whole
    # number.
    whole = float(round(count))
    return whole if math.isclose(count, whole, rel_tol=1e-15) else count


def _identify(series: Series) -> SeriesKey:
    return (series.name, series.host, series.tags, series.device, series.resources)


def _encode_number(
    attributes: Sequence[KeyValue], start: int, time: int, value: float
) -> bytes:
    return NumberDataPoint(
        attributes=attributes,
        start_time_unix_nano=start,
        time_unix_nano=time,
        as_double=value,
    ).SerializeToString()


def _encode_histogram(
    attributes: Sequence[KeyValue], start: int, time: int, values: ExponentialHistogram
) -> bytes:
    point = ExponentialHistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=start,
        time_unix_nano=time,
        count=values.count,
        sum=values.sum,
        scale=values.scale,
        zero_count=values.zeros,
    )
    if values.count:
        point.min, point.max = values.min, values.max
    for sent, buckets in (
        (point.positive, values.positive),
        (point.negative, values.negative),
    ):
        if buckets.counts:
            sent.offset = buckets.low
            sent.bucket_counts.extend(buckets.counts)
    return point.SerializeToString()
