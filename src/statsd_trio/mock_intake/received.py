"""What the intake has received, as frozen values of its own.

The types and the routes are defined here once more, and this package has decoders of
its own. An intake that shared them with the sink under test would repeat each of its
mistakes.
"""

import enum
import math
from collections.abc import Mapping
from typing import NamedTuple, Self

import attrs

from statsd_trio.plural import describe_count
from statsd_trio.structuring import MEMBER


class PayloadError(ValueError):
    """A body is well formed, but its contents are not valid."""


class ReceivedType(enum.StrEnum):
    """The type that a series was sent with, in Datadog's words.

    Source: agent-payload, proto/metrics/agent_payload.proto, MetricType.
    """

    UNSPECIFIED = "unspecified"
    COUNT = "count"
    RATE = "rate"
    GAUGE = "gauge"

    @classmethod
    def from_number(cls, number: int) -> Self:
        """Return the type that has *number* in a payload.

        Raises:
            PayloadError: if there is no such type.
        """
        types = tuple(cls)
        if not 0 <= number < len(types):
            known = ", ".join(f"{place} ({name})" for place, name in enumerate(types))
            raise PayloadError(f"the type is {number}; known are {known}")
        return types[number]


class Route(enum.StrEnum):
    """The routes that the intake knows, by what they accept."""

    SERIES = "series"
    SKETCHES = "sketches"
    EVENTS = "events"
    SERVICE_CHECKS = "service_checks"
    VALIDATE = "validate"


class ReceivedPoint(NamedTuple):
    """One value of a series; *timestamp* is in unix seconds."""

    timestamp: int
    value: float


class ReceivedResource(NamedTuple):
    """What a series belongs to, such as the host *name* for the type ``host``."""

    type: str
    name: str


@attrs.frozen
class ReceivedOrigin:
    """Where a metric says it comes from, in Datadog's numbers."""

    product: int = 0
    category: int = 0
    service: int = 0


def _find_host(series: "ReceivedSeries") -> str:
    return next((name for kind, name in series.resources if kind == "host"), "")


@attrs.frozen
class ReceivedSeries:
    """One series of one payload.

    Attributes:
        resources: in the order sent, including the host.
        interval: seconds, as sent; 0 if it was not sent.
        origin: None if it was not sent.
        host: the name of the first resource of type ``host``; "" if there is none.

    Raises:
        PayloadError: if it has no name, no point, or a value that is not finite.
    """

    name: str = attrs.field(metadata={MEMBER: "metric"})
    type: ReceivedType = ReceivedType.UNSPECIFIED
    points: tuple[ReceivedPoint, ...] = ()
    tags: tuple[str, ...] = ()
    resources: tuple[ReceivedResource, ...] = ()
    interval: int = 0
    unit: str = ""
    source_type_name: str = ""
    origin: ReceivedOrigin | None = attrs.field(default=None, metadata={MEMBER: None})
    host: str = attrs.field(
        init=False, default=attrs.Factory(_find_host, takes_self=True)
    )

    def __attrs_post_init__(self) -> None:
        _check_metric("series", self.name, self.points)
        if not all(math.isfinite(point.value) for point in self.points):
            raise PayloadError(f"series {self.name!r} has a value that is not finite")


@attrs.frozen
class ReceivedSketchPoint:
    """One bucket of a sketch.

    Attributes:
        timestamp: unix seconds.
        keys: the keys of the bins, in the order sent.
        counts: parallel to *keys*.

    Raises:
        PayloadError: if there are not as many keys as counts, or min, max, average or
            sum is not finite.
    """

    timestamp: int
    count: int
    min: float
    max: float
    average: float
    sum: float
    keys: tuple[int, ...]
    counts: tuple[int, ...]

    def __attrs_post_init__(self) -> None:
        if len(self.keys) != len(self.counts):
            raise PayloadError(
                f"a sketch has {describe_count(len(self.keys), 'key')} but"
                f" {describe_count(len(self.counts), 'count')}"
            )
        if not all(map(math.isfinite, (self.min, self.max, self.average, self.sum))):
            raise PayloadError("a sketch's min, max, avg or sum is not finite")


@attrs.frozen
class ReceivedSketch:
    """One sketch of one payload.

    Attributes:
        origin: None if it was not sent.

    Raises:
        PayloadError: if it has no name or no point.
    """

    name: str
    points: tuple[ReceivedSketchPoint, ...]
    tags: tuple[str, ...] = ()
    host: str = ""
    origin: ReceivedOrigin | None = None

    def __attrs_post_init__(self) -> None:
        _check_metric("sketch", self.name, self.points)


@attrs.frozen
class ReceivedEvent:
    """One event; fields that were not sent are "" or None.

    Raises:
        PayloadError: if it has no title.
    """

    title: str
    text: str
    timestamp: int | None = attrs.field(
        default=None, metadata={MEMBER: "date_happened"}
    )
    tags: tuple[str, ...] = ()
    host: str = ""
    priority: str = ""
    alert_type: str = ""
    aggregation_key: str = ""
    source_type_name: str = ""
    device_name: str = ""

    def __attrs_post_init__(self) -> None:
        if not self.title:
            raise PayloadError("an event has no title")


@attrs.frozen
class ReceivedServiceCheck:
    """One service check.

    Attributes:
        status: 0 ok, 1 warning, 2 critical, 3 unknown.
        timestamp: unix seconds; None if it was not sent.

    Raises:
        PayloadError: if it has no name, or an unknown status.
    """

    name: str = attrs.field(metadata={MEMBER: "check"})
    status: int
    timestamp: int | None = None
    tags: tuple[str, ...] = ()
    host: str = attrs.field(default="", metadata={MEMBER: "host_name"})
    message: str = ""

    def __attrs_post_init__(self) -> None:
        if not self.name:
            raise PayloadError("a service check has no name")
        if not 0 <= self.status <= 3:
            raise PayloadError(
                f"the status is {self.status}; known are 0 (ok), 1 (warning), "
                "2 (critical) and 3 (unknown)"
            )


ReceivedItem = ReceivedSeries | ReceivedSketch | ReceivedEvent | ReceivedServiceCheck


@attrs.frozen(kw_only=True)
class Attempt:
    """One request, and what became of it.

    Attributes:
        number: 1 for the first attempt of this intake.
        time: unix seconds by the intake's wall clock, when the body had arrived.
        route: None if no route has this path.
        query: the query string, with the API key masked.
        headers: the names are in lower case; only the end of an API key is kept.
        body_bytes: the size of the body as sent.
        encoding: the Content-Encoding; "" for none.
        raw_bytes: the size of the decoded body; 0 if it could not be decoded.
        sha256: the hash of the decoded body in hex, by which two attempts can be found
            to be equal byte for byte; "" if it could not be decoded.
        status: the status of the answer; None if no answer was sent.
        fault: what the script did; "" if the intake answered normally.
        error: why the intake refused it; "" if it did not.
        items: what the body contained, even if a fault kept it from being received;
            empty if it could not be decoded.
        is_received: whether the items count as received.
    """

    number: int
    time: float
    method: str
    path: str
    query: str
    route: Route | None
    headers: Mapping[str, str]
    body_bytes: int = 0
    encoding: str = ""
    raw_bytes: int = 0
    sha256: str = ""
    status: int | None = None
    fault: str = ""
    error: str = ""
    items: tuple[ReceivedItem, ...] = ()
    is_received: bool = False

    def count_points(self) -> int:
        """Return the number of points of all items.

        An event or a check counts as one.
        """
        return sum(
            len(item.points) if isinstance(item, ReceivedSeries | ReceivedSketch) else 1
            for item in self.items
        )


def _check_metric(kind: str, name: str, points: tuple[object, ...]) -> None:
    if not name:
        raise PayloadError(f"a {kind} has no name")
    if not points:
        raise PayloadError(f"{kind} {name!r} has no points")
