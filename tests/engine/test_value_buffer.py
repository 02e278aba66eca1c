"""Values in a buffer end in the summary as if each had been inserted when it came."""

import pytest
from hypothesis import given, strategies as st

from statsd_trio.engine import value_buffer
from statsd_trio.engine.accumulators import Accumulators
from statsd_trio.engine.context import DISTRIBUTION, HISTOGRAM, Context
from statsd_trio.engine.engine import MIN_LEARNT_RATE
from statsd_trio.engine.histogram import Histogram
from statsd_trio.engine.memory import Share
from statsd_trio.engine.sketch import MAX_SKETCH_COUNT, QuantileSketch
from statsd_trio.engine.value_buffer import FULL, ValueBuffer, ValueHead
from statsd_trio.engine.value_text import InDoubt


def make_buffer(due: list[ValueBuffer] | None = None) -> ValueBuffer:
    context = Context(("d", DISTRIBUTION, "", ()))
    return ValueBuffer(context, QuantileSketch(), [] if due is None else due, Share())


def settle(buffer: ValueBuffer) -> QuantileSketch:
    while buffer.drain():
        pass
    assert isinstance(buffer.summary, QuantileSketch)
    return buffer.summary


@given(
    st.lists(
        st.tuples(
            st.floats(-1e9, 1e9), st.sampled_from([1.0, 0.3, 0.1, MIN_LEARNT_RATE])
        ),
        max_size=60,
    ),
    st.integers(1, 9),
)
def test_a_buffer_changes_no_result(
    samples: list[tuple[float, float]], full: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(value_buffer, "FULL", full)
        due: list[ValueBuffer] = []
        buffer = make_buffer(due)
        expected = QuantileSketch()
        for value, rate in samples:
            expected.insert([value], rate)
            buffer.append(value, rate)
            if due and not due[-1].drain():
                due.pop()
        assert settle(buffer).describe() == expected.describe()


def test_a_full_buffer_lines_up_once() -> None:
    due: list[ValueBuffer] = []
    buffer = make_buffer(due)
    for _ in range(FULL - 1):
        buffer.append(1.0, 1.0)
    assert due == []
    for _ in range(10):
        buffer.append(1.0, 1.0)
    assert due == [buffer]


def test_many_rates_line_up_too() -> None:
    due: list[ValueBuffer] = []
    buffer = make_buffer(due)
    for number in range(10):
        buffer.append(1.0, 1.0 if number % 2 else 0.5)
    assert due == [buffer]
    steps = 1
    while buffer.drain():
        steps += 1
    assert steps == 10
    assert settle(buffer).count == 15


def test_large_values_are_looked_at_one_by_one() -> None:
    buffer = make_buffer()
    assert buffer.add([1.0, 1e308, 1e308, 1e308, 2.0], 1.0) == 2
    assert settle(buffer).count == 3


def test_tiny_rates_are_looked_at_one_by_one() -> None:
    buffer = make_buffer()
    assert buffer.add([1.0, 1.0], 0.9 / MAX_SKETCH_COUNT) == 2
    assert settle(buffer).count == 0


@pytest.mark.parametrize("rate", [1.0, MIN_LEARNT_RATE])
def test_a_summary_with_little_room_is_filled_exactly(
    rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = round(100 / rate)
    monkeypatch.setattr("statsd_trio.engine.sketch.MAX_SKETCH_COUNT", room)
    monkeypatch.setattr(value_buffer, "MAX_SKETCH_COUNT", room)
    buffers = Accumulators(
        lambda context: ValueBuffer(context, QuantileSketch(), [], Share())
    )
    buffers.advance(1)
    context = Context(("d", DISTRIBUTION, "", ()))
    head = ValueHead(buffers, context, rate)
    dropped = 0
    for _ in range(120):
        try:
            head.add_text(b"1")
        except InDoubt:
            dropped += buffers.open(context).add([1.0], rate)
    assert dropped == 20
    assert settle(buffers.open(context)).count == room


def test_a_copy_takes_what_its_histogram_takes() -> None:
    copy = make_buffer()
    context = Context(("h", HISTOGRAM, "", ()))
    buffer = ValueBuffer(
        context, Histogram(lambda _: pytest.fail("it takes no memory")), [], Share()
    )
    buffer.copy = copy
    buffer.last_seen = 7
    assert buffer.add([1.0, 2.0], 0.5) == 0
    assert buffer.add([1e308, 1e308, 3.0], 1.0) == 1
    assert copy.last_seen == 7
    assert settle(copy).count == 6
    assert settle(copy).max == 1e308


def test_what_was_taken_out_takes_nothing_more() -> None:
    buffer = make_buffer()
    buffer.append(1.0, 1.0)
    buffer.summary = None
    assert not buffer.has_room()
    assert not buffer.drain()
    assert buffer.size == 0
    assert buffer.add([1e300], 1.0) == 1
