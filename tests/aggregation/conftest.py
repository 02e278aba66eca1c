from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest

from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.aggregation.snapshot import Series, Snapshot
from statsd_trio.aggregation.warnings import Warned
from statsd_trio.counters import ContextCounters, SampleCounters
from statsd_trio.engine.context import KINDS
from statsd_trio.engine.engine import MakeEngine
from statsd_trio.errors import ParseError, Reason
from statsd_trio.ingest.hooks import check_values
from statsd_trio.protocol.messages import MetricType, Sample
from statsd_trio.protocol.parser import parse_message

TYPES = {metric_type.value: metric_type for metric_type in MetricType}

Points = dict[str, list[tuple[int, float]]]


class Harness:
    """An aggregator with a set clock, and what came of the samples put into it.

    Attributes:
        samples: the counters of the aggregator.
        contexts: likewise.
        rejections: why samples and lines were rejected.
        warnings: those of the last snapshot.
    """

    def __init__(
        self, make_engine: MakeEngine, *, started: float = 0.0, **settings: Any
    ) -> None:
        self.samples = SampleCounters()
        self.contexts = ContextCounters()
        self.rejections: list[Reason] = []
        self.aggregator = Aggregator(
            AggregationSettings(**settings),
            self.samples,
            self.contexts,
            started=started,
            make_engine=make_engine,
        )
        self.warnings: tuple[Warned, ...] = ()

    def sample(
        self, name: str, type_: str, *values: float | str, **fields: Any
    ) -> Sample:
        return Sample(name, TYPES[type_], values, **fields)  # type: ignore[arg-type]  # mixed by no test

    def put(
        self, now: float, name: str, type_: str, *values: float | str, **fields: Any
    ) -> None:
        self.aggregator.advance(now)
        try:
            self.aggregator.insert(
                check_values(self.sample(name, type_, *values, **fields))
            )
        except ParseError as error:
            self.rejections.append(error.reason)

    def put_raw(
        self,
        now: float,
        name: str,
        type_: str,
        raws: Iterable[bytes],
        rate: float | None = None,
    ) -> None:
        """Send a line for each of *raws*, from the third one on known by its head."""
        self.aggregator.advance(now)
        suffix = "" if rate is None else f"|@{rate}"
        lines = [
            b"%b:%b|%b" % (name.encode(), raw, (type_ + suffix).encode())
            for raw in raws
        ]
        self.aggregator.take(b"\n".join(lines), self.put_line)
        while self.aggregator.tidy():
            pass

    def put_line(self, line: bytes) -> None:
        try:
            sample = parse_message(line)
        except ParseError as error:
            self.rejections.append(error.reason)
            return
        assert isinstance(sample, Sample)
        context = self.aggregator.insert(sample)
        if context is not None:
            kind = KINDS[sample.type]
            self.aggregator.learn(line, kind, context, sample.sample_rate)

    def take(
        self, now: float, *, include_open: bool = False, final: bool = False
    ) -> Snapshot:
        builder = self.aggregator.take_snapshot(
            now=now, include_open=include_open, final=final
        )
        for _ in builder.build():
            pass
        self.warnings = builder.warnings
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


MakeHarness = Callable[..., Harness]


@pytest.fixture(scope="session")
def make_harness(make_engine: MakeEngine) -> MakeHarness:
    """Hand out what makes one: Hypothesis makes one for each example."""
    return partial(Harness, make_engine)
