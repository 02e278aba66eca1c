"""Read the JSON bodies of series (v2), events and service checks (v1).

Source: Datadog's public API reference: "Submit metrics" (v2), "Post an event" (v1) and
"Submit a Service Check" (v1).
"""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, TypeVar

import attrs
import cattrs

from statsd_trio.mock_intake.received import (
    PayloadError,
    ReceivedEvent,
    ReceivedSeries,
    ReceivedServiceCheck,
    ReceivedType,
)
from statsd_trio.structuring import StrictConverter, list_problems

# A body may have as many problems as members; the first few are enough to act on.
_MAX_PROBLEMS: Final = 5

_T = TypeVar("_T")


@attrs.frozen
class _SeriesBody:
    series: tuple[Any, ...] = ()


def read_series_json(body: bytes) -> Iterator[ReceivedSeries]:
    """Yield the series of a v2 JSON body.

    Raises:
        PayloadError: if it is not JSON, or a series is not valid.
    """
    entries = _structure(_load_json(body), _SeriesBody, "the body").series
    for number, entry in enumerate(entries, start=1):
        yield _structure(entry, ReceivedSeries, "series", f"entry {number}")


def read_events_json(body: bytes) -> Iterator[ReceivedEvent]:
    """Yield the one event of a v1 JSON body.

    Raises:
        PayloadError: if it is not JSON, or the event is not valid.
    """
    yield _structure(_load_json(body), ReceivedEvent, "the event")


def read_service_checks_json(body: bytes) -> Iterator[ReceivedServiceCheck]:
    """Yield the service checks of a v1 JSON body: one, or an array of them.

    Raises:
        PayloadError: if it is not JSON, or a check is not valid.
    """
    loaded = _load_json(body)
    if not isinstance(loaded, list):
        loaded = [loaded]
    entries: tuple[Any, ...] = _CONVERTER.structure(loaded, tuple[Any, ...])
    for number, entry in enumerate(entries, start=1):
        yield _structure(entry, ReceivedServiceCheck, f"check {number}")


def _load_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"the body is not JSON: {error}") from error


def _structure(value: Any, cls: type[_T], *place: str) -> _T:
    try:
        return _CONVERTER.structure(value, cls)
    except (cattrs.BaseValidationError, ValueError) as error:
        problems = islice(list_problems(error, *place), _MAX_PROBLEMS)
        raise PayloadError("; ".join(problems)) from error


def _read_type(value: Any, _cls: type) -> ReceivedType:
    return ReceivedType.from_number(_CONVERTER.structure(value, int))


_CONVERTER: Final = StrictConverter()
_CONVERTER.register_structure_hook(ReceivedType, _read_type)
