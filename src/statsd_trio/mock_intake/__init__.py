"""A stand-in for the Datadog intake, with decoders of its own."""

from statsd_trio.errors import describe_missing_extra

try:
    from statsd_trio.mock_intake.listening import open_mock_intake
except ModuleNotFoundError as error:
    package = (error.name or "").partition(".")[0]
    if package not in {"hypercorn", "starlette"}:
        raise
    raise ModuleNotFoundError(
        describe_missing_extra("the mock intake", error, "http"),
        name=error.name,
    ) from error

from statsd_trio.mock_intake.intake import MockIntake
from statsd_trio.mock_intake.received import (
    Attempt,
    ReceivedEvent,
    ReceivedItem,
    ReceivedOrigin,
    ReceivedPoint,
    ReceivedResource,
    ReceivedSeries,
    ReceivedServiceCheck,
    ReceivedSketch,
    ReceivedSketchPoint,
    ReceivedType,
    Route,
)
from statsd_trio.mock_intake.script import Fault, Rule, load_script

__all__ = [
    "Attempt",
    "Fault",
    "MockIntake",
    "ReceivedEvent",
    "ReceivedItem",
    "ReceivedOrigin",
    "ReceivedPoint",
    "ReceivedResource",
    "ReceivedSeries",
    "ReceivedServiceCheck",
    "ReceivedSketch",
    "ReceivedSketchPoint",
    "ReceivedType",
    "Route",
    "Rule",
    "load_script",
    "open_mock_intake",
]
