"""What differs between the kinds of intake that payloads are delivered to."""

from collections.abc import Callable
from typing import Final

import attrs

from statsd_trio.aggregation.snapshot import SnapshotPoints
from statsd_trio.sinks.datadog.payloads import DATADOG_ROUTES, Route
from statsd_trio.sinks.delivery.retry import Outcome, classify_status


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


def _count_points(points: SnapshotPoints, route: Route) -> int:
    return points.of(route.word)


DATADOG: Final = IntakeKind(DATADOG_ROUTES, _count_points, classify_status)
