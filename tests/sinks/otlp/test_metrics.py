"""What becomes of series and sketches, read back with OpenTelemetry's own messages."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from statsd_trio.aggregation.snapshot import (
    Point,
    Series,
    SeriesType,
    Sketch,
    SketchPoint,
    Snapshot,
)
from statsd_trio.engine.sketch import QuantileSketch
from statsd_trio.sinks.delivery.payload import Dropped, Fault, Payload
from statsd_trio.sinks.otlp.metrics import DataPoints, MetricConverter
from statsd_trio.sinks.otlp.payload_builder import MetricsBuilder
from statsd_trio.sinks.otlp.routes import OtlpRoute
from statsd_trio.sinks.otlp.settings import OtlpSettings, Temporality
from statsd_trio.sinks.otlp.totals import Sum, Totals

EPOCH = 1_700_000_000
SECOND = 1_000_000_000
CUMULATIVE, DELTA = 2, 1


class Exporter:
    def __init__(self, max_bytes: int = 1 << 20, **settings: Any) -> None:
        self.settings = OtlpSettings(**{"started": EPOCH - 100, **settings})
        self.converter = MetricConverter(self.settings)
        self.max_bytes = max_bytes
        self.faults: list[Dropped] = []
        self.points = 0

    def build(self, snapshot: Snapshot) -> Iterator[Payload]:
        builder = MetricsBuilder(self.settings.resource, self.max_bytes)
        results: list[Payload | Dropped] = []
        for step in self.converter.convert(snapshot):
            if isinstance(step, DataPoints):
                results += builder.add(step)
            elif step is not None:
                self.faults.append(step)
        results += builder.close()
        for result in results:
            if isinstance(result, Payload):
                assert len(result.body) <= self.max_bytes
                yield result
            else:
                self.faults.append(result)

    def count_totals(self) -> int:
        return len(self.converter._sums) + len(self.converter._histograms)

    def export(self, snapshot: Snapshot) -> list[Any]:
        """Return all metrics, with `resource` beside each."""
        found = []
        for payload in self.build(snapshot):
            self.points += payload.points
            request = ExportMetricsServiceRequest.FromString(payload.body)
            for resource in request.resource_metrics:
                attributes = {
                    one.key: one.value.string_value
                    for one in resource.resource.attributes
                }
                (scope,) = resource.scope_metrics
                assert scope.scope.name == "statsd_trio"
                found += [(attributes, metric) for metric in scope.metrics]
        return found

    def export_points(self, snapshot: Snapshot) -> list[Any]:
        """Return all points of the one metric of *snapshot*."""
        ((_, metric),) = self.export(snapshot)
        return list(getattr(metric, metric.WhichOneof("data")).data_points)


def take(*sources: Series | Sketch, start: int = EPOCH, **fields: Any) -> Snapshot:
    return Snapshot(
        start + 10,
        10,
        series=tuple(one for one in sources if isinstance(one, Series)),
        sketches=tuple(one for one in sources if isinstance(one, Sketch)),
        starts=frozenset({start}),
        **fields,
    )


def counter(value: float, start: int = EPOCH, **fields: Any) -> Series:
    points = (Point(start, value / 10),)
    return Series("hits", SeriesType.RATE, points, **fields)


def describe(values: list[float], start: int = EPOCH) -> SketchPoint:
    sketch = QuantileSketch()
    sketch.insert(values)
    return SketchPoint(start, *sketch.describe())


def distribution(values: list[float], start: int = EPOCH, **fields: Any) -> Sketch:
    return Sketch("size", (describe(values, start),), **fields)


def read(points: Sequence[Any]) -> list[tuple[float, float, float]]:
    """Return (start, time, value) of number points, in seconds after the epoch."""
    return [
        (
            (one.start_time_unix_nano - EPOCH * SECOND) / SECOND,
            (one.time_unix_nano - EPOCH * SECOND) / SECOND,
            one.as_double,
        )
        for one in points
    ]


def test_a_counter_is_a_cumulative_sum_that_begins_with_zero() -> None:
    exporter = Exporter()
    ((resource, metric),) = exporter.export(take(counter(5)))
    assert metric.name == "hits"
    assert resource == {"service.name": "unknown_service:statsd-trio"}
    assert metric.sum.is_monotonic
    assert metric.sum.aggregation_temporality == CUMULATIVE
    assert read(metric.sum.data_points) == [(0, 0, 0), (0, 10, 5)]
    points = exporter.export_points(take(counter(3, EPOCH + 10), start=EPOCH + 10))
    assert read(points) == [(0, 20, 8)]
    # The zero at the start is none of the snapshot's points.
    assert exporter.points == 2


def test_a_count_is_taken_as_it_is() -> None:
    series = Series("hits", SeriesType.COUNT, (Point(EPOCH, 5.0),))
    assert read(Exporter().export_points(take(series)))[1] == (0, 10, 5)


@given(
    st.integers(min_value=1, max_value=2**50), st.integers(min_value=1, max_value=3600)
)
def test_a_rate_becomes_the_count_that_it_was(count: int, interval: int) -> None:
    series = Series(
        "hits",
        SeriesType.RATE,
        (Point(EPOCH, count / interval),),
        interval_seconds=interval,
    )
    points = Exporter(temporality=Temporality.DELTA).export_points(take(series))
    assert points[0].as_double == count


def test_a_series_that_expired_begins_anew() -> None:
    exporter = Exporter(expiry_seconds=30)
    exporter.export(take(counter(5)))
    later = EPOCH + 50
    points = exporter.export_points(take(counter(3, later), start=later))
    assert read(points) == [(50, 50, 0), (50, 60, 3)]


def test_a_restart_is_seen_by_its_start_time() -> None:
    # In the middle of an interval, which the server before has sent a part of.
    exporter = Exporter(started=EPOCH + 7.25)
    points = exporter.export_points(take(counter(5)))
    assert read(points) == [(7.25, 7.25, 0), (7.25, 10, 5)]


def test_a_negative_count_makes_the_sum_non_monotonic() -> None:
    exporter = Exporter()
    exporter.export(take(counter(5)))
    start = EPOCH + 10
    ((_, metric),) = exporter.export(take(counter(-2, start), start=start))
    assert not metric.sum.is_monotonic
    assert read(metric.sum.data_points) == [(0, 20, 3)]
    start += 10
    # All of the name, so that it is one metric.
    snapshot = take(counter(1, start), counter(1, start, tags=("a:1",)), start=start)
    ((_, metric),) = exporter.export(snapshot)
    assert not metric.sum.is_monotonic


def test_a_sum_is_monotonic_again_when_the_fall_is_forgotten() -> None:
    exporter = Exporter(expiry_seconds=30)
    exporter.export(take(counter(-5)))
    later = EPOCH + 50
    ((_, metric),) = exporter.export(take(counter(3, later), start=later))
    assert metric.sum.is_monotonic
    assert read(metric.sum.data_points) == [(50, 50, 0), (50, 60, 3)]


def test_names_that_may_fall_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statsd_trio.sinks.otlp.metric_groups._MAX_FALLING_NAMES", 2)
    exporter = Exporter()
    names = ("a", "b", "c")
    exporter.export(
        take(*[Series(name, SeriesType.COUNT, (Point(EPOCH, -1.0),)) for name in names])
    )
    start = EPOCH + 10
    found = exporter.export(
        take(
            *[Series(name, SeriesType.COUNT, (Point(start, 1.0),)) for name in names],
            start=start,
        )
    )
    assert {metric.name: metric.sum.is_monotonic for _, metric in found} == {
        "a": True,
        "b": False,
        "c": False,
    }


def test_what_is_left_out_holds_nobody_up() -> None:
    point = (Point(EPOCH, 1.0),)
    series = [
        Series("h.max", SeriesType.GAUGE, point, (f"n:{n}",), is_aggregate=True)
        for n in range(1000)
    ]
    converter = MetricConverter(OtlpSettings())
    steps = list(converter.convert(take(*series)))
    assert steps.count(None) == len(steps)
    assert len(steps) > 1000 / 100


@pytest.mark.parametrize("temporality", [Temporality.DELTA, Temporality.LOWMEMORY])
def test_a_delta_counts_its_interval(temporality: Temporality) -> None:
    exporter = Exporter(temporality=temporality)
    exporter.export(take(counter(5)))
    start = EPOCH + 10
    ((_, metric),) = exporter.export(take(counter(3, start), start=start))
    assert metric.sum.aggregation_temporality == DELTA
    assert metric.sum.is_monotonic
    assert read(metric.sum.data_points) == [(10, 20, 3)]
    assert exporter.count_totals() == 0


def test_a_delta_of_what_may_fall_is_cumulative() -> None:
    exporter = Exporter(temporality=Temporality.DELTA)
    ((_, metric),) = exporter.export(take(counter(-5)))
    assert metric.sum.aggregation_temporality == CUMULATIVE
    assert not metric.sum.is_monotonic


def test_a_gauge_keeps_its_value_and_its_tags() -> None:
    series = Series("load", SeriesType.GAUGE, (Point(EPOCH, 0.5),), tags=("cpu:1",))
    ((_, metric),) = Exporter().export(take(series))
    (point,) = metric.gauge.data_points
    assert point.as_double == 0.5
    assert point.time_unix_nano == (EPOCH + 10) * SECOND
    assert [(one.key, one.value.string_value) for one in point.attributes] == [
        ("cpu", "1")
    ]


def test_a_value_with_a_time_keeps_it() -> None:
    gauge = Series("load", SeriesType.GAUGE, (Point(EPOCH - 33, 0.5),))
    (point,) = Exporter().export_points(take(gauge))
    assert point.time_unix_nano == (EPOCH - 33) * SECOND
    series = Series("hits", SeriesType.COUNT, (Point(EPOCH + 3, 5.0),))
    delta = Exporter(temporality=Temporality.DELTA).export_points(take(series))
    assert read(delta) == [(2, 3, 5)]
    assert read(Exporter().export_points(take(series))) == [(2, 2, 0), (2, 3, 5)]


def test_a_count_of_the_past_is_added_where_the_series_is() -> None:
    exporter = Exporter()
    exporter.export(take(counter(5)))
    late = Series("hits", SeriesType.RATE, (Point(EPOCH - 100, 0.3),))
    start = EPOCH + 10
    points = exporter.export_points(take(late, start=start))
    # No point of a cumulative series comes before another that was sent.
    assert read(points) == [(0, 10.001, 8)]


@pytest.mark.parametrize("timestamp", [EPOCH + 86_400, EPOCH * 1000, EPOCH * SECOND])
def test_a_time_in_the_future_does_not_carry_the_series_along(timestamp: int) -> None:
    exporter = Exporter()
    ahead = Series("hits", SeriesType.COUNT, (Point(timestamp, 5.0),))
    assert exporter.export_points(take(ahead))[-1].as_double == 5
    start = EPOCH + 10
    points = exporter.export_points(take(counter(3, start), start=start))
    assert [(time, value) for _, time, value in read(points)] == [(20, 8)]
    values = Sketch("size", (describe([1.0], timestamp),))
    exporter.export(take(values))
    (point,) = exporter.export_points(
        take(distribution([2.0], start=start), start=start)
    )
    assert (point.time_unix_nano, point.count) == ((start + 10) * SECOND, 2)
    assert not exporter.faults


def test_counts_older_than_the_expiry_are_added_up() -> None:
    exporter = Exporter(expiry_seconds=30)
    sent: list[Any] = []
    for number, count in enumerate((9.0, 7.0)):
        start = EPOCH + 10 * number
        late = Series("hits", SeriesType.COUNT, (Point(EPOCH - 3600, count),))
        sent.append(exporter.export_points(take(late, start=start))[-1])
    assert sent[1].as_double == 16
    assert sent[0].time_unix_nano < sent[1].time_unix_nano


def test_a_future_time_keeps_nothing_from_expiring() -> None:
    exporter = Exporter(expiry_seconds=30)
    exporter.export(
        take(
            Series("ahead", SeriesType.COUNT, (Point(EPOCH + 86_400, 1.0),)),
            counter(1),
        )
    )
    assert exporter.count_totals() == 2
    later = EPOCH + 50
    exporter.export(take(start=later))
    assert exporter.count_totals() == 0


def test_a_sum_that_fell_stays_what_it_is_while_it_is_used() -> None:
    exporter = Exporter(expiry_seconds=30)
    exporter.export(take(counter(-1)))
    for number in range(1, 8):
        start = EPOCH + 10 * number
        ((_, metric),) = exporter.export(take(counter(5, start), start=start))
        assert not metric.sum.is_monotonic


def test_an_early_flush_ends_when_it_was_asked_for() -> None:
    snapshot = Snapshot(EPOCH + 4, 10, series=(counter(5),), starts=frozenset({EPOCH}))
    assert read(Exporter().export_points(snapshot))[1] == (0, 4, 5)


def test_a_total_that_is_no_number_any_more_begins_anew() -> None:
    exporter = Exporter()
    huge = Series("hits", SeriesType.COUNT, (Point(EPOCH, 1.7e308),))
    exporter.export(take(huge))
    points = exporter.export_points(take(huge))
    assert [one.as_double for one in points] == [0, 1.7e308]


def test_a_distribution_is_an_exponential_histogram() -> None:
    exporter = Exporter()
    ((_, metric),) = exporter.export(take(distribution([1.0, 2.0, 2.0, 0.0])))
    assert metric.name == "size"
    histogram = metric.exponential_histogram
    assert histogram.aggregation_temporality == CUMULATIVE
    zero, point = histogram.data_points
    assert zero.count == zero.sum == 0
    assert not zero.HasField("min")
    assert zero.time_unix_nano == zero.start_time_unix_nano == EPOCH * SECOND
    assert (point.count, point.sum, point.min, point.max) == (4, 5, 0, 2)
    assert point.zero_count == 1
    assert sum(point.positive.bucket_counts) == 3
    start = EPOCH + 10
    (point,) = exporter.export_points(take(distribution([3.0], start), start=start))
    assert (point.count, point.sum, point.min, point.max) == (5, 8, 0, 3)
    assert point.start_time_unix_nano == EPOCH * SECOND


def test_a_histogram_begins_anew_when_its_buckets_change() -> None:
    exporter = Exporter()
    exporter.export(take(distribution([1000.0, 1100.0])))
    start = EPOCH + 10
    points = exporter.export_points(take(distribution([0.25], start), start=start))
    zero, point = points
    assert zero.count == 0
    # Only what came since: the buckets before were finer.
    assert (point.count, point.sum) == (1, 0.25)
    assert point.start_time_unix_nano == zero.time_unix_nano > start * SECOND
    assert point.scale < 4
    # It knows by now how wide its values are spread, and stays as it is.
    start += 10
    values = [0.25, 1000.0]
    (later,) = exporter.export_points(take(distribution(values, start), start=start))
    assert later.scale == point.scale
    assert later.count == 3
    assert later.start_time_unix_nano == point.start_time_unix_nano


def test_a_delta_histogram_holds_its_interval() -> None:
    exporter = Exporter(temporality=Temporality.DELTA)
    exporter.export(take(distribution([1.0])))
    start = EPOCH + 10
    ((_, metric),) = exporter.export(take(distribution([7.0], start), start=start))
    assert metric.exponential_histogram.aggregation_temporality == DELTA
    (point,) = metric.exponential_histogram.data_points
    assert (point.count, point.sum, point.min, point.max) == (1, 7, 7, 7)


def make_timer() -> tuple[tuple[Series, ...], tuple[Sketch, ...]]:
    aggregates = (
        Series(
            "t.max",
            SeriesType.GAUGE,
            (Point(EPOCH, 4.0),),
            unit="millisecond",
            is_aggregate=True,
        ),
        Series("t.count", SeriesType.RATE, (Point(EPOCH, 0.3),), is_aggregate=True),
    )
    return aggregates, (Sketch("t", (describe([1.0, 2.0, 4.0]),), unit="millisecond"),)


def test_a_timer_is_an_exponential_histogram_in_milliseconds() -> None:
    series, histograms = make_timer()
    ((_, metric),) = Exporter().export(take(*series, histograms=histograms))
    assert (metric.name, metric.unit) == ("t", "ms")
    assert metric.exponential_histogram.data_points[1].count == 3


def test_a_timer_is_the_figures_of_the_agent_if_asked_for() -> None:
    series, _ = make_timer()
    found = Exporter(sends_aggregates=True).export(take(*series))
    kinds = {
        metric.name: (metric.WhichOneof("data"), metric.unit) for _, metric in found
    }
    assert kinds == {"t.max": ("gauge", "ms"), "t.count": ("sum", "")}


def test_series_are_sorted_by_resource_and_metric() -> None:
    exporter = Exporter(resource={"service.name": "web", "team": "x"})
    sources = [
        counter(1, host=host, tags=(f"path:{path}",))
        for path in range(3)
        for host in ("a", "b")
    ]
    found = exporter.export(take(*sources))
    assert [resource for resource, _ in found] == [
        {
            "service.name": "web",
            "team": "x",
            "host.name": host,
            "service.instance.id": host,
        }
        for host in ("a", "b")
    ]
    assert all(len(metric.sum.data_points) == 6 for _, metric in found)
    assert exporter.points == 6


def test_joined_tags_are_counted() -> None:
    exporter = Exporter()
    exporter.export(take(counter(1, tags=("a:1", "a:2", "b"))))
    assert exporter.converter.joined_tags == 1


@given(st.integers(min_value=400, max_value=5000))
def test_bodies_are_bounded_and_lose_nothing(max_bytes: int) -> None:
    exporter = Exporter(max_bytes=max_bytes)
    sources = [counter(n + 1, tags=(f"n:{n:05}",), host=f"h{n % 2}") for n in range(40)]
    found = exporter.export(take(*sources))
    assert not exporter.faults
    totals = sorted(
        point.as_double
        for _, metric in found
        for point in metric.sum.data_points
        if point.as_double
    )
    assert totals == [float(n + 1) for n in range(40)]
    assert exporter.points == 40


def test_a_series_of_many_points_is_sent_in_parts() -> None:
    exporter = Exporter(max_bytes=5000)
    points = tuple(Point(EPOCH + n, float(n)) for n in range(1000))
    series = Series("load", SeriesType.GAUGE, points)
    found = exporter.export(take(series))
    assert not exporter.faults
    assert exporter.points == 1000
    assert len(found) > 1
    assert [
        point.as_double for _, metric in found for point in metric.gauge.data_points
    ] == [float(n) for n in range(1000)]


def test_what_cannot_be_encoded_halfway_counts_the_rest() -> None:
    exporter = Exporter()
    points = [Point(EPOCH + n, float(n)) for n in range(100)]
    points[70] = Point(2**70, 1.0)
    exporter.export(take(Series("load", SeriesType.GAUGE, tuple(points))))
    assert exporter.faults == [
        Dropped(OtlpRoute.METRICS, "load", 50, Fault.UNENCODABLE)
    ]
    assert exporter.points == 50


def test_what_fits_no_request_is_named_and_costs_only_itself() -> None:
    exporter = Exporter(max_bytes=2000)
    found = exporter.export(take(counter(1, tags=("a:" + "x" * 3000,)), counter(2)))
    assert exporter.faults == [Dropped(OtlpRoute.METRICS, "hits", 1, Fault.OVERSIZE)]
    assert len(found) == 1
    assert exporter.points == 1


@pytest.mark.parametrize(
    "fields",
    [{"tags": ("a:\ud800",)}, {"host": "\ud800"}, {"tags": ("service:\ud800",)}],
)
def test_what_protobuf_cannot_hold_costs_only_itself(fields: dict[str, Any]) -> None:
    exporter = Exporter()
    found = exporter.export(take(counter(1, **fields), counter(2)))
    assert exporter.faults == [Dropped(OtlpRoute.METRICS, "hits", 1, Fault.UNENCODABLE)]
    assert len(found) == 1


def test_a_name_that_protobuf_cannot_hold_costs_only_itself() -> None:
    exporter = Exporter()
    bad = Series("\ud800", SeriesType.GAUGE, (Point(EPOCH, 1.0),))
    assert len(exporter.export(take(bad, counter(2)))) == 1
    assert exporter.faults == [
        Dropped(OtlpRoute.METRICS, "\ud800", 1, Fault.UNENCODABLE)
    ]


def test_totals_are_bounded() -> None:
    totals = Totals(Sum, 3)
    for n in range(5):
        totals.find((n,), 0, 0)
    assert len(totals) == 3
    _, is_new = totals.find((4,), 0, 0)
    assert not is_new
    _, is_new = totals.find((0,), 0, 0)
    assert is_new


def test_many_totals_expire_in_steps() -> None:
    totals = Totals(Sum, 10_000)
    for n in range(1000):
        totals.find((n,), n, n)
    steps = sum(1 for _ in totals.expire(900))
    assert len(totals) == 100
    assert steps >= 3


@given(st.lists(st.integers(min_value=0, max_value=1000), min_size=1, max_size=20))
def test_the_last_total_is_all_that_came(counts: list[int]) -> None:
    exporter = Exporter()
    points: list[Any] = []
    for number, count in enumerate(counts):
        start = EPOCH + 10 * number
        points += exporter.export_points(take(counter(count, start), start=start))
    values = [one.as_double for one in points]
    times = [one.time_unix_nano for one in points]
    assert values[-1] == sum(counts)
    assert values == sorted(values)
    assert times == sorted(set(times))
