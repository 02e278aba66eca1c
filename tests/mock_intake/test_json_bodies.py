import json
from contextlib import suppress
from typing import Final

import pytest
from hypothesis import given, strategies as st

from statsd_trio.mock_intake import (
    ReceivedEvent,
    ReceivedPoint,
    ReceivedResource,
    ReceivedSeries,
    ReceivedServiceCheck,
    ReceivedType,
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
            type=ReceivedType.COUNT,
            points=(ReceivedPoint(1000, 2.0),),
            tags=("env:prod",),
            resources=(ReceivedResource("host", "web-1"),),
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
        ("[]", r"^the body: must be a table, not \[\]$"),
        ('{"series":1}', "^the body, series: must be a list, not 1$"),
        ('{"series":[1]}', "^series, entry 1: must be a table, not 1$"),
        ('{"series":[{"metric":1}]}', "^series, entry 1, metric: must be text, not 1$"),
        ('{"series":[{}]}', "^series, entry 1, metric: is missing$"),
        ('{"series":[{"metric":"a","type":4}]}', "entry 1, type: the type is 4; known"),
        (
            '{"series":[{"metric":"a","type":true}]}',
            ", type: must be a whole number, not True$",
        ),
        (
            '{"series":[{"metric":"a","tags":["b",1]}]}',
            ", tags, entry 2: must be text, not 1$",
        ),
        ('{"series":[{"metric":"a"}]}', "^series, entry 1: series 'a' has no points$"),
        (
            '{"series":[{"metric":"a","points":[{"value":1}]}]}',
            ", points, entry 1, timestamp: is missing$",
        ),
        (
            '{"series":[{"metric":"a","points":[{"timestamp":1}]}]}',
            ", points, entry 1, value: is missing$",
        ),
        (
            '{"series":[{"metric":"a","points":[{"timestamp":1,"value":1%s}]}]}'
            % ("0" * 400),
            ", value: is out of range$",
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
        ('{"text":"a"}', "^the event, title: is missing$"),
        ('{"title":"","text":"a"}', "^the event: an event has no title$"),
        ('{"title":"a"}', "^the event, text: is missing$"),
        (
            '{"title":"a","text":"b","date_happened":1.5}',
            "^the event, date_happened: must be a whole number, not 1.5$",
        ),
        (
            '{"title":1,"text":2}',
            "^the event, title: must be text, not 1; the event, text: must be text",
        ),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(body: str, message: str) -> None:
    with pytest.raises(PayloadError, match=message):
        list(read_events_json(body.encode()))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("3", "^check 1: must be a table, not 3$"),
        ('[{"check":"a"}]', "^check 1, status: is missing$"),
        ('[{"check":"a","status":4}]', "^check 1: the status is 4; known are 0"),
        ('[{"status":0}]', "^check 1, check: is missing$"),
        ('[{"check":"","status":0}]', "^check 1: a service check has no name$"),
    ],
)
def test_a_check_that_makes_no_sense_is_refused(body: str, message: str) -> None:
    with pytest.raises(PayloadError, match=message):
        list(read_service_checks_json(body.encode()))


def test_a_body_full_of_problems_names_the_first_few() -> None:
    body = {"title": "a", "text": "b", "tags": [1] * 1000}
    with pytest.raises(PayloadError) as caught:
        list(read_events_json(json.dumps(body).encode()))
    assert str(caught.value).count(";") == 4


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
