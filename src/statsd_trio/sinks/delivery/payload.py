"""The payload of one request, and the route that it is sent to."""

import enum
from typing import Self

import attrs


class Route(enum.Enum):
    """A path below an endpoint's URL that accepts payloads.

    Each kind of intake has an enumeration of its routes, the most important one first.

    Attributes:
        value: the path.
        share: the part of a queue that is reserved for the route. The shares of one
            kind of intake add up to one, so if a queue exceeds its limit, there is
            always a route that exceeds its share.
        carries_metrics: whether the route carries metrics, which are what a server is
            for.
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
        """What the route carries, as the configuration calls it."""
        return self.name.lower()


@attrs.frozen(eq=False)
class Payload:
    """The body of one request.

    Attributes:
        encoding: the value of Content-Encoding; "" for none.
        points: how many points the body has, as the ledger counts.
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
    """An item that does not fit into any payload.

    Attributes:
        name: the name of the metric or check, or an event's title.
    """

    route: Route
    name: str
    points: int
    fault: Fault


# What one step of encoding yields; None is a good moment to let other tasks run.
Step = Payload | Dropped | None
