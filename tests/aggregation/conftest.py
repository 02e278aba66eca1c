from collections.abc import Iterable
from typing import Any

import pytest

from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.aggregation.builder import SnapshotBuilder
from statsd_trio.aggregation.context import TYPES as KINDS, Context
from statsd_trio.aggregation.conversion import read_values
from statsd_trio.aggregation.openbucket import Slot
from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.aggregation.snapshot import Series, Snapshot
from statsd_trio.errors import ParseError, Reason
from statsd_trio.ledger import ContextCounters, SampleCounters
from statsd_trio.protocol.messages import MetricType, Sample

TYPES = {metric_type.value: metric_type for metric_type in MetricType}

Points = dict[str, list[tuple[int, float]]]


class Harness:
    """An aggregator, what it counts and what it reports."""

    def __init__(self, *, started: float = 0.0, **settings: Any) -> None:
        self.samples = SampleCounters()
        self.contexts = ContextCounters()
        self.rejections: list[tuple[str, Reason, int, bytes]] = []
        self.repairs: list[tuple[str, bytes]] = []
        self.aggregator = Aggregator(
            AggregationSettings(**settings),
            self.samples,
            self.contexts,
            self,
            started=started,
        )
        self.builder: SnapshotBuilder | None = None

    def late_rejection(
        self, name: str, reason: Reason, lines: int, example: bytes
    ) -> None:
        self.rejections.append((name, reason, lines, example))

    def late_repair(self, name: str, example: bytes) -> None:
        self.repairs.append((name, example))

    def sample(
        self, name: str, type_: str, *values: float | str, **fields: Any
    ) -> Sample:
        return Sample(name, TYPES[type_], values, **fields)  # type: ignore[arg-type]  # mixed by no test

    def put(
        self, now: float, name: str, type_: str, *values: float | str, **fields: Any
    ) -> None:
        self.aggregator.advance(now)
        self.aggregator.insert(self.sample(name, type_, *values, **fields))

    def put_raw(
        self, now: float, name: str, type_: str, raws: Iterable[bytes], rate: float = 1
    ) -> None:
        self.aggregator.advance(now)
        context = self.aggregator.open_context(self.sample(name, type_))
        assert context is not None
        slot: Slot | None = None
        for raw in raws:
            if slot is None:
                slot = self.put_value(context, raw, rate)
            else:
                lane, cell = slot
                lane.add_cell(cell)
                lane.add_raw(raw)

    def put_value(self, context: Context, raw: bytes, rate: float = 1) -> Slot | None:
        try:
            values, dropped = read_values(context.kind, raw)
        except ParseError as error:
            self.late_rejection(context.name, error.reason, 1, raw)
            return None
        if dropped:
            name, kind, host, tags = context.key
            self.aggregator.insert(
                Sample(
                    name, KINDS[kind], values, rate, tags, host=host, dropped=dropped
                )
            )
            return None
        return self.aggregator.put(context, rate, raw, values)

    def take(
        self, now: float, *, include_open: bool = False, final: bool = False
    ) -> Snapshot:
        builder = self.builder = self.aggregator.take_snapshot(
            now=now, include_open=include_open, final=final
        )
        while builder.step():
            pass
        return builder.snapshot

    def flush(
        self, now: float, *, include_open: bool = False, final: bool = False
    ) -> Points:
        return self.points(self.take(now, include_open=include_open, final=final))

    @staticmethod
    def points(snapshot: Snapshot) -> Points:
        assert len({(s.name, s.tags, s.host, s.type) for s in snapshot.series}) == len(
            snapshot.series
        )
        return {
            series.name: [(point.timestamp, point.value) for point in series.points]
            for series in snapshot.series
        }

    def series(self, now: float, *, include_open: bool = False) -> dict[str, Series]:
        snapshot = self.take(now, include_open=include_open)
        return {series.name: series for series in snapshot.series}


@pytest.fixture(scope="session")
def make_harness() -> type[Harness]:
    """Hand out the class: Hypothesis makes one for each example."""
    return Harness
