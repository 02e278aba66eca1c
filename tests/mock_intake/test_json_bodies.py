import json
from contextlib import suppress
from typing import Final

import pytest
from hypothesis import given, strategies as st

from statsd_trio.mock_intake import (
    MetricType,
    ReceivedEvent,
    ReceivedPoint,
    ReceivedSeries,
    ReceivedServiceCheck,
)
from statsd_trio.mock_intake.json_bodies import (
    read_events_json,
    read_series_json,
    read_service_checks_json,
)
from statsd_trio.mock_intake.received import PayloadError

READERS: Final = (read_series_json, read_events_json, read_service_checks_json)


def test_series_are_read() -> None:
    body = {
        "series": [
            {
                "metric": "page.views",
                "type": 1,
                "points": [{"timestamp": 1000, "value": 2}],
                "tags": ["env:prod"],
                "resources": [{"type": "host", "name": "web-1"}],
                "interval": 10,
                "unit": "byte",
                "source_type_name": "System",
            }
        ]
    }
    assert list(read_series_json(json.dumps(body).encode())) == [
        ReceivedSeries(
            name="page.views",
            type=MetricType.COUNT,
            points=(ReceivedPoint(1000, 2.0),),
            tags=("env:prod",),
            resources=(("host", "web-1"),),
            interval=10,
            unit="byte",
            source_type_name="System",
        )
    ]


def test_an_event_is_read() -> None:
    body = {
        "title": "Deployed",
        "text": "",
        "date_happened": 1000,
        "tags": ["env:prod"],
        "host": "web-1",
        "priority": "low",
        "alert_type": "success",
        "aggregation_key": "deploys",
        "source_type_name": "my apps",
        "device_name": "sda",
    }
    assert list(read_events_json(json.dumps(body).encode())) == [
        ReceivedEvent(
            title="Deployed",
            text="",
            timestamp=1000,
            tags=("env:prod",),
            host="web-1",
            priority="low",
            alert_type="success",
            aggregation_key="deploys",
            source_type_name="my apps",
            device_name="sda",
        )
    ]


CHECK: Final = {
    "check": "db.up",
    "host_name": "web-1",
    "timestamp": 1000,
    "status": 2,
    "message": "down",
    "tags": None,
}


@pytest.mark.parametrize("body", [CHECK, [CHECK]], ids=["one", "array"])
def test_service_checks_are_read(body: object) -> None:
    assert list(read_service_checks_json(json.dumps(body).encode())) == [
        ReceivedServiceCheck(
            name="db.up", status=2, timestamp=1000, host="web-1", message="down"
        )
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "the body is not an object"),
        ('{"series":1}', "series is not an array"),
        ('{"series":[1]}', r"series\[0\] is not an object"),
        ('{"series":[{"metric":1}]}', "metric is not a string"),
        ('{"series":[{"metric":"a","type":4}]}', "no type 4"),
        ('{"series":[{"metric":"a","type":true}]}', "type is not an integer"),
        ('{"series":[{"metric":"a","tags":[1]}]}', "more than strings"),
        ('{"series":[{"metric":"a"}]}', "has no points"),
        ('{"series":[{"metric":"a","points":[{"value":1}]}]}', "has no timestamp"),
        ('{"series":[{"metric":"a","points":[{"timestamp":1}]}]}', "not a number"),
        (
            '{"series":[{"metric":"a","points":[{"timestamp":1,"value":1%s}]}]}'
            % ("0" * 400),
            "out of range",
        ),
        (
            '{"series":[{"metric":"a","points":[{"timestamp":1,"value":NaN}]}]}',
            "not finite",
        ),
    ],
)
def test_series_that_make_no_sense_are_refused(body: str, message: str) -> None:
    with pytest.raises(PayloadError, match=message):
        list(read_series_json(body.encode()))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"text":"a"}', "no title"),
        ('{"title":"a"}', "no text"),
        ('{"title":"a","text":"b","date_happened":1.5}', "not an integer"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(body: str, message: str) -> None:
    with pytest.raises(PayloadError, match=message):
        list(read_events_json(body.encode()))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('[{"check":"a"}]', "has no status"),
        ('[{"check":"a","status":4}]', "no status 4"),
        ('[{"status":0}]', "has no name"),
    ],
)
def test_a_check_that_makes_no_sense_is_refused(body: str, message: str) -> None:
    with pytest.raises(PayloadError, match=message):
        list(read_service_checks_json(body.encode()))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(
            st.sampled_from(["series", "metric", "points", "title", "check", "tags"]),
            values,
        )
    ),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_any_json_is_read_or_refused(value: object) -> None:
    body = json.dumps(value).encode()
    for read in READERS:
        with suppress(PayloadError):
            list(read(body))


@given(st.binary(max_size=50))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in READERS:
        with suppress(PayloadError):
            list(read(body))
