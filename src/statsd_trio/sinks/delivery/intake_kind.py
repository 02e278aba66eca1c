"""What differs between the kinds of intake that payloads are delivered to."""

from collections.abc import Callable

import attrs

from statsd_trio.aggregation.snapshot import SnapshotPoints
from statsd_trio.sinks.delivery.payload import Route
from statsd_trio.sinks.delivery.retry import Outcome


@attrs.frozen
class IntakeKind:
    """What all intakes of one kind have in common.

    Attributes:
        routes: what it may be sent, the most important first.
        count_points: how many points of a snapshot go to a route.
        classify_status: what a status means for the payload that it answers.
    """

    routes: tuple[Route, ...]
    count_points: Callable[[SnapshotPoints, Route], int]
    classify_status: Callable[[int], Outcome]
