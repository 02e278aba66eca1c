"""An engine that breaks off is replaced, and nothing but the chunk in hand is lost."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import pytest
from stage import EPOCH, Stage, open_stage

from statsd_trio.aggregation.warnings import EngineFailure
from statsd_trio.engine.context import COUNTER, Context
from statsd_trio.engine.engine import EngineError, Taken
from statsd_trio.engine.guarded import GuardedEngine
from statsd_trio.engine.native import find_native
from statsd_trio.engine.plain import PlainEngine


class Fragile(PlainEngine):
    """Breaks off where it is told to, and ever after."""

    fails_in = ""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.name = "fragile"

    def _break(self, method: str, *counts: int) -> None:
        if self.fails_in == method:
            raise EngineError(f"broke off in {method}", *counts)

    def take(self, chunk: bytes, give_back: Callable[[bytes], None]) -> Taken:
        first, _, rest = chunk.partition(b"\n")
        taken = super().take(first, give_back)
        self._break("take", *taken)
        metrics, filtered, values = super().take(rest, give_back)
        return taken[0] + metrics, taken[1] + filtered, taken[2] + values

    def add(
        self,
        context: Context,
        values: Sequence[float] | Sequence[bytes],
        sample_rate: float,
    ) -> Mapping[str, int]:
        self._break("add")
        return super().add(context, values, sample_rate)


def total(stage: Stage, name: str) -> dict[int, float]:
    return {
        point.timestamp - EPOCH: point.value * series.interval_seconds
        for series in stage.take().series
        if series.name == name
        for point in series.points
    }


def open_fragile() -> tuple[Stage, Fragile]:
    made: list[Fragile] = []

    def make(**options: Any) -> Fragile:
        made.append(Fragile(**options))
        return made[-1]

    stage = open_stage(make)
    return stage, made[0]


def test_what_was_taken_before_goes_out_and_the_next_bucket_is_plain() -> None:
    stage, engine = open_fragile()
    stage.process(*[b"a:1|c"] * 3)
    engine.fails_in = "take"
    stage.process(b"a:1|c\na:1|c")  # Its second line is lost.
    assert stage.aggregator.engine_name == "plain"
    stage.process(*[b"a:1|c"] * 5)
    assert (stage.lines.read, stage.lines.metrics) == (10, 9)
    assert stage.lines.rejected == {"engine_failed": 1}
    # The last flush sends what waits for the next bucket with the present second.
    assert total(stage, "a") == {0: 4, 1: 5}
    assert stage.warnings == [EngineFailure("fragile", "broke off in take")]
    stage.check()


def test_a_failure_in_the_middle_of_a_chunk_spoils_no_neighbour() -> None:
    stage, engine = open_fragile()
    stage.process(*[b"a:1|c"] * 3)
    engine.fails_in = "add"
    stage.process(b"a:1|c\nb:1|c\na:1|c")
    assert stage.samples.dropped == {"engine_failed": 1}
    assert stage.aggregator.engine_name == "plain"
    stage.process(b"b:1|c")
    assert total(stage, "a") == {0: 5, 1: 0}
    stage.check()


def test_types_that_conflict_do_so_after_a_failure_too() -> None:
    stage, engine = open_fragile()
    stage.process(b"a:1|g\na:x|s")
    engine.fails_in = "take"
    stage.process(b"b:1|c")
    for _ in range(3):
        stage.process(b"a:x|s\na:2|g")
    assert stage.samples.dropped == {"type_clash": 1 + 3}
    stage.check()


def test_contexts_that_the_failed_engine_knew_expire_as_others_do() -> None:
    stage, engine = open_fragile()
    stage.process(*[b"a:1|g"] * 3)
    engine.fails_in = "take"
    stage.process(b"b:1|g")
    for _ in range(4):
        stage.now[0] += 10
        stage.ingest.advance()
        stage.take(include_open=False, final=False)
    assert stage.contexts.current == 0


def test_a_bucket_that_cannot_be_walked_costs_one_type() -> None:
    stage, _ = open_fragile()
    stage.process(b"a:1|c\nb:1|h\nc:1|g")
    builder = stage.ingest.take_snapshot(include_open=True, final=True)
    ((_, bucket),) = builder._buckets

    def fail(limit: int) -> NoReturn:
        raise EngineError("broke off")

    bucket.take_histograms = fail  # a failure
    for _ in builder.build():
        pass
    assert {series.name for series in builder.snapshot.series} == {"a", "c"}
    assert builder.warnings == (
        EngineFailure("fragile", "broke off, in a closed bucket"),
    )


@pytest.mark.parametrize(
    ("method", "arguments", "answer"),
    [
        ("take", (b"", print), (0, 0, 0)),
        ("learn", (b"a:1|c", 0, None, 1.0), None),
        ("add", (Context(("", 0, "", ())), [1.0, 2.0], 1.0), {"engine_failed": 2}),
        ("require_exact", (Context(("", 0, "", ())),), None),
        ("is_filled", (Context(("", 0, "", ())),), True),
        ("forget", (Context(("", 0, "", ())),), None),
        ("forget_heads", (), None),
        ("advance", (1.0,), None),
        ("tidy", (), False),
    ],
)
def test_no_call_of_a_failed_engine_raises(
    method: str, arguments: tuple[Any, ...], answer: Any
) -> None:
    class Failing(Fragile):
        condensed = 7

        def __getattribute__(self, name: str) -> Any:
            if name != method:
                return super().__getattribute__(name)

            def fail(*_: object) -> None:
                raise EngineError("broke off")

            return fail

    failing: Any = object.__new__(Failing)
    guarded = GuardedEngine(failing)
    assert getattr(guarded, method)(*arguments) == answer
    assert str(guarded.failure) == "broke off"
    guarded.replace(open_fragile()[1])
    assert guarded.failure is None
    assert guarded.condensed == 7


def test_the_native_engine_is_replaced_when_it_breaks_off() -> None:
    native: Any = find_native()
    if native is None:
        pytest.skip("the native engine is not installed")
    made: list[Any] = []

    def make(**options: Any) -> Any:
        made.append(native(**options))
        return made[-1]

    stage = open_stage(make)
    stage.process(*[b"a:1|c\nb:7|d"] * 3)
    made[0].fail_in(1)
    stage.process(b"a:1|c\na:1|c")  # Lost: it breaks off before the first line.
    assert stage.aggregator.engine_name == "plain"
    stage.process(*[b"a:1|c"] * 4)
    snapshot = stage.take()
    totals = {
        point.timestamp - EPOCH: point.value * series.interval_seconds
        for series in snapshot.series
        for point in series.points
    }
    assert totals == {0: 3, 1: 4}
    assert [s.points[0].count for s in snapshot.sketches] == [3]
    assert [type(warning) for warning in stage.warnings] == [EngineFailure]
    stage.check()


def test_values_before_a_failure_are_kept_and_counted_once() -> None:
    native: Any = find_native()
    if native is None:
        pytest.skip("the native engine is not installed")
    engine = native(
        aggregates=[],
        percentiles=[],
        count_divisor=1.0,
        max_heads=10,
        max_set_values=10,
        max_bin_count=10,
    )
    guarded = GuardedEngine(engine)
    context = Context(("a", COUNTER, "", ()))
    assert guarded.add(context, [1.0], 1.0) == {}
    engine.fail_in(2)
    assert guarded.add(context, [2.0, 4.0, 8.0], 1.0) == {"engine_failed": 2}
    [(_, _, total)] = guarded.close().take_counters(10)
    assert total == 3
