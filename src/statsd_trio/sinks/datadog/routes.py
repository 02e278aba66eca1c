"""The routes of Datadog's intake, and what its answers mean."""

from typing import Final

from statsd_trio.aggregation.snapshot import SnapshotPoints
from statsd_trio.sinks.delivery.intake import IntakeKind
from statsd_trio.sinks.delivery.payload import Route
from statsd_trio.sinks.delivery.retry import Outcome


class DatadogRoute(Route):
    """The path of a payload below the endpoint's URL.

    The most important route first.
    """

    SERIES = ("/api/v2/series", 0.5, True)
    SKETCHES = ("/api/beta/sketches", 0.25, True)
    SERVICE_CHECKS = ("/api/v1/check_run", 0.125, False)
    EVENTS = ("/api/v1/events", 0.125, False)


def classify_status(status: int) -> Outcome:
    """Return what *status* means for the payload.

    After a redirect that was not followed, a payload is tried again, because nothing
    was delivered. It is also tried again after a 404, because an intake region or a
    proxy may not be ready yet.

    Source: datadog-agent, comp/forwarder/defaultforwarder, transaction.go.
    """
    if 200 <= status < 300:
        return Outcome.DELIVERED
    if status in {400, 403, 413}:
        return Outcome.REFUSED
    return Outcome.RETRY


def _count_points(points: SnapshotPoints, route: Route) -> int:
    return points.of(route.word)


DATADOG: Final = IntakeKind(tuple(DatadogRoute), _count_points, classify_status)
