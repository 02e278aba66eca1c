"""What the plain engine promises beyond what the tests of the stages show."""

import gc
import random
import threading
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from statsd_trio.engine.context import (
    COUNTER,
    DISTRIBUTION,
    GAUGE,
    HISTOGRAM,
    SET,
    TIMER,
    TYPES,
    Context,
)
from statsd_trio.engine.engine import ClosedBucket, Engine, MakeEngine
from statsd_trio.engine.plain import PlainEngine
from statsd_trio.engine.value_buffer import FULL
from statsd_trio.engine.value_text import is_small, read_number
from statsd_trio.errors import ParseError
from statsd_trio.protocol.numbers import parse_numbers


def open_engine(make_engine: MakeEngine = PlainEngine, **options: Any) -> Any:
    given_options: dict[str, Any] = {
        "aggregates": ("count",),
        "percentiles": (),
        "count_divisor": 1.0,
        "max_heads": 10_000,
        "max_set_values": 1000,
        "max_bin_count": 2**32 - 1,
        **options,
    }
    engine = make_engine(**given_options)
    engine.advance(1000.0)
    return engine


def make_context(kind: int, name: str = "a") -> Context:
    return Context((name, kind, "", ()))


def teach(engine: Engine, context: Context, line: bytes, rate: float = 1.0) -> None:
    for _ in range(2):
        engine.learn(line, context.kind, context, rate)


@given(st.text("0123456789.eE+-_ \t\rnaifNAI", max_size=8).map(str.encode))
def test_what_is_beyond_doubt_is_what_the_parser_reads(text: bytes) -> None:
    try:
        value = read_number(text)
    except ValueError:
        # It may be good all the same, as large numbers are; then the parser says so.
        return
    assert parse_numbers(text) == ((value,), ())
    assert is_small(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_small_numbers_are_never_in_doubt(number: float) -> None:
    text = repr(number).encode()
    if is_small(number):
        assert read_number(text) == number
    else:
        with pytest.raises(ValueError, match=r"^$"):
            read_number(text)


@given(st.binary(max_size=10))
def test_any_bytes_are_a_number_for_the_parser_or_in_doubt(text: bytes) -> None:
    try:
        value = read_number(text)
    except ValueError:
        return
    try:
        assert parse_numbers(text) == ((value,), ())
    except ParseError as error:  # pragma: no cover - it would be a mistake
        raise AssertionError(text) from error


def test_lines_are_given_back_at_their_place(make_engine: MakeEngine) -> None:
    engine = open_engine(make_engine)
    gauge = make_context(GAUGE)
    teach(engine, gauge, b"a:1|g")
    given_back: list[bytes] = []

    def give_back(line: bytes) -> None:
        given_back.append(line)
        engine.add(gauge, [5.0], 1.0)

    taken = engine.take(b"a:1|g\n\na:x|g\n\r\na:2::3|g\nb:1|g\n", give_back)
    assert taken == (1, 0, 1)
    assert given_back == [b"a:x|g", b"a:2::3|g", b"b:1|g"]
    assert engine.close().take_gauges(10) == [(gauge, 1000, 5.0)]


def test_a_line_after_one_given_back_counts_after_it(make_engine: MakeEngine) -> None:
    engine = open_engine(make_engine)
    gauge = make_context(GAUGE)
    teach(engine, gauge, b"a:1|g")
    engine.take(b"a:x|g\na:2|g", lambda _: engine.add(gauge, [5.0], 1.0))
    assert engine.close().take_gauges(10) == [(gauge, 1000, 2.0)]


@pytest.mark.parametrize("kind", range(len(TYPES)))
def test_the_last_use_is_exact_to_the_second(
    make_engine: MakeEngine, kind: int
) -> None:
    engine = open_engine(make_engine)
    context = make_context(kind)
    line = b"a:1|" + TYPES[kind].value.encode()
    teach(engine, context, line)
    for now in (1000.1, 1001.9, 1003.0, 1003.7):
        engine.advance(now)
        assert engine.take(line, pytest.fail) == (1, 0, 1)
    bucket = engine.close()
    engine.advance(1004.2)
    engine.add(context, [b"1"] if kind == SET else [1.0], 1.0)
    assert list_seen(bucket) == [1003]
    assert list_seen(engine.close()) == [1004]


def list_seen(bucket: ClosedBucket) -> list[int]:
    return [
        seen
        for take in (
            bucket.take_counters,
            bucket.take_gauges,
            bucket.take_sets,
            bucket.take_histograms,
            bucket.take_sketches,
        )
        for _, seen, _ in take(10)
    ]


@pytest.mark.parametrize("kind", [COUNTER, GAUGE, SET, HISTOGRAM, TIMER, DISTRIBUTION])
def test_a_bucket_takes_nothing_once_it_is_closed(
    make_engine: MakeEngine, kind: int
) -> None:
    engine = open_engine(make_engine)
    context = make_context(kind)
    line = b"a:1|" + TYPES[kind].value.encode()
    teach(engine, context, line)
    engine.take(line, pytest.fail)
    assert engine.is_filled(context)
    assert engine.is_used
    first = engine.close()
    assert not engine.is_filled(context)
    assert not engine.is_used
    engine.take(line, pytest.fail)
    assert len(list_seen(first)) == 1
    assert len(list_seen(engine.close())) == 1
    assert list_seen(engine.close()) == []


@pytest.mark.parametrize("end", ["require_exact", "forget"])
def test_lines_of_a_context_may_be_given_back_from_then_on(
    make_engine: MakeEngine, end: str
) -> None:
    engine = open_engine(make_engine)
    context = make_context(COUNTER)
    teach(engine, context, b"a:1|c")
    assert engine.take(b"a:1|c", pytest.fail) == (1, 0, 1)
    if end == "forget":
        engine.close()
    getattr(engine, end)(context)
    given_back: list[bytes] = []
    assert engine.take(b"a:1|c", given_back.append) == (0, 0, 0)
    assert given_back == [b"a:1|c"]


def test_filtered_lines_are_counted_if_their_value_is_good(
    make_engine: MakeEngine,
) -> None:
    engine = open_engine(make_engine)
    for line, kind in ((b"a:1|c", COUNTER), (b"a:1|s", SET)):
        for _ in range(2):
            engine.learn(line, kind, None, 1.0)
    given_back: list[bytes] = []
    chunk = b"a:1|c\na:x|c\na:x|s\na:|s\na:\xff|s"
    assert engine.take(chunk, given_back.append) == (0, 2, 0)
    assert given_back == [b"a:x|c", b"a:|s", b"a:\xff|s"]
    assert not engine.is_used


def test_rules_that_change_within_a_chunk_hold_for_the_next_line(
    make_engine: MakeEngine,
) -> None:
    engine = open_engine(make_engine)
    teach(engine, make_context(COUNTER), b"a:1|c")
    given_back: list[bytes] = []

    def give_back(line: bytes) -> None:
        given_back.append(line)
        engine.forget_heads()

    assert engine.take(b"a:1|c\nx\na:1|c", give_back) == (1, 0, 1)
    assert given_back == [b"x", b"a:1|c"]


def test_a_counter_is_held_once_it_has_something_to_send(
    make_engine: MakeEngine,
) -> None:
    engine = open_engine(make_engine)
    context = make_context(COUNTER)
    assert engine.add(context, [1e308, 1e308], 1e-5) == {"overflow": 2}
    assert not engine.is_filled(context)
    assert engine.is_used
    assert engine.add(context, [1e308, 1e308, 1.0], 1.0) == {"overflow": 1}
    assert engine.is_filled(context)


def test_full_buffers_are_settled_one_at_a_time() -> None:
    engine = open_engine()
    contexts = [make_context(DISTRIBUTION, f"d{number}") for number in range(10)]
    for context in contexts:
        engine.add(context, [1.0] * FULL, 1.0)
    waiting = [sum(len(b.values) for b in engine._distributions.held.values())]
    while engine.tidy():
        waiting.append(sum(len(b.values) for b in engine._distributions.held.values()))
    assert max(a - b for a, b in pairwise(waiting)) == FULL
    assert waiting[-1] == 0


def test_a_bucket_that_is_closed_leaves_no_work_to_the_next() -> None:
    engine = open_engine()
    context = make_context(DISTRIBUTION)
    engine.add(context, [1.0] * 3 * FULL, 1.0)
    bucket = engine.close()
    assert not engine.tidy()
    ((_, _, sketch),) = bucket.take_sketches(10)
    assert sketch[0] == 3 * FULL


def test_a_head_holds_on_to_nothing_big_of_an_old_bucket() -> None:
    engine = open_engine()
    words = [b"%d" % number for number in range(900)]
    for kind, values in ((SET, words), (HISTOGRAM, [1.0] * 900)):
        context = make_context(kind)
        line = b"a:1|" + TYPES[kind].value.encode()
        teach(engine, context, line)
        engine.take(line, pytest.fail)
        engine.add(context, values, 1.0)
    strings = next(iter(engine._sets.held.values()))
    buffer = next(iter(engine._histograms.held.values()))
    bucket = engine.close()
    list_seen(bucket)
    steps = 1
    while bucket.free(100):
        steps += 1
    assert steps >= 9
    assert not strings.strings
    assert (buffer.summary, len(buffer.values)) == (None, 0)


def test_one_call_summarises_a_bounded_number_of_values() -> None:
    engine = open_engine()
    generator = random.Random(1)
    for number in range(20):
        values = [generator.random() for _ in range(1500)]
        engine.add(make_context(HISTOGRAM, f"h{number}"), values, 1.0)
    bucket = engine.close()
    sizes: list[int] = []
    while taken := bucket.take_histograms(64):
        sizes.append(len(taken))
    assert sum(sizes) == 20
    assert max(sizes) <= 2


def test_an_engine_may_be_read_and_let_go_by_another_thread(
    make_engine: MakeEngine,
) -> None:
    made: list[Any] = []

    def work() -> None:
        engine = open_engine(make_engine)
        context = make_context(COUNTER)
        engine.add(context, [1.0], 1.0)
        made.extend([engine, engine.close()])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    engine, bucket = made
    assert engine.condensed == 0
    assert list_seen(bucket) == [1000]
    # What is raised while it is let go is an error of this test.
    del made[:], engine, bucket
    gc.collect()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (COUNTER, (6.0,)),
        (GAUGE, (3.0,)),
        (SET, (1,)),
        (HISTOGRAM, ([3.0],)),
        (DISTRIBUTION, (3,)),
    ],
)
def test_packed_values_are_added_in_one_go(
    make_engine: MakeEngine, kind: int, expected: tuple[Any, ...]
) -> None:
    engine = open_engine(make_engine)
    context = make_context(kind)
    line = b"a:1:2:3|" + TYPES[kind].value.encode()
    teach(engine, context, line)
    assert engine.take(line, pytest.fail) == (1, 0, 1 if kind == SET else 3)
    bucket = engine.close()
    takes = (
        bucket.take_counters,
        bucket.take_gauges,
        bucket.take_sets,
        bucket.take_histograms,
        bucket.take_sketches,
    )
    ((_, _, held),) = takes[min(kind, 4) if kind < TIMER else 4](10)
    assert (held[:1] if kind == DISTRIBUTION else (held,)) == expected


@pytest.mark.parametrize(
    "value", [b"1:", b":1", b"1::2", b"1:x", b"1:nan", b"1:1e300", b"1: 2", b":"]
)
def test_packed_values_of_which_one_is_in_doubt_are_given_back_whole(
    make_engine: MakeEngine, value: bytes
) -> None:
    engine = open_engine(make_engine)
    context = make_context(COUNTER)
    teach(engine, context, b"a:1|c")
    given_back: list[bytes] = []
    line = b"a:%b|c" % value
    assert engine.take(line, given_back.append) == (0, 0, 0)
    assert given_back == [line]
    assert not engine.is_filled(context)


def test_packed_values_beyond_what_memory_holds_take_the_exact_way(
    make_engine: MakeEngine,
) -> None:
    engine = open_engine(make_engine)
    context = make_context(DISTRIBUTION)
    line = b"a:" + b":".join([b"1"] * 1000) + b"|d"
    teach(engine, context, line)
    engine.limit_memory(10**6, 10**6, 5000)
    given_back: list[bytes] = []
    assert engine.take(line, given_back.append) == (0, 0, 0)
    assert given_back == [line]
