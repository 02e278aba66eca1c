"""What must hold of any samples at any times."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import attrs
from hypothesis import given, strategies as st

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.aggregation.snapshot_builder import SnapshotBuilder
from tests.aggregation.conftest import Harness, MakeHarness

names = st.sampled_from(["a", "b"])
whole = st.integers(-1000, 1000).map(float)
rates = st.sampled_from([1.0, 0.5, 0.1])
tags = st.sampled_from([(), ("x",), ("y", "x"), ("x", "y", "x")])
unordered = st.lists(
    st.tuples(names, st.sampled_from(["c", "s", "h", "d"]), whole, rates, tags),
    max_size=15,
)


def put_all(harness: Harness, samples: Iterable[tuple[Any, ...]], now: float) -> None:
    for name, type_, value, rate, its_tags in samples:
        # A name of its own for each type, since gauges and sets of one name clash.
        given_value = str(value) if type_ == "s" else value
        harness.put(
            now, name + type_, type_, given_value, sample_rate=rate, tags=its_tags
        )


def describe(snapshot: Snapshot) -> dict[Any, Any]:
    described: dict[Any, Any] = {
        (s.name, s.tags, s.type): [(p.timestamp, round(p.value, 6)) for p in s.points]
        for s in snapshot.series
    }
    for sketch in snapshot.sketches:
        described[sketch.name, sketch.tags] = [
            (p.timestamp, p.count, p.min, p.max, round(p.sum, 6), p.keys, p.counts)
            for p in sketch.points
        ]
    return described


@given(unordered, st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(
    make_harness: MakeHarness, samples: list[Any], random: Random
) -> None:
    forward, shuffled = make_harness(), make_harness()
    put_all(forward, samples, 1000)
    random.shuffle(samples)
    put_all(shuffled, samples, 1000)
    assert describe(forward.take(1010)) == describe(shuffled.take(1010))


@given(unordered, unordered)
def test_counters_of_two_aggregators_add_up_to_those_of_one(
    make_harness: MakeHarness, left: list[Any], right: list[Any]
) -> None:
    totals: list[dict[Any, float]] = []
    for parts in ([left, right], [left + right]):
        total: dict[Any, float] = defaultdict(float)
        for part in parts:
            harness = make_harness(histogram_aggregates=("count", "sum"))
            put_all(harness, part, 1000)
            for series in harness.take(1010).series:
                if "percentile" not in series.name and not series.name.endswith("s"):
                    total[series.name, series.tags] += series.points[0].value
        totals.append({key: round(value, 6) for key, value in total.items()})
    assert totals[0] == totals[1]


def list_stamps(snapshot: Snapshot) -> list[tuple[Any, ...]]:
    return [
        (s.name, s.tags, s.host, s.type, point.timestamp)
        for s in snapshot.series
        for point in s.points
    ] + [
        (s.name, s.tags, s.host, "d", point.timestamp)
        for s in snapshot.sketches
        for point in s.points
    ]


steps = st.one_of(
    st.tuples(st.just("wait"), st.integers(0, 12)),
    st.tuples(st.just("jump"), st.integers(-3000, 3000)),
    st.tuples(st.just("jump"), st.integers(-15, 15)),
    st.tuples(
        st.just("put"),
        st.tuples(
            names, st.sampled_from(["c", "g", "s", "h", "ms", "d"]), st.integers(1, 9)
        ),
    ),
    st.tuples(st.just("held"), st.integers(1, 9)),
    st.tuples(st.just("take"), st.booleans()),
    st.tuples(st.just("build"), st.integers(0, 3)),
)


@attrs.define
class Machine:
    """Does what it is told, and remembers what was put and what was sent."""

    harness: Harness
    now: float = 100_000.0
    snapshots: list[Snapshot] = attrs.field(factory=list[Snapshot])
    building: Iterator[None] | None = None
    builder: SnapshotBuilder | None = None
    added: Counter[str] = attrs.field(factory=Counter[str])

    def wait(self, seconds: int) -> None:
        self.now += seconds + 0.25

    def jump(self, seconds: int) -> None:
        self.now = max(self.now + seconds, 1000.0)

    def put(self, sample: tuple[str, str, int]) -> None:
        name, type_, value = sample
        given_value = str(value) if type_ == "s" else value
        self.harness.put(self.now, name, type_, given_value)
        if type_ == "c":
            self.added[name] += value

    def held_put(self, value: int) -> None:
        """Send lines that are known, and may have been for long."""
        self.harness.put_raw(self.now, "a", "c", [b"%d" % value] * 2)
        self.added["a"] += 2 * value

    def take(self, include_open: bool, *, final: bool = False) -> None:
        self.finish()
        self.builder = self.harness.aggregator.take_snapshot(
            now=self.now, include_open=include_open, final=final
        )
        self.building = self.builder.build()

    def build(self, steps: int) -> None:
        for _ in range(steps):
            if self.building is not None and next(self.building, "done") == "done":
                self.collect()

    def collect(self) -> None:
        assert self.builder is not None
        self.snapshots.append(self.builder.snapshot)
        self.building = None

    def finish(self) -> None:
        if self.building is not None:
            for _ in self.building:
                pass
            self.collect()


@given(st.lists(steps, max_size=40))
def test_no_point_is_sent_twice_and_no_count_is_lost(
    make_harness: MakeHarness, todo: list[tuple[str, Any]]
) -> None:
    machine = Machine(make_harness(counter_type="count", hostname="here"))
    for step, argument in todo:
        getattr(machine, "held_put" if step == "held" else step)(argument)
    machine.take(include_open=True, final=True)
    machine.finish()
    stamps = [
        stamp for snapshot in machine.snapshots for stamp in list_stamps(snapshot)
    ]
    assert len(stamps) == len(set(stamps))
    sent: Counter[str] = Counter()
    for snapshot in machine.snapshots:
        for series in snapshot.series:
            if series.type == 1 and not series.name.endswith(".count"):
                sent[series.name] += int(sum(point.value for point in series.points))
    assert +sent == machine.added
    samples = machine.harness.samples
    assert samples.parsed == samples.aggregated + sum(samples.dropped.values())
    assert machine.harness.rejections == []


@given(st.lists(st.integers(0, 40), max_size=12), st.lists(st.booleans(), min_size=12))
def test_an_early_flush_goes_at_most_one_bucket_ahead(
    make_harness: MakeHarness, waits: list[int], early: list[bool]
) -> None:
    harness = make_harness()
    now = 1000.0
    for wait, include_open in zip(waits, early, strict=False):
        now += wait / 4
        harness.put(now, "a", "c", 1)
        snapshot = harness.take(now, include_open=include_open)
        assert all(stamp[-1] <= now for stamp in list_stamps(snapshot))
        assert harness.aggregator._clock.start <= now + 10
