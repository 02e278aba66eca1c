"""What one snapshot is made of, and what is to be told about it."""

import attrs

from statsd_trio.aggregation.bucket import Bucket
from statsd_trio.aggregation.context import Context, TypeClash
from statsd_trio.aggregation.ranking import ContextRanking
from statsd_trio.protocol.messages import Event, ServiceCheck

Stamped = dict[Context, dict[int, float]]


@attrs.frozen
class ContextsFull:
    """New contexts were refused in this interval.

    Attributes:
        refused: how many values that cost.
    """

    refused: int
    limit: int
    ranking: ContextRanking


@attrs.frozen
class Harvest:
    """What one snapshot is made of, detached from the aggregator.

    Attributes:
        time: of the snapshot.
        now: when it was taken.
        buckets: ascending and closed; runs of theirs may still wait to be settled.
    """

    time: int
    now: float
    buckets: list[Bucket]
    stamped: Stamped
    events: list[Event]
    service_checks: list[ServiceCheck]
    clashes: list[TypeClash]
