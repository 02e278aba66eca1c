import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given, settings, strategies as st

from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.aggregation.settings import AggregationSettings
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.errors import ParseError, Reason
from statsd_trio.ingest.ingest import (
    BYTES_PER_SLICE,
    FEW_NAMES,
    LINES_PER_LOOK,
    MAX_HOT_TEXTS,
    MAX_WAITING_BYTES,
    MAX_WAITING_LINES,
    Ingest,
    count_lines_per_look,
)
from statsd_trio.ingest.refusals import Refusals
from statsd_trio.ledger import ContextCounters, LineCounters, SampleCounters
from statsd_trio.protocol.messages import Event, Sample, ServiceCheck
from statsd_trio.protocol.parser import parse_message
from statsd_trio.rules import (
    FilterList,
    Mapper,
    MapperProfile,
    MetricMapping,
    Rules,
)
from statsd_trio.sinks.datadog.payloads import Payload, build_payloads
from statsd_trio.testing.strategies import lines as some_lines
from statsd_trio.transports.packet import Origin, Packet

UDP = Origin("udp", "udp://127.0.0.1:8125", "127.0.0.1:4000")
EPOCH = 1_700_000_000


@attrs.define
class Stage:
    """Ingestion and aggregation, with their counters and a clock that is set."""

    ingest: Ingest
    aggregator: Aggregator
    lines: LineCounters
    samples: SampleCounters
    now: list[float]

    def process(self, *packets: bytes) -> None:
        for data in packets:
            self.ingest.process_packet(Packet(data, UDP))

    def take(self) -> Snapshot:
        builder = self.ingest.take_snapshot(include_open=True, final=True)
        while builder.step():
            pass
        return builder.snapshot

    def check(self) -> None:
        """The identities of lines and samples."""
        lines, samples = self.lines, self.samples
        assert lines.read == (
            lines.metrics
            + lines.events
            + lines.service_checks
            + sum(lines.rejected.values())
            + lines.filtered
        )
        assert samples.parsed == samples.aggregated + sum(samples.refused.values())


def open_stage(
    *,
    rules: Rules | None = None,
    max_memo_entries: int = 1000,
    max_contexts: int = 1000,
    eol_required: frozenset[str] = frozenset(),
    on_sample: Callable[[Sample], Sample | None] | None = None,
    on_event: Callable[[Event | ServiceCheck], None] | None = None,
) -> Stage:
    lines, samples = LineCounters(), SampleCounters()
    refusals = Refusals(lines)
    aggregator = Aggregator(
        AggregationSettings(max_contexts=max_contexts),
        samples,
        ContextCounters(),
        refusals,
    )
    now = [float(EPOCH)]
    ingest = Ingest(
        aggregator,
        rules or Rules(),
        lines,
        refusals,
        wall_clock=lambda: now[0],
        monotonic_clock=lambda: 0.0,
        eol_required=eol_required,
        max_memo_entries=max_memo_entries,
        on_sample=on_sample,
        on_event=on_event,
    )
    ingest.advance()
    return Stage(ingest, aggregator, lines, samples, now)


def total(snapshot: Snapshot, name: str) -> float:
    return sum(
        point.value * series.interval_seconds
        for series in snapshot.series
        if series.name == name
        for point in series.points
    )


def test_line_is_counted_alike_on_every_path() -> None:
    stage = open_stage()
    # Parsed, parsed and remembered, remembered, hot.
    stage.process(*[b"page.views:1|c"] * 4)
    assert (stage.lines.read, stage.lines.metrics) == (4, 4)
    assert total(stage.take(), "page.views") == 4
    stage.check()


def test_remembered_line_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = open_stage()
    stage.process(b"page.views:1|c", b"page.views:1|c")

    def refuse(line: bytes, **_: object) -> None:
        raise AssertionError(line)

    monkeypatch.setattr("statsd_trio.ingest.ingest.parse_message", refuse)
    stage.process(b"page.views:7|c\npage.views:8|c")
    assert total(stage.take(), "page.views") == 17


def test_remembered_line_counts_in_the_bucket_of_its_arrival() -> None:
    stage = open_stage()
    stage.process(*[b"page.views:1|c"] * 3)
    stage.now[0] += 10
    stage.ingest.advance()
    stage.process(b"page.views:1|c")
    (series,) = stage.take().series
    assert series.points == ((EPOCH, 0.3), (EPOCH + 10, 0.1))


def test_last_gauge_wins_whatever_its_spelling() -> None:
    stage = open_stage()
    packets = [b"load:%d|g|#a,b", b"load:%d|g|#b,a", b"load:%d|g|@0.5|#a,b"]
    for number in range(12):
        stage.process(packets[number % 3] % number)
    (series,) = stage.take().series
    assert series.points[0].value == 11


def test_late_rejection_has_the_reason_of_an_early_one() -> None:
    packets = [*[b"a:1|c"] * 3, b"a:1__0|c\na:nan|c\na:|c\na:1e999|c\na:\xff|c"]
    stage = open_stage()
    stage.process(*packets)
    assert sum(stage.lines.rejected.values()) == 0
    stage.ingest.fold()
    late = dict(stage.lines.rejected)
    early = open_stage(max_memo_entries=0)
    early.process(*packets)
    assert sum(late.values()) == 5
    assert late == early.lines.rejected
    stage.check()


def test_bad_value_of_a_remembered_text_names_its_sender(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = open_stage()
    stage.process(b"a:1|c", b"a:1|c", b"a:x|c")  # remembered, but not hot yet
    stage.ingest._refusals.warn()
    assert "127.0.0.1:4000" in caplog.text
    assert (stage.lines.read, stage.lines.metrics) == (3, 2)
    stage.check()


def test_rival_of_a_hot_text_spoils_neither() -> None:
    stage = open_stage()
    stage.process(*[b"a:1|g"] * 4)
    stage.process(b"a:2|g\na:x|s\na:3|g\na:y|s\na:4|g")
    (series,) = stage.take().series
    assert series.points[0].value == 4
    assert stage.samples.refused == {"type_clash": 2}
    assert stage.samples.parsed == 9
    stage.check()


def test_slots_that_others_ended_are_not_used() -> None:
    stage = open_stage()
    stage.process(*[b"a:1|c"] * 4)
    assert total(stage.take(), "a") == 4
    stage.process(*[b"a:1|c"] * 2)
    assert total(stage.take(), "a") == 2
    stage.ingest.seal()
    stage.process(b"a:1|c")
    assert stage.lines.metrics == 7
    stage.check()


def test_bad_line_spoils_no_neighbour() -> None:
    stage = open_stage()
    stage.process(
        b"a:1|c\nbad\n\na:x|c\n\r\na:2|c\r\n_e{5,4}:title|text\n_sc|up|0\na:4|c"
    )
    assert total(stage.take(), "a") == 7
    assert (stage.lines.read, stage.lines.events, stage.lines.service_checks) == (
        7,
        1,
        1,
    )
    stage.check()


def test_cut_line_of_a_truncated_packet_is_rejected() -> None:
    stage = open_stage()
    stage.ingest.process_packet(Packet(b"a:1|c\na:2|", UDP, is_truncated=True))
    assert stage.lines.rejected == {Reason.TRUNCATED: 1}
    assert total(stage.take(), "a") == 1
    stage.check()


def test_packet_truncated_between_lines_is_noticed() -> None:
    stage = open_stage()
    stage.ingest.process_packet(Packet(b"a:1|c\n", UDP, is_truncated=True))
    assert stage.lines.rejected == {Reason.TRUNCATED: 1}
    stage.check()


@pytest.mark.parametrize(
    ("transport", "rejected"),
    [("udp", 0), ("unixgram", 1), ("unixstream", 1), ("tcp", 0)],
)
def test_last_line_needs_its_newline_where_that_is_required(
    transport: str, rejected: int
) -> None:
    stage = open_stage(eol_required=frozenset({"uds"}))
    origin = UDP._replace(transport=transport)
    stage.ingest.process_packet(Packet(b"a:1|c\na:2|c", origin))
    assert stage.lines.rejected[Reason.UNTERMINATED] == rejected
    stage.check()


def test_filtered_line_is_counted_on_every_path() -> None:
    stage = open_stage(rules=Rules(filterlist=FilterList(["noise"])))
    stage.process(*[b"noise:1|c"] * 5)
    stage.ingest.fold()
    assert (stage.lines.filtered, stage.lines.metrics) == (5, 0)
    assert stage.take().series == ()
    stage.check()


@pytest.mark.parametrize("max_memo_entries", [0, 1000])
def test_filtered_line_is_judged_alike_with_and_without_a_memo(
    max_memo_entries: int,
) -> None:
    stage = open_stage(
        rules=Rules(filterlist=FilterList(["noise"])), max_memo_entries=max_memo_entries
    )
    stage.process(*[b"noise:1|c"] * 3, b"noise:x|c", *[b"noise:1|c|z:new"] * 3)
    assert (stage.lines.filtered, stage.lines.unknown_fields) == (6, 3)
    assert stage.lines.rejected == {Reason.BAD_VALUE: 1}
    stage.check()


def test_unknown_fields_are_counted_each_time() -> None:
    stage = open_stage()
    stage.process(*[b"a:1|c|z:new"] * 4)
    assert stage.lines.unknown_fields == 4


def test_lines_not_in_utf8_count_and_are_counted_each_time() -> None:
    stage = open_stage()
    # As hot-shots sends Latin-1 over TCP.
    stage.process(*[b"a:1|c|#city:K\xf6ln\xdf"] * 4, *[b"users:J\xfcrgen|s"] * 4)
    series = {each.name: each for each in stage.take().series}
    assert series["a"].tags == ("city:K\ufffdln\ufffd",)
    assert series["a"].points[0].value == 0.4
    assert series["users"].points[0].value == 1
    assert (stage.lines.metrics, stage.lines.repaired) == (8, 8)
    stage.check()


def test_a_name_not_in_utf8_is_another_metric_and_refused() -> None:
    stage = open_stage()
    stage.process(*[b"a\xff:1|c"] * 3)
    assert stage.lines.rejected == {Reason.NOT_UTF8: 3}
    assert stage.lines.repaired == 0
    stage.check()


@pytest.mark.parametrize(
    "line",
    [
        b"a:1|c|#\xff",
        b"a:1|d|#\xff",
        b"a:1|c|#host:\xff",
        b"a:1|c|#dd.internal.resource:x:\xff",
        b"_e{1,1}:\xff|\xfe|h:\xff|k:\xff|s:\xff|#\xff",
        b"_sc|a|0|m:\xff|h:\xff|#\xff",
    ],
)
def test_a_raw_byte_never_reaches_a_payload(line: bytes) -> None:
    stage = open_stage()
    stage.process(line)
    (payload,) = [step for step in build_payloads(stage.take(), "") if step is not None]
    assert isinstance(payload, Payload)  # and not dropped as unencodable
    assert "\ufffd".encode() in payload.body
    assert b"\xff" not in payload.body


def test_new_name_in_every_line_leaves_the_memo_empty() -> None:
    stage = open_stage(max_contexts=10)
    stage.process(*[b"name%d:1|c" % number for number in range(500)])
    assert len(stage.ingest._memo) == 0
    stage.ingest.fold()
    assert stage.samples.refused == {"max_contexts": 490}
    stage.check()


def test_timestamp_in_every_line_leaves_the_memo_empty() -> None:
    stage = open_stage()
    for number in range(100):
        stage.process(*[b"a:1|c|T%d" % (EPOCH + number)] * 2)
    assert len(stage.ingest._memo) == 0


def test_expired_context_comes_back() -> None:
    stage = open_stage()
    stage.process(*[b"load:1|g"] * 3)
    stage.take()
    stage.now[0] += 25  # beyond its expiry, within the memo's
    stage.take()
    stage.ingest.advance()
    stage.process(b"load:2|g")
    (series,) = stage.take().series
    assert series.points[0].value == 2
    stage.check()


def test_hook_may_change_and_drop_samples() -> None:
    def change(sample: Sample) -> Sample | None:
        if sample.name == "secret":
            return None
        return attrs.evolve(sample, name=sample.name.upper())

    stage = open_stage(on_sample=change)
    stage.process(*[b"a:2|c\nsecret:1|c"] * 3)
    assert total(stage.take(), "A") == 6
    assert stage.lines.filtered == 3
    stage.check()


def test_hook_sees_events_and_service_checks() -> None:
    seen: list[Event | ServiceCheck] = []
    stage = open_stage(on_event=seen.append)
    stage.process(b"_e{5,4}:title|text\n_sc|up|0\na:1|c")
    assert [type(message) for message in seen] == [Event, ServiceCheck]


# Few enough names and fields that lines repeat, and values of every sort.
NAMES = st.sampled_from([b"a", b"b", b"_e{1,1}", b"_sc|a|0"])
VALUES = st.sampled_from(
    b"1 -2.5 1:2:3 :1: :: x 1_0 1_ nan 1:nan 1:inf:2 1e999 0x1 \xff 1\r".split(b" ")
) | st.sampled_from([b"", b" 1", b"9" * 300, b"\xd9\xa1"])
FIELDS = st.sampled_from(
    b"c g h ms s d c|#\xff c|@0.5 g|#x,y g|#y,x d|@0.1 c|T1 c\r h|@0.3|#x q c|@2".split(
        b" "
    )
) | st.sampled_from([b"", b"c|#host:z", b"c|z:1"])
LINES = st.builds(lambda *parts: b"%s:%s|%s" % parts, NAMES, VALUES, FIELDS)


@settings(deadline=None)
@given(st.lists(LINES | some_lines(), max_size=40))
def test_memo_changes_no_result(lines: list[bytes]) -> None:
    with_memo, without = open_stage(), open_stage(max_memo_entries=0)
    snapshots = []
    for stage in (with_memo, without):
        for _ in range(3):  # parsed, remembered, hot
            stage.process(b"\n".join(lines))
        snapshots.append(stage.take())
        stage.check()
    assert snapshots[0] == snapshots[1]
    assert with_memo.lines == without.lines
    assert with_memo.samples == without.samples


STEPS = st.one_of(
    st.tuples(st.just("process"), st.lists(LINES, min_size=1, max_size=12)),
    st.tuples(st.just("wait"), st.sampled_from([0.3, 1.0, 7.0, 25.0, -3.0])),
    st.tuples(st.just("take"), st.booleans()),
    st.tuples(st.just("fold"), st.none()),
)


@settings(deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_memo_changes_no_result_over_time(steps: list[tuple[str, Any]]) -> None:
    stages = open_stage(max_contexts=14), open_stage(max_contexts=14)
    stages[1].ingest._uses_memo = False
    snapshots: tuple[list[Snapshot], list[Snapshot]] = ([], [])
    for stage, taken in zip(stages, snapshots, strict=True):
        for step, argument in [*steps, ("take", True)]:
            if step == "process":
                stage.ingest.advance()
                for _ in range(3):
                    stage.process(b"\n".join(argument))
            elif step == "wait":
                stage.now[0] += argument
            elif step == "take":
                builder = stage.ingest.take_snapshot(include_open=argument, final=False)
                while builder.step():
                    pass
                taken.append(builder.snapshot)
            else:
                stage.ingest.fold()
            stage.check()
    assert snapshots[0] == snapshots[1]
    assert stages[0].lines == stages[1].lines
    assert stages[0].samples == stages[1].samples


@given(st.lists(some_lines(), max_size=30))
def test_joined_lines_give_exactly_the_valid_ones(lines: list[bytes]) -> None:
    valid: list[bytes] = []
    for line in lines:
        with contextlib.suppress(ParseError):
            parse_message(line)
            valid.append(line)
    joined, alone = open_stage(), open_stage()
    joined.process(b"\n".join(lines))
    alone.process(*valid)
    assert joined.take() == alone.take()
    assert joined.lines.read - sum(joined.lines.rejected.values()) == len(valid)
    joined.check()


async def run_stage(stage: Stage, packets: list[bytes]) -> None:
    send, receive = trio.open_memory_channel[Packet](len(packets))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.ingest.run, receive)
        async with send:
            for packet in packets:
                await send.send(Packet(packet, UDP))


async def test_channel_is_processed_to_its_end() -> None:
    stage = open_stage()
    await run_stage(stage, [b"a:1|c"] * 50)
    assert total(stage.take(), "a") == 50


@pytest.mark.parametrize(
    ("mappings", "lines"), [(0, LINES_PER_LOOK), (1, 69), (10, 13), (1000, 4)]
)
def test_slow_rules_let_others_run_sooner(mappings: int, lines: int) -> None:
    mapping = MetricMapping("a.*", "b")
    profile = MapperProfile("a", "a.", [mapping] * mappings)
    rules = Rules(mapper=Mapper([profile]))
    assert count_lines_per_look(rules) == lines
    stage = open_stage()
    stage.ingest.replace_rules(rules)
    assert stage.ingest._lines_per_look == lines


async def test_long_packet_lets_others_run() -> None:
    stage = open_stage()
    # A clock on which every look is after the deadline.
    ticks = iter(range(10**9))
    stage.ingest._monotonic_clock = partial(next, ticks)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        await run_stage(stage, [b"a:1|c\n" * (LINES_PER_LOOK * 20)])
        nursery.cancel_scope.cancel()
    assert turns >= 20


async def test_values_are_folded_before_they_are_many() -> None:
    stage = open_stage()
    await run_stage(stage, [b"a:1|c\n" * (MAX_WAITING_BYTES // 6 + 1)])
    # Nobody asked for the ledger or a snapshot.
    assert stage.samples.aggregated > 0


async def test_hot_lines_are_folded_before_they_are_many() -> None:
    stage = open_stage()
    packet = b"a:1|c\n" * (MAX_WAITING_LINES // 2)
    assert 3 * len(packet) < MAX_WAITING_BYTES
    await run_stage(stage, [packet] * 3)
    assert stage.samples.aggregated > MAX_WAITING_LINES


async def test_slice_ends_at_a_bound_of_bytes() -> None:
    stage = open_stage()  # with a clock that stands
    packet = b"a:%s|c" % b":".join([b"1"] * 4000)
    waiting: list[int] = []

    async def watch() -> None:
        while True:
            waiting.append(stage.ingest._waiting_bytes)
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await run_stage(stage, [packet] * 100)
        nursery.cancel_scope.cancel()
    assert 0 < max(waiting) < BYTES_PER_SLICE + 2 * len(packet)
    stage.ingest.fold()
    assert stage.samples.aggregated == 400_000


def test_many_names_of_one_suffix_are_freed_a_part_at_a_time() -> None:
    stage = open_stage()
    packet = b"".join([b"name%d:1|c\n" % number for number in range(2 * FEW_NAMES)])
    stage.process(*[packet] * 3)
    stage.ingest.seal()
    assert len(stage.ingest._stale) == 2 * FEW_NAMES + 1


async def test_hot_texts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statsd_trio.ingest.ingest.MAX_HOT_TEXTS", 100)
    stage = open_stage()
    packet = b"".join([b"name%d:1|c\n" % number for number in range(101)])
    # The third time they are remembered.
    await run_stage(stage, [packet] * 3)
    assert len(stage.ingest._hot) == 0
    assert stage.samples.aggregated == 303
    assert MAX_HOT_TEXTS > 100


async def test_other_tasks_run_while_a_long_fold_goes_on() -> None:
    stage = open_stage()
    packet = b"a:%s|d" % b":".join([b"1"] * 4000)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        await run_stage(stage, [packet] * (BYTES_PER_SLICE // 8000))
        nursery.cancel_scope.cancel()
    # One for each two packets, which make up a slice of folding.
    assert turns >= BYTES_PER_SLICE // 8000 // 2


def test_new_rules_hold_for_texts_that_were_learnt() -> None:
    stage = open_stage()
    stage.process(*[b"a:1|c", b"b:1|c"] * 3)

    stage.ingest.replace_rules(Rules(filterlist=FilterList(["a"])))
    stage.process(*[b"a:1|c", b"b:1|c"] * 3)

    stage.ingest.fold()
    assert (stage.lines.metrics, stage.lines.filtered) == (9, 3)
    stage.check()


def test_rules_that_filter_no_more_let_learnt_texts_through() -> None:
    stage = open_stage(rules=Rules(filterlist=FilterList(["a"])))
    stage.process(*[b"a:1|c"] * 3)

    stage.ingest.replace_rules(Rules())
    stage.process(*[b"a:1|c"] * 3)

    stage.ingest.fold()
    assert (stage.lines.metrics, stage.lines.filtered) == (3, 3)
    stage.check()
