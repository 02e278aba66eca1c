"""The interface of an intake, and the differences between kinds of intakes."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs

from statsd_trio.aggregation.snapshot import SnapshotPoints
from statsd_trio.sinks.delivery.answer import Answer
from statsd_trio.sinks.delivery.payload import Payload, Route
from statsd_trio.sinks.delivery.retry import Outcome


@attrs.frozen
class IntakeKind:
    """What all intakes of one kind have in common.

    Attributes:
        routes: the routes that it has, the most important first.
        count_points: returns how many points of a snapshot are for a route.
        classify_status: returns what a status means for the payload that it answers.
    """

    routes: tuple[Route, ...]
    count_points: Callable[[SnapshotPoints, Route], int]
    classify_status: Callable[[int], Outcome]

    def classify(self, answer: Answer) -> Outcome:
        """Return what to do with the payload; without a status it is tried again."""
        if answer.status is None:
            return Outcome.RETRY
        return self.classify_status(answer.status)


class Intake(Protocol):
    """An endpoint that payloads are sent to, with its key if it needs one."""

    @property
    def key_state(self) -> str:
        """Whether the key is ``valid``; "" if there is no key."""
        ...

    def post(
        self, payload: Payload, snapshot_time: int, timeout_seconds: float
    ) -> Awaitable[Answer]:
        """Send *payload*, a part of the snapshot of *snapshot_time*."""
        ...

    async def run(self) -> None:
        """Do whatever is needed besides sending, until cancelled."""
        ...
