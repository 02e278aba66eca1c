import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st

from statsd_trio.mock_intake import ReceivedOrigin, ReceivedSeries, ReceivedSketch
from statsd_trio.mock_intake.protobuf_bodies import (
    read_series_protobuf,
    read_sketches_protobuf,
)
from statsd_trio.mock_intake.received import PayloadError
from statsd_trio.mock_intake.wire import WireError
from tests.mock_intake.conftest import Encoder


def read_series(body: bytes) -> list[ReceivedSeries]:
    return list(read_series_protobuf(body))


def read_sketches(body: bytes) -> list[ReceivedSketch]:
    return list(read_sketches_protobuf(body))


def test_an_empty_body_holds_nothing(encode: Encoder) -> None:
    assert read_series(b"") == []
    assert read_sketches(b"") == []


def test_unknown_fields_are_skipped(encode: Encoder) -> None:
    unknown = encode.block(15, b"\xff")
    body = unknown + encode.series_payload(
        encode.series(resources=[("host", "a")]) + unknown
    )
    (series,) = read_series(body)
    assert (series.name, series.host) == ("page.views", "a")


def test_unknown_fields_of_a_sketch_are_skipped(encode: Encoder) -> None:
    unknown = encode.block(15, b"\xff")
    point = encode.sketch_point() + unknown
    body = unknown + encode.sketch_payload(encode.sketch("a", point) + unknown)
    assert [sketch.name for sketch in read_sketches(body)] == ["a"]


def test_the_first_resource_of_type_host_is_the_host(encode: Encoder) -> None:
    resources = [("device", "sda"), ("host", "a"), ("host", "b")]
    (series,) = read_series(encode.series_payload(encode.series(resources=resources)))
    assert (series.host, series.resources) == ("a", tuple(resources))


def test_an_origin_is_read(encode: Encoder) -> None:
    # Field 3 is what the Agent writes for metrics that are not indexed.
    metadata = encode.origin(10, 11, 12) + encode.block(1, encode.number(3, 9))
    (series,) = read_series(encode.series_payload(encode.series(metadata=metadata)))
    assert series.origin == ReceivedOrigin(0, 0, 0)
    metadata = encode.block(2, b"") + encode.origin(10, 11, 12)
    (series,) = read_series(encode.series_payload(encode.series(metadata=metadata)))
    assert series.origin == ReceivedOrigin(10, 11, 12)


def test_a_negative_timestamp_has_its_sign(encode: Encoder) -> None:
    body = encode.series_payload(encode.series(points=[(-5, 1.0)]))
    assert read_series(body)[0].points[0].timestamp == -5


def test_keys_and_counts_may_come_unpacked(encode: Encoder) -> None:
    point = b"".join(
        [
            encode.number(7, 1),
            encode.number(8, 4),
            encode.number(7, 2),
            encode.number(8, 5),
        ]
    )
    (sketch,) = read_sketches(encode.sketch_payload(encode.sketch("a", point)))
    assert (sketch.points[0].keys, sketch.points[0].counts) == ((-1, 1), (4, 5))


def test_a_sketch_has_every_point(encode: Encoder) -> None:
    points = [encode.sketch_point(ts) for ts in (1000, 1010)]
    (sketch,) = read_sketches(encode.sketch_payload(encode.sketch("a", *points)))
    assert [point.timestamp for point in sketch.points] == [1000, 1010]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "a series has no name"),
        ({"points": []}, "series 'page.views' has no points"),
        ({"points": [(1, math.nan)]}, "not finite"),
        ({"points": [(1, math.inf)]}, "not finite"),
        ({"type": 4}, "series .*: the type is 4; known are 0 .unspecified., 1"),
    ],
    ids=str,
)
def test_a_series_that_makes_no_sense_is_refused(
    encode: Encoder, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(PayloadError, match=message):
        read_series(encode.series_payload(encode.series(**changes)))


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("", {}, "a sketch has no name"),
        ("a", None, "sketch 'a' has no points"),
        ("a", {"counts": [1]}, "3 keys but 1 count"),
        ("a", {"summary": (math.nan, 1, 1, 1)}, "not finite"),
    ],
    ids=str,
)
def test_a_sketch_that_makes_no_sense_is_refused(
    encode: Encoder, name: str, changes: dict[str, Any] | None, message: str
) -> None:
    points = [] if changes is None else [encode.sketch_point(**changes)]
    with pytest.raises(PayloadError, match=message):
        read_sketches(encode.sketch_payload(encode.sketch(name, *points)))


def test_a_known_field_of_a_wrong_wire_type_is_refused(encode: Encoder) -> None:
    with pytest.raises(WireError, match="metric is not length-delimited"):
        read_series(encode.series_payload(encode.number(2, 1)))


def test_metadata_of_a_sketch_payload_is_skipped(encode: Encoder) -> None:
    assert read_sketches(encode.block(2, encode.number(1, 1))) == []


def test_broken_metadata_of_a_sketch_payload_is_refused(encode: Encoder) -> None:
    with pytest.raises(WireError, match="does not end"):
        read_sketches(encode.block(2, b"\x08"))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    # As the body, and where the nested messages begin.
    for nested in (data, b"\x0a" + bytes([len(data) % 128]) + data):
        with suppress(WireError, PayloadError):
            read_series(nested)
        with suppress(WireError, PayloadError):
            read_sketches(nested)
