"""What the native engine promises beyond giving the same results as the plain one."""

import sys
from typing import Any

import pytest
from stage import open_stage

from statsd_trio.engine.context import COUNTER, Context
from statsd_trio.engine.engine import Engine, MakeEngine
from statsd_trio.engine.native import find_native


@pytest.fixture(scope="module")
def make_native() -> MakeEngine:
    native = find_native()
    if native is None:
        pytest.skip("the native engine is not installed")
    return native


def open_native(make_native: MakeEngine) -> Engine:
    engine = make_native(
        aggregates=("count",),
        percentiles=(),
        count_divisor=1.0,
        max_heads=1000,
        max_set_values=1000,
        max_bin_count=2**32 - 1,
    )
    engine.advance(1000.0)
    return engine


def fill(engine: Engine, number: int) -> list[Context]:
    contexts = [Context((f"n{n}", COUNTER, "", ())) for n in range(number)]
    for context in contexts:
        engine.add(context, [1.0], 1.0)
    return contexts


def count_held(contexts: list[Context]) -> int:
    """Count those that somebody besides *contexts* refers to."""
    free = [Context(("", COUNTER, "", ()))]
    references = [list(map(sys.getrefcount, some)) for some in (free, contexts)]
    ((least,), counts) = references
    return sum(count > least for count in counts)


def forget(engine: Engine, contexts: list[Context]) -> None:
    for context in contexts:
        engine.forget(context)


def test_contexts_that_are_forgotten_are_let_go_of_a_part_at_a_time(
    make_native: MakeEngine,
) -> None:
    engine = open_native(make_native)
    contexts = fill(engine, 2000)
    engine.close()
    forget(engine, contexts)
    engine.close()  # In constant time, however many there are.
    assert count_held(contexts) == 2000
    held = 2000
    while engine.tidy():
        assert held - 512 <= count_held(contexts) < held
        held = count_held(contexts)
    assert count_held(contexts) == 0


def test_a_closed_bucket_keeps_the_contexts_that_it_names(
    make_native: MakeEngine,
) -> None:
    engine = open_native(make_native)
    contexts = fill(engine, 3)
    bucket = engine.close()
    forget(engine, contexts)
    assert not engine.tidy()
    # They would get the places of those that left.
    others = fill(engine, 3)
    assert [taken[0] for taken in bucket.take_counters(10)] == contexts
    assert [taken[0] for taken in engine.close().take_counters(10)] == others


def test_a_snapshot_lets_go_of_what_has_expired(make_native: MakeEngine) -> None:
    made: list[Any] = []

    def make(**options: Any) -> Any:
        made.append(make_native(**options))
        return made[-1]

    stage = open_stage(make)
    stage.process(*[b"n%d:1|g" % n for n in range(600)])
    contexts = stage.aggregator._table.list_contexts()
    for _ in range(3):
        stage.now[0] += 10
        stage.ingest.advance()
        # Something is in the bucket, so that it is one.
        stage.process(b"a:1|c")
        stage.take(include_open=False, final=False)
    assert stage.contexts.current == 1
    assert count_held(contexts) == 0
