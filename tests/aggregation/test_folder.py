"""Folding: raw values as they stood on the wire."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from statsd_trio.aggregation import adder as adder_module
from statsd_trio.aggregation.folder import (
    SLICE_BYTES,
    SLICE_DOUBTFUL,
    SLICE_LINES,
)
from statsd_trio.errors import ParseError, Reason
from statsd_trio.protocol.numbers import parse_numbers


def test_packed_values_count_one_by_one(make_harness: Any) -> None:
    harness = make_harness()
    harness.put_raw(1000, "hits", "c", [b"1:2:3", b"4"])
    assert harness.flush(1010) == {"hits": [(1000, 1.0)]}
    assert (harness.samples.parsed, harness.samples.aggregated) == (4, 4)


def test_empty_items_are_skipped(make_harness: Any) -> None:
    harness = make_harness()
    harness.put_raw(1000, "hits", "c", [b"1::2", b":3", b"4:"])
    assert harness.flush(1010) == {"hits": [(1000, 1.0)]}
    assert harness.samples.parsed == 4


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"1__000", Reason.BAD_VALUE),
        (b" 1", Reason.BAD_VALUE),
        (b"1-2", Reason.BAD_VALUE),
        (b"", Reason.NO_VALUE),
        (b"::", Reason.NO_VALUE),
        (b"1:x:3", Reason.BAD_VALUE),
        (b"nan", Reason.NAN),
        (b"-Inf", Reason.INFINITY),
        (b"0x1p-2", Reason.HEX_VALUE),
        (b"1e400", Reason.OVERFLOW),
        (b"-1e400:1", Reason.OVERFLOW),
        ("\u0661".encode(), Reason.BAD_VALUE),
    ],
)
@pytest.mark.parametrize("last", [b"2", b"2:3"])
@pytest.mark.parametrize("type_", ["c", "g", "h", "ms", "d"])
def test_a_bad_value_costs_its_own_line_only(
    make_harness: Any, raw: bytes, reason: Reason, type_: str, last: bytes
) -> None:
    harness = make_harness()
    harness.put_raw(1000, "bad", type_, [b"1", raw, last])
    harness.put_raw(1000, "good", type_, [b"5"])
    harness.take(1010)
    good = 3 + last.count(b":")
    assert harness.samples.parsed == harness.samples.aggregated == good
    if reason in (Reason.BAD_VALUE, Reason.NO_VALUE):
        # Which of the two an empty text is, is the parser's to say.
        assert [(n, k, e) for n, _, k, e in harness.rejections] == [("bad", 1, raw)]
    else:
        assert harness.rejections == [("bad", reason, 1, raw)]


def test_a_bad_value_leaves_the_sum_of_the_others(make_harness: Any) -> None:
    harness = make_harness()
    harness.put_raw(1000, "hits", "c", [b"1", b"x", b"2:3", b"4:y"])
    assert harness.flush(1010) == {"hits": [(1000, 0.6)]}


def test_values_of_one_rate_are_weighted(make_harness: Any) -> None:
    harness = make_harness()
    harness.put_raw(1000, "hits", "c", [b"1", b"2"], rate=0.1)
    harness.put_raw(1000, "hits", "c", [b"1"])
    assert harness.flush(1010) == {"hits": [(1000, pytest.approx(3.1))]}


def test_gauges_heed_arrival_order_and_no_rate(make_harness: Any) -> None:
    harness = make_harness()
    harness.put_raw(1000, "load", "g", [b"1"], rate=0.5)
    harness.put_raw(1000, "load", "g", [b"2"])
    harness.put(1000, "load", "g", 3)
    harness.put_raw(1000, "load", "g", [b"4:5"], rate=0.1)
    assert harness.flush(1010) == {"load": [(1000, 5)]}


def test_the_last_gauge_wins_across_folds(make_harness: Any) -> None:
    harness = make_harness()
    for value in (b"3", b"1", b"2"):
        harness.put_raw(1000, "load", "g", [value])
        harness.aggregator.fold()
    assert harness.flush(1010) == {"load": [(1000, 2)]}


def test_a_bad_gauge_does_not_win(make_harness: Any) -> None:
    harness = make_harness()
    harness.put_raw(1000, "load", "g", [b"1", b"2x"])
    assert harness.flush(1010) == {"load": [(1000, 1)]}


def test_sets_count_different_strings(make_harness: Any) -> None:
    harness = make_harness()
    raws = [b"a", b"b:c", b"a", "ü".encode(), b"1_0"]
    harness.put_raw(1000, "users", "s", raws, rate=0.5)
    harness.put(1000, "users", "s", "a")
    assert harness.flush(1010) == {"users": [(1000, 4)]}
    assert harness.samples.parsed == 6


def test_a_set_value_that_is_not_utf8_is_repaired(make_harness: Any) -> None:
    harness = make_harness()
    harness.put_raw(1000, "users", "s", [b"a", b"\xff\xff", b"b", "\ufffd".encode()])
    assert harness.flush(1010) == {"users": [(1000, 3)]}
    assert harness.repairs == [("users", b"\xff\xff")]
    assert (harness.rejections, harness.samples.parsed) == ([], 4)


def test_a_context_without_a_value_is_nothing(make_harness: Any) -> None:
    harness = make_harness()
    for type_ in ("c", "g", "s", "h", "d"):
        harness.put_raw(1000, type_, type_, [])
    snapshot = harness.take(1010)
    assert (snapshot.series, snapshot.sketches) == ((), ())


def test_an_empty_string_is_no_member_of_a_set(make_harness: Any) -> None:
    harness = make_harness()
    harness.put_raw(1000, "users", "s", [b"a", b"", b"b"])
    assert harness.flush(1010) == {"users": [(1000, 2)]}
    assert harness.rejections == [("users", Reason.EMPTY_VALUE, 1, b"")]


def test_a_metric_of_bad_values_only_is_not_sent(make_harness: Any) -> None:
    harness = make_harness()
    for type_ in ("c", "g", "s", "h", "d"):
        harness.put_raw(1000, type_, type_, [b"\xff"])
    snapshot = harness.take(1010)
    assert (snapshot.series, snapshot.sketches) == ((), ())


@pytest.mark.parametrize("type_", ["c", "ms", "d"])
def test_a_sum_that_is_too_large_is_refused_value_by_value(
    make_harness: Any, type_: str
) -> None:
    harness = make_harness()
    harness.put_raw(1000, "huge", type_, [b"1e308", b"1e308", b"-1e308"])
    harness.take(1010)
    assert harness.samples.refused == {"overflow": 1}
    assert (harness.samples.parsed, harness.samples.aggregated) == (3, 2)
    assert harness.rejections == []


@pytest.mark.parametrize("type_", ["c", "h", "d"])
def test_a_rate_that_makes_a_value_too_large_is_refused(
    make_harness: Any, type_: str
) -> None:
    harness = make_harness()
    harness.put_raw(1000, "huge", type_, [b"1e10"], rate=1e-300)
    snapshot = harness.take(1010)
    assert (snapshot.series, snapshot.sketches) == ((), ())
    assert harness.samples.refused == {"overflow": 1}
    assert harness.samples.parsed == 1


def test_sets_hold_a_bounded_number_of_strings(
    make_harness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adder_module, "MAX_SET_VALUES", 5)
    harness = make_harness()
    harness.put_raw(1000, "a", "s", [b"1", b"2", b"3"])
    harness.aggregator.fold()
    harness.put_raw(1000, "b", "s", [b"1", b"2", b"3", b"1"])
    assert harness.flush(1010) == {"a": [(1000, 3)], "b": [(1000, 2)]}
    assert harness.samples.refused == {"set_values": 1}
    assert (harness.samples.parsed, harness.samples.aggregated) == (7, 6)


def test_strings_that_a_set_has_already_take_no_room(
    make_harness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adder_module, "MAX_SET_VALUES", 5)
    harness = make_harness()
    for _ in range(4):
        harness.put_raw(1000, "a", "s", [b"1", b"2", b"1"])
        harness.aggregator.fold()
    harness.put_raw(1000, "a", "s", [b"3", b"4", b"5", b"6", b"6", b"1"])
    assert harness.flush(1010) == {"a": [(1000, 5)]}
    assert harness.samples.refused == {"set_values": 2}


def test_full_sets_are_counted_anew_once(
    make_harness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adder_module, "MAX_SET_VALUES", 3)
    harness = make_harness()
    harness.put_raw(1000, "a", "s", [b"1", b"2", b"3", b"4"])
    harness.aggregator.fold()
    # Were the sets counted again, there would be room.
    harness.aggregator._open.bucket.sets.clear()
    harness.put_raw(1000, "b", "s", [b"1"])
    harness.aggregator.fold()
    assert harness.samples.refused == {"set_values": 2}


def test_sets_that_are_counted_exactly_are_not_counted_anew(
    make_harness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adder_module, "MAX_SET_VALUES", 3)
    harness = make_harness()
    harness.put_raw(1000, "a", "s", [b"1", b"2", b"2", b"2"])
    harness.aggregator.fold()
    # Were the sets counted again, there would be room for both.
    harness.aggregator._open.bucket.sets.clear()
    harness.put_raw(1000, "b", "s", [b"1", b"2"])
    harness.aggregator.fold()
    assert harness.samples.refused == {"set_values": 1}


def test_condensed_values_are_counted(make_harness: Any) -> None:
    harness = make_harness()
    harness.put_raw(1000, "t", "ms", [b"%d" % value for value in range(5000)])
    harness.take(1010)
    assert harness.samples.condensed == 5000
    assert harness.samples.aggregated == 5000


def count_slices(harness: Any) -> int:
    slices = 0
    while harness.aggregator.fold_some():
        slices += 1
    return slices


def test_many_lines_are_folded_in_slices(make_harness: Any) -> None:
    harness = make_harness()
    harness.put_raw(1000, "hits", "c", [b"1"] * (10 * SLICE_LINES + 1))
    assert count_slices(harness) == 10
    assert harness.samples.aggregated == 10 * SLICE_LINES + 1
    assert harness.flush(1010) == {"hits": [(1000, SLICE_LINES + 0.1)]}


def test_long_texts_are_folded_in_slices(make_harness: Any) -> None:
    harness = make_harness()
    raw = b"1:" * (SLICE_BYTES // 4)
    harness.put_raw(1000, "hits", "c", [raw] * 10)
    assert count_slices(harness) == 5
    assert harness.samples.aggregated == 10 * SLICE_BYTES // 4


def test_bad_lines_are_read_in_shorter_slices(make_harness: Any) -> None:
    harness = make_harness()
    harness.put_raw(1000, "hits", "c", [b"1"] + [b"x"] * (4 * SLICE_DOUBTFUL))
    assert count_slices(harness) == 5
    assert len(harness.rejections) == 4 * SLICE_DOUBTFUL


def test_a_long_set_is_freed_in_slices(make_harness: Any) -> None:
    harness = make_harness()
    harness.put_raw(1000, "users", "s", [b"%d" % user for user in range(50_000)])
    builder = harness.aggregator.take_snapshot(now=1010, include_open=False)
    (bucket,) = builder._buckets
    (members,) = bucket.sets.values()
    sizes = [50_000]
    while builder.step():
        sizes.append(len(members.strings))
    assert max(a - b for a, b in pairwise(sizes)) <= 8192
    assert builder.snapshot.series[0].points[0].value == 50_000


def test_lanes_make_up_a_slice_together(make_harness: Any) -> None:
    harness = make_harness()
    harness.put_raw(1000, "hits", "c", [b"1"] * (SLICE_LINES // 2))
    harness.put_raw(1000, "load", "g", [b"1"] * (SLICE_LINES // 2))
    harness.put_raw(1000, "time", "d", [b"1"])
    assert count_slices(harness) == 1


def test_a_fold_that_was_left_half_done_is_finished(make_harness: Any) -> None:
    harness = make_harness()
    harness.put_raw(1000, "hits", "c", [b"1"] * (2 * SLICE_LINES))
    assert harness.aggregator.fold_some()
    harness.put_raw(1000, "hits", "c", [b"1"])
    assert harness.flush(1010) == {
        "hits": [(1000, pytest.approx(SLICE_LINES / 5 + 0.1))]
    }


def expected_values(raws: list[bytes]) -> Iterator[float]:
    for raw in raws:
        try:
            yield from parse_numbers(raw)[0]
        except ParseError:
            continue


raw_values = st.one_of(
    st.floats(-1e9, 1e9).map(lambda value: repr(value).encode()),
    st.integers(-1000, 1000).map(lambda value: b"%d" % value),
    st.text(alphabet="0123456789.eE+-:_ xnaif", max_size=6).map(str.encode),
    st.binary(max_size=4).filter(lambda raw: b"|" not in raw and b"\n" not in raw),
)


@settings(max_examples=100)
@given(st.lists(st.lists(raw_values, max_size=6), min_size=1, max_size=4))
def test_folding_many_at_once_is_parsing_one_by_one(
    make_harness: Any, lists: list[list[bytes]]
) -> None:
    harness = make_harness(counter_type="count")
    for index, raws in enumerate(lists):
        harness.put_raw(1000, f"c{index}", "c", raws)
        harness.put_raw(1000, f"h{index}", "h", raws)
    series = harness.flush(1010)
    for index, raws in enumerate(lists):
        values = list(expected_values(raws))
        magnitude = sum(map(abs, values))
        if values:
            ((_, total),) = series[f"c{index}"]
            assert abs(total - sum(values)) <= 1e-9 * magnitude
            assert series[f"h{index}.count"] == [(1000, len(values))]
            assert series[f"h{index}.max"] == [(1000, max(values))]
        else:
            assert f"c{index}" not in series
            assert f"h{index}.count" not in series
    rejected = len(harness.rejections)
    accepted = sum(1 for raws in lists for raw in raws if list(expected_values([raw])))
    assert rejected == 2 * (sum(map(len, lists)) - accepted)
