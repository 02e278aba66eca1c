"""What is sent in one request, and where."""

import enum
from typing import Self

import attrs


class Route(enum.Enum):
    """A path below an endpoint's URL that takes payloads.

    Each kind of intake has an enumeration of its own, the most important route first.

    Attributes:
        value: the path.
        share: the part of a queue that is always its own. Those of one kind of intake
            add up to one, so that there is always a route over its part when a queue
            is over its bound.
        carries_metrics: metrics are what a server is for.
    """

    share: float
    carries_metrics: bool

    def __new__(cls, path: str, share: float, carries_metrics: bool) -> Self:
        """Make a member whose value is *path*."""
        member = object.__new__(cls)
        member._value_ = path
        member.share = share
        member.carries_metrics = carries_metrics
        return member

    @property
    def word(self) -> str:
        """What it carries, as the configuration calls it."""
        return self.name.lower()


@attrs.frozen(eq=False)
class Payload:
    """The body of one request.

    Attributes:
        encoding: the value of Content-Encoding, "" for none.
        points: what the body holds, as the ledger counts.
    """

    route: Route
    encoding: str
    points: int
    body: bytes = attrs.field(repr=lambda body: f"<{len(body)} bytes>")


class Fault(enum.StrEnum):
    """Why an item is in no payload."""

    OVERSIZE = "oversize"
    UNENCODABLE = "unencodable"


@attrs.frozen
class Dropped:
    """An item that no payload can hold.

    Attributes:
        name: of the metric or check, or an event's title.
    """

    route: Route
    name: str
    points: int
    fault: Fault


# What one step of encoding gives; None is a good place to let others run.
Step = Payload | Dropped | None
