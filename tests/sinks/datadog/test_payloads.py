import json
import sys
import zlib
from collections import Counter
from typing import Any

import attrs
import pytest
from hypothesis import given, settings, strategies as st
from snapshots import EVENT, SERVICE_CHECK, make_series, make_sketch

from statsd_trio.aggregation.snapshot import (
    Point,
    Series,
    SeriesType,
    Sketch,
    SketchPoint,
    Snapshot,
)
from statsd_trio.protocol.messages import Event, ServiceCheck, ServiceStatus
from statsd_trio.sinks.datadog.agent_payload_pb2 import MetricPayload, SketchPayload
from statsd_trio.sinks.datadog.origins import Origin
from statsd_trio.sinks.datadog.payload_builder import Limits
from statsd_trio.sinks.datadog.payloads import (
    OTHER_LIMITS,
    SERIES_LIMITS,
    build_payloads,
)
from statsd_trio.sinks.datadog.routes import DatadogRoute
from statsd_trio.sinks.delivery.compression import ENCODINGS
from statsd_trio.sinks.delivery.payload import Dropped, Fault, Payload

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

EPOCH = 1_700_000_000


def decode(payload: Payload) -> bytes:
    if payload.encoding == "zstd":
        return zstd.decompress(payload.body)
    if payload.encoding:
        return zlib.decompress(payload.body, zlib.MAX_WBITS | 32)
    return payload.body


def build(
    snapshot: Snapshot,
    encoding: str = "",
    series_limits: Limits = SERIES_LIMITS,
    other_limits: Limits = OTHER_LIMITS,
) -> tuple[list[Payload], list[Dropped]]:
    payloads: list[Payload] = []
    dropped: list[Dropped] = []
    for step in build_payloads(
        snapshot, encoding, series_limits=series_limits, other_limits=other_limits
    ):
        if isinstance(step, Payload):
            payloads.append(step)
        elif step is not None:
            dropped.append(step)
    return payloads, dropped


def read_series(payloads: list[Payload]) -> list[MetricPayload.MetricSeries]:
    return [
        series
        for payload in payloads
        for series in MetricPayload.FromString(decode(payload)).series
    ]


@pytest.fixture
def full_snapshot() -> Snapshot:
    return Snapshot(
        EPOCH,
        10,
        series=(make_series("a", points=3), make_series("b")),
        sketches=(make_sketch("c", points=2),),
        events=(EVENT, EVENT),
        service_checks=(SERVICE_CHECK, SERVICE_CHECK),
    )


def test_every_kind_goes_to_its_route(full_snapshot: Snapshot) -> None:
    payloads, _ = build(full_snapshot)
    assert [payload.route.value for payload in payloads] == [
        "/api/v2/series",
        "/api/beta/sketches",
        "/api/v1/check_run",
        "/api/v1/events",
        "/api/v1/events",
    ]


@pytest.mark.parametrize("route", DatadogRoute)
def test_what_goes_elsewhere_is_left_out(
    full_snapshot: Snapshot, route: DatadogRoute
) -> None:
    steps = build_payloads(full_snapshot, "", routes=[route])
    assert {step.route for step in steps if step is not None} == {route}


def test_points_of_the_payloads_are_those_of_the_snapshot(
    full_snapshot: Snapshot,
) -> None:
    payloads, _ = build(full_snapshot)
    assert [payload.points for payload in payloads] == [4, 2, 2, 1, 1]
    assert sum(p.points for p in payloads) == full_snapshot.points.total


def test_empty_snapshot_has_no_payloads() -> None:
    assert build(Snapshot(EPOCH, 10)) == ([], [])


def test_series_without_points_is_not_sent() -> None:
    snapshot = Snapshot(EPOCH, 10, series=(make_series(points=0),))
    assert build(snapshot) == ([], [])


def test_series_has_the_fields_of_the_agent() -> None:
    series = Series(
        "disk.used",
        SeriesType.GAUGE,
        (Point(EPOCH, 1.5), Point(EPOCH + 10, -2.0)),
        tags=("a:b", "c"),
        host="web-1",
        device="sda",
        resources=(("cluster", "blue"),),
        interval_seconds=10,
        unit="millisecond",
    )
    payloads, _ = build(Snapshot(EPOCH, 10, series=(series,)))
    (decoded,) = read_series(payloads)
    assert decoded.metric == "disk.used"
    assert decoded.type == MetricPayload.GAUGE
    assert [(p.timestamp, p.value) for p in decoded.points] == [
        (EPOCH, 1.5),
        (EPOCH + 10, -2.0),
    ]
    assert list(decoded.tags) == ["a:b", "c"]
    assert [(r.type, r.name) for r in decoded.resources] == [
        ("host", "web-1"),
        ("device", "sda"),
        ("cluster", "blue"),
    ]
    assert (decoded.interval, decoded.unit) == (10, "millisecond")
    origin = decoded.metadata.origin
    assert (origin.origin_product, origin.origin_category) == (10, 10)


def read_origin(item: Series | Sketch) -> Origin | None:
    payloads, _ = build(
        Snapshot(
            EPOCH,
            10,
            series=(item,) if isinstance(item, Series) else (),
            sketches=(item,) if isinstance(item, Sketch) else (),
        )
    )
    body = decode(payloads[0])
    if isinstance(item, Series):
        (series,) = MetricPayload.FromString(body).series
        metadata = series.metadata
    else:
        (sketch,) = SketchPayload.FromString(body).sketches
        metadata = sketch.metadata
    if not metadata.HasField("origin"):
        return None
    origin = metadata.origin
    return Origin(origin.origin_product, origin.origin_category, origin.origin_service)


@pytest.mark.parametrize(
    ("name", "tags", "jmx_check_name", "origin"),
    [
        ("a", (), None, Origin(10, 10, 0)),
        ("a", (), "kafka", Origin(10, 11, 90)),
        ("a", ("origin:cloudrun",), None, Origin(1, 36, 472)),
        ("datadog.a", ("origin:cloudrun",), None, None),
    ],
)
def test_series_and_sketches_bear_their_origin(
    name: str, tags: tuple[str, ...], jmx_check_name: str | None, origin: Origin | None
) -> None:
    changes: dict[str, Any] = {
        "name": name,
        "tags": tags,
        "jmx_check_name": jmx_check_name,
    }
    assert read_origin(make_series()._replace(**changes)) == origin
    assert read_origin(attrs.evolve(make_sketch(), **changes)) == origin


def test_a_series_without_a_host_has_no_resource_for_it() -> None:
    payloads, _ = build(Snapshot(EPOCH, 10, series=(make_series(host=""),)))
    (decoded,) = read_series(payloads)
    assert list(decoded.resources) == []


@pytest.mark.parametrize(
    ("series_type", "number"),
    [(SeriesType.COUNT, 1), (SeriesType.RATE, 2), (SeriesType.GAUGE, 3)],
)
def test_series_types_have_the_numbers_of_the_intake(
    series_type: SeriesType, number: int
) -> None:
    payloads, _ = build(Snapshot(EPOCH, 10, series=(make_series(type=series_type),)))
    assert read_series(payloads)[0].type == number


def test_sketch_has_the_fields_of_the_agent() -> None:
    point = SketchPoint(EPOCH, 3, -1.0, 2.5, 4.0, 1.25, (-7, 0, 9), (1, 65535, 2))
    sketch = Sketch("latency", (point,), tags=("a:b",), host="web-1")
    payloads, _ = build(Snapshot(EPOCH, 10, sketches=(sketch,)))
    (decoded,) = SketchPayload.FromString(decode(payloads[0])).sketches
    assert (decoded.metric, decoded.host, list(decoded.tags)) == (
        "latency",
        "web-1",
        ["a:b"],
    )
    (dogsketch,) = decoded.dogsketches
    assert (dogsketch.ts, dogsketch.cnt) == (EPOCH, 3)
    assert (dogsketch.min, dogsketch.max) == (-1.0, 2.5)
    assert (dogsketch.sum, dogsketch.avg) == (4.0, 1.25)
    assert (list(dogsketch.k), list(dogsketch.n)) == ([-7, 0, 9], [1, 65535, 2])
    assert decoded.metadata.origin.origin_category == 10


def test_sketch_payload_ends_with_empty_metadata() -> None:
    payloads, _ = build(Snapshot(EPOCH, 10, sketches=(make_sketch(),)))
    assert decode(payloads[0]).endswith(b"\x12\x00")
    assert SketchPayload.FromString(decode(payloads[0])).HasField("metadata")


def test_event_is_the_public_api_s() -> None:
    event = Event(
        "Title",
        "Text",
        timestamp=EPOCH,
        host="web-1",
        aggregation_key="key",
        priority="low",
        source_type_name="nagios",
        alert_type="error",
        tags=("a:b",),
    )
    payloads, _ = build(Snapshot(EPOCH, 10, events=(event,)))
    assert json.loads(payloads[0].body) == {
        "title": "Title",
        "text": "Text",
        "date_happened": EPOCH,
        "host": "web-1",
        "aggregation_key": "key",
        "priority": "low",
        "source_type_name": "nagios",
        "alert_type": "error",
        "tags": ["a:b"],
    }


def test_unset_fields_of_an_event_are_left_out() -> None:
    payloads, _ = build(Snapshot(EPOCH, 10, events=(Event("Title", ""),)))
    assert json.loads(payloads[0].body) == {
        "title": "Title",
        "text": "",
        "priority": "normal",
        "alert_type": "info",
        "tags": [],
    }


def test_long_event_is_cut_to_what_the_intake_takes() -> None:
    long = attrs.evolve(EVENT, text="é" * 5000, aggregation_key="k" * 101)
    payloads, _ = build(Snapshot(EPOCH, 10, events=(long,)))
    decoded = json.loads(payloads[0].body)
    assert len(decoded["text"]) == 4000
    assert decoded["text"].endswith("é... (cut)")
    assert decoded["aggregation_key"] == "k" * 100


def test_event_text_at_the_limit_is_whole() -> None:
    exact = attrs.evolve(EVENT, text="x" * 4000)
    payloads, _ = build(Snapshot(EPOCH, 10, events=(exact,)))
    assert json.loads(payloads[0].body)["text"] == "x" * 4000


def test_events_are_not_compressed() -> None:
    payloads, _ = build(Snapshot(EPOCH, 10, events=(EVENT,)), "zstd")
    assert payloads[0].encoding == ""


def test_service_checks_have_every_key() -> None:
    check = ServiceCheck("db.up", ServiceStatus.UNKNOWN, EPOCH, "web-1", "down", ("a",))
    bare = ServiceCheck("db.up", ServiceStatus.OK)
    payloads, _ = build(Snapshot(EPOCH, 10, service_checks=(check, bare)))
    assert json.loads(payloads[0].body) == [
        {
            "check": "db.up",
            "host_name": "web-1",
            "timestamp": EPOCH,
            "status": 3,
            "message": "down",
            "tags": ["a"],
        },
        {
            "check": "db.up",
            "host_name": "",
            "timestamp": 0,
            "status": 0,
            "message": "",
            "tags": [],
        },
    ]


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_every_encoding_holds_the_same(full_snapshot: Snapshot, encoding: str) -> None:
    plain, _ = build(full_snapshot, "")
    encoded, _ = build(full_snapshot, encoding)
    assert [decode(payload) for payload in encoded] == [p.body for p in plain]


def test_series_of_exactly_the_points_of_a_payload_fits() -> None:
    snapshot = Snapshot(EPOCH, 10, series=(make_series(points=10_000),))
    payloads, dropped = build(snapshot)
    assert ([p.points for p in payloads], dropped) == ([10_000], [])
    assert len(read_series(payloads)[0].points) == 10_000


def test_series_of_too_many_points_is_dropped_alone() -> None:
    snapshot = Snapshot(
        EPOCH,
        10,
        series=(make_series("a"), make_series("b", points=10_001), make_series("c")),
    )
    payloads, dropped = build(snapshot)
    assert [series.metric for series in read_series(payloads)] == ["a", "c"]
    assert dropped == [Dropped(DatadogRoute.SERIES, "b", 10_001, Fault.OVERSIZE)]


def test_points_split_payloads_at_the_limit() -> None:
    snapshot = Snapshot(EPOCH, 10, series=tuple(make_series() for _ in range(10_001)))
    payloads, _ = build(snapshot, "zstd")
    assert [payload.points for payload in payloads] == [10_000, 1]


def test_item_longer_than_a_payload_is_dropped_alone() -> None:
    giant = make_series("giant", tags=("x" * 6_000_000,))
    snapshot = Snapshot(EPOCH, 10, series=(make_series("a"), giant, make_series("b")))
    payloads, dropped = build(snapshot, "zstd")
    assert [series.metric for series in read_series(payloads)] == ["a", "b"]
    assert dropped == [Dropped(DatadogRoute.SERIES, "giant", 1, Fault.OVERSIZE)]


def test_item_that_compresses_into_a_payload_is_kept() -> None:
    long = make_series("long", tags=("x" * 1_000_000,))
    payloads, dropped = build(Snapshot(EPOCH, 10, series=(long,)), "zstd")
    assert ([p.points for p in payloads], dropped) == ([1], [])


def test_item_that_compresses_too_badly_is_dropped() -> None:
    long = make_series("long", points=1, tags=("x" * 600_000,))
    payloads, dropped = build(Snapshot(EPOCH, 10, series=(long,)), "")
    assert (payloads, dropped) == (
        [],
        [Dropped(DatadogRoute.SERIES, "long", 1, Fault.OVERSIZE)],
    )


def test_item_that_cannot_be_encoded_takes_no_other_with_it() -> None:
    snapshot = Snapshot(
        EPOCH,
        10,
        series=(
            make_series("a"),
            make_series("lone \ud800 surrogate"),
            make_series("b", points=2, interval_seconds=2**70),
            make_series("c"),
        ),
    )
    payloads, dropped = build(snapshot)
    assert [series.metric for series in read_series(payloads)] == ["a", "c"]
    assert [(d.points, d.fault) for d in dropped] == [
        (1, Fault.UNENCODABLE),
        (2, Fault.UNENCODABLE),
    ]


def test_work_between_two_steps_is_small() -> None:
    # Steps are counted, since time on a shared machine proves nothing: one a series
    # or a piece of one, and one for each few sketches of 4096 bins.
    snapshot = Snapshot(
        EPOCH,
        10,
        series=(make_series(points=5000), *(make_series() for _ in range(100))),
        sketches=(make_sketch(points=20, bins=4096),),
    )
    steps = list(build_payloads(snapshot, "zstd"))
    assert steps.count(None) >= 5000 // 500 + 100 + 20 // 4


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@settings(max_examples=60)
@given(
    series=st.lists(st.tuples(names, st.integers(1, 9)), max_size=40),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    raw=st.integers(60, 2000),
    compressed=st.integers(300, 900),
    points=st.integers(3, 20),
)
def test_splitting_loses_and_doubles_nothing(
    series: list[tuple[str, int]],
    encoding: str,
    raw: int,
    compressed: int,
    points: int,
) -> None:
    limits = Limits(compressed, raw, points)
    snapshot = Snapshot(
        EPOCH,
        10,
        series=tuple(
            Series(
                f"{index}.{name}",
                SeriesType.COUNT,
                tuple(Point(EPOCH + n, float(n)) for n in range(count)),
            )
            for index, (name, count) in enumerate(series)
        ),
    )
    payloads, dropped = build(snapshot, encoding, series_limits=limits)
    for payload in payloads:
        assert len(payload.body) <= compressed
        assert len(decode(payload)) <= raw
        assert payload.points <= points
        assert payload.route is DatadogRoute.SERIES
    sent = Counter(
        {one.metric: len(one.points) for one in read_series(payloads)}
    ) + Counter({one.name: one.points for one in dropped})
    assert sent == Counter({one.name: len(one.points) for one in snapshot.series})
    assert sum(p.points for p in payloads) + sum(d.points for d in dropped) == sum(
        count for _, count in series
    )


@settings(max_examples=60)
@given(
    messages=st.lists(names, max_size=30),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    raw=st.integers(150, 1000),
    compressed=st.integers(400, 900),
)
def test_splitting_service_checks_keeps_each_payload_an_array(
    messages: list[str], encoding: str, raw: int, compressed: int
) -> None:
    snapshot = Snapshot(
        EPOCH,
        10,
        service_checks=tuple(
            ServiceCheck(str(index), ServiceStatus.OK, EPOCH, "h", message)
            for index, message in enumerate(messages)
        ),
    )
    payloads, dropped = build(snapshot, encoding, other_limits=Limits(compressed, raw))
    for payload in payloads:
        assert len(payload.body) <= compressed
        assert len(decode(payload)) <= raw
    sent = [check["check"] for p in payloads for check in json.loads(decode(p))]
    assert sorted(sent + [one.name for one in dropped]) == sorted(
        str(index) for index in range(len(messages))
    )


def test_level_of_zstd_decides_how_short_payloads_are() -> None:
    points = tuple(Point(EPOCH + 10 * i, (i * 7919) % 1009) for i in range(5000))
    series = Series("a", SeriesType.GAUGE, points)
    snapshot = Snapshot(EPOCH, interval_seconds=10, series=(series,))

    sizes = [
        sum(
            len(step.body)
            for step in build_payloads(snapshot, "zstd", zstd_level=level)
            if isinstance(step, Payload)
        )
        for level in (1, 9)
    ]

    assert sizes[0] > sizes[1]
