"""Count and log what became of the points of one endpoint and key."""

from collections.abc import Collection, Iterable

import attrs

from statsd_trio.aggregation.snapshot import SnapshotPoints
from statsd_trio.counters import SinkCounters
from statsd_trio.ledger import SinkLedger
from statsd_trio.sinks.delivery.answer import Answer
from statsd_trio.sinks.delivery.intake import IntakeKind
from statsd_trio.sinks.delivery.losses import LossReport
from statsd_trio.sinks.delivery.payload import Dropped, Fault, Payload, Route
from statsd_trio.sinks.delivery.route_state import RouteState


class DeliveryCounts:
    """The counts of a delivery, with one line in the log for each kind of loss.

    Attributes:
        points: the counts.
        losses: collects losses until they are logged.
    """

    def __init__(
        self,
        name: str,
        kind: IntakeKind,
        routes: Collection[Route],
        *,
        is_additional: bool,
    ) -> None:
        self._kind = kind
        self._routes = routes
        self.points = SinkCounters(name, is_additional=is_additional)
        self.losses = LossReport(name)

    def ledger(self, states: Collection[RouteState], key_state: str) -> SinkLedger:
        """Return the current counts, and how the routes are doing.

        The destination is failing if its worst route is. A route without metrics counts
        only if no other route works.
        """
        failing = [one for one in states if one.failing_since is not None]
        if any(one.works for one in states):
            failing = [one for one in failing if one.route.carries_metrics]
        worst = min(failing, key=lambda one: one.failing_since or 0.0, default=None)
        return attrs.evolve(
            self.points.freeze(),
            api_key=key_state,
            failing_since=None if worst is None else worst.failing_since,
            failure="" if worst is None else worst.describe(),
            routes=tuple(state.freeze() for state in states),
        )

    def expect(self, points: SnapshotPoints) -> None:
        """Count a snapshot whose payloads will follow."""
        self.points.expect(self._count(points, self._routes))
        others = [route for route in self._kind.routes if route not in self._routes]
        self.points.switched_off += self._count(points, others)

    def evict_snapshot(self, points: SnapshotPoints) -> None:
        """Count a snapshot that made room for others before it became payloads."""
        lost = self._count(points, self._routes)
        self._evict("evicted before they could be encoded", lost)

    def evict(self, payload: Payload, limit: int) -> None:
        """Count a payload that made room for others; *limit* bytes are in use."""
        word = payload.route.word
        cause = f"{word} evicted, since retry_queue_bytes={limit} are used up"
        self._evict(cause, payload.points)

    def drop(self, dropped: Dropped) -> None:
        """Count an item that is in no payload."""
        if dropped.fault is Fault.OVERSIZE:
            self.points.drop_oversize(dropped.points)
        else:
            self.points.refuse(dropped.points, dropped.fault.value)
        self.losses.add(f"{dropped.route.word}, {dropped.fault}", dropped.points)

    def deliver(self, payload: Payload, answer: Answer) -> None:
        """Count a payload that was accepted, perhaps without some of its points."""
        # The intake may count more points than the snapshot has.
        refused = min(answer.rejected, payload.points)
        if refused:
            self.points.refuse(refused, "partial_success")
            cause = f"{payload.route.value} took a payload without some of its points"
            self.losses.add(cause, refused, detail=answer.text)
        self.points.deliver(payload.points - refused)

    def refuse(self, payload: Payload, answer: Answer) -> None:
        """Count a payload that was refused by the status of *answer*."""
        self.points.refuse(payload.points, str(answer.status))
        cause = f"{payload.route.value} answered {answer.status}"
        self.losses.add(cause, payload.points, detail=answer.text)

    def abandon(self, payloads: int) -> None:
        """Count everything pending as abandoned: *payloads* and unencoded snapshots."""
        pending = self.points.pending
        if pending:
            self.points.abandon(pending)
            self.losses.add("abandoned at the stop", pending, payloads)

    def _evict(self, cause: str, points: int) -> None:
        self.points.evict(points)
        self.losses.add(cause, points)

    def _count(self, points: SnapshotPoints, routes: Iterable[Route]) -> int:
        return sum(self._kind.count_points(points, route) for route in routes)
