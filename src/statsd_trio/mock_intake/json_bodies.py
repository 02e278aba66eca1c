"""JSON bodies -> received series, events and service checks, one at a time.

Source: Datadog's public API reference: "Submit metrics" (v2), "Post an event"
(v1), "Submit a Service Check" (v1).
"""

import json
from collections.abc import Iterator
from typing import Any, Final, TypeGuard

from statsd_trio.mock_intake.received import (
    MetricType,
    PayloadError,
    ReceivedEvent,
    ReceivedPoint,
    ReceivedSeries,
    ReceivedServiceCheck,
)

_METRIC_TYPES: Final = tuple(MetricType)


def read_series_json(body: bytes) -> Iterator[ReceivedSeries]:
    """Yield the series of a v2 JSON body.

    Raises:
        PayloadError: if it is not JSON, or a series makes no sense.
    """
    payload = _Members(_load_json(body), "the body")
    for place, entry in enumerate(payload.array("series")):
        series = _Members(entry, f"series[{place}]")
        number = series.integer("type") or 0
        if not 0 <= number < len(_METRIC_TYPES):
            raise PayloadError(f"{series.place}: there is no type {number}")
        resources = tuple(
            (resource.text("type"), resource.text("name"))
            for resource in series.objects("resources")
        )
        points = tuple(
            ReceivedPoint(point.required_integer("timestamp"), point.number("value"))
            for point in series.objects("points")
        )
        yield ReceivedSeries(
            name=series.text("metric"),
            type=_METRIC_TYPES[number],
            points=points,
            tags=series.texts("tags"),
            resources=resources,
            interval=series.integer("interval") or 0,
            unit=series.text("unit"),
            source_type_name=series.text("source_type_name"),
        )


def read_events_json(body: bytes) -> Iterator[ReceivedEvent]:
    """Yield the one event of a v1 event body.

    Raises:
        PayloadError: if it is not JSON, or the event makes no sense.
    """
    event = _Members(_load_json(body), "the event")
    received = ReceivedEvent(
        title=event.text("title"),
        text=event.text("text"),
        timestamp=event.integer("date_happened"),
        tags=event.texts("tags"),
        host=event.text("host"),
        priority=event.text("priority"),
        alert_type=event.text("alert_type"),
        aggregation_key=event.text("aggregation_key"),
        source_type_name=event.text("source_type_name"),
        device_name=event.text("device_name"),
    )
    if not received.title:
        raise PayloadError("the event has no title")
    if "text" not in event.members:
        raise PayloadError("the event has no text")
    yield received


def read_service_checks_json(body: bytes) -> Iterator[ReceivedServiceCheck]:
    """Yield the checks of a v1 check_run body: an array, or one check.

    Raises:
        PayloadError: if it is not JSON, or a check makes no sense.
    """
    loaded = _load_json(body)
    entries = loaded if _is_array(loaded) else [loaded]
    for place, entry in enumerate(entries):
        check = _Members(entry, f"check {place}")
        status = check.required_integer("status")
        if not 0 <= status <= 3:
            raise PayloadError(f"{check.place}: there is no status {status}")
        received = ReceivedServiceCheck(
            name=check.text("check"),
            status=status,
            timestamp=check.integer("timestamp"),
            tags=check.texts("tags"),
            host=check.text("host_name"),
            message=check.text("message"),
        )
        if not received.name:
            raise PayloadError(f"{check.place} has no name")
        yield received


def _load_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"the body is not JSON: {error}") from error


def _is_array(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


class _Members:
    """The members of one JSON object, each read as the type it must have."""

    def __init__(self, value: Any, place: str) -> None:
        if not isinstance(value, dict):
            raise PayloadError(f"{place} is not an object")
        self.members: dict[str, Any] = value
        self.place = place

    def text(self, name: str) -> str:
        value = self.members.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise PayloadError(f"{self.place}: {name} is not a string")
        return value

    def integer(self, name: str) -> int | None:
        value = self.members.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise PayloadError(f"{self.place}: {name} is not an integer")
        return value

    def required_integer(self, name: str) -> int:
        value = self.integer(name)
        if value is None:
            raise PayloadError(f"{self.place} has no {name}")
        return value

    def number(self, name: str) -> float:
        value = self.members.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise PayloadError(f"{self.place}: {name} is not a number")
        try:
            return float(value)
        except OverflowError:
            raise PayloadError(f"{self.place}: {name} is out of range") from None

    def array(self, name: str) -> list[Any]:
        value = self.members.get(name)
        if value is None:
            return []
        if not _is_array(value):
            raise PayloadError(f"{self.place}: {name} is not an array")
        return value

    def objects(self, name: str) -> "Iterator[_Members]":
        for place, entry in enumerate(self.array(name)):
            yield _Members(entry, f"{self.place}.{name}[{place}]")

    def texts(self, name: str) -> tuple[str, ...]:
        values = self.array(name)
        if not all(isinstance(value, str) for value in values):
            raise PayloadError(f"{self.place}: {name} holds more than strings")
        return tuple(values)
