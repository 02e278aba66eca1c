import contextlib
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given, strategies as st
from stage import EPOCH, UDP, Stage, open_stage as join_stages

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.counters import ListenerCounters
from statsd_trio.engine.engine import MakeEngine
from statsd_trio.engine.plain import PlainEngine
from statsd_trio.errors import ParseError, Reason
from statsd_trio.ingest.ingest import (
    CHUNK_BYTES,
    _find_chunk_end,
    measure_chunk,
)
from statsd_trio.protocol.messages import Event, MetricType, Sample, ServiceCheck
from statsd_trio.protocol.parser import parse_message
from statsd_trio.rules import (
    FilterList,
    Mapper,
    MapperProfile,
    MetricMapping,
    Rules,
)
from statsd_trio.sinks.datadog.payloads import build_payloads
from statsd_trio.sinks.delivery.payload import Payload
from statsd_trio.testing.strategies import lines as some_lines
from statsd_trio.transports.packet import Origin, Packet
from statsd_trio.transports.packet_queue import PacketQueue

OpenStage = Callable[..., Stage]


@pytest.fixture(scope="session")
def open_stage(make_engine: MakeEngine) -> OpenStage:
    """Hand out what makes one: Hypothesis makes one for each example."""
    return partial(join_stages, make_engine)


def total(snapshot: Snapshot, name: str) -> float:
    return sum(
        point.value * series.interval_seconds
        for series in snapshot.series
        if series.name == name
        for point in series.points
    )


def test_line_is_counted_alike_whether_it_is_known_or_not(
    open_stage: OpenStage,
) -> None:
    stage = open_stage()
    # Parsed twice, then known.
    stage.process(*[b"page.views:1|c"] * 4)
    assert (stage.lines.read, stage.lines.metrics) == (4, 4)
    assert total(stage.take(), "page.views") == 4
    stage.check()


def test_known_line_is_not_parsed_again(
    open_stage: OpenStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = open_stage()
    stage.process(b"page.views:1|c", b"page.views:1|c")

    def refuse(line: bytes, **_: object) -> None:
        raise AssertionError(line)

    monkeypatch.setattr("statsd_trio.ingest.line_processor.parse_message", refuse)
    stage.process(b"page.views:7|c\npage.views:8|c")
    assert total(stage.take(), "page.views") == 17


def test_known_line_counts_in_the_bucket_of_its_arrival(
    open_stage: OpenStage,
) -> None:
    stage = open_stage()
    stage.process(*[b"page.views:1|c"] * 3)
    stage.now[0] += 10
    stage.ingest.advance()
    stage.process(b"page.views:1|c")
    (series,) = stage.take().series
    assert series.points == ((EPOCH, 0.3), (EPOCH + 10, 0.1))


def test_last_gauge_wins_whatever_its_spelling(open_stage: OpenStage) -> None:
    stage = open_stage()
    packets = [b"load:%d|g|#a,b", b"load:%d|g|#b,a", b"load:%d|g|@0.5|#a,b"]
    for number in range(12):
        stage.process(packets[number % 3] % number)
    (series,) = stage.take().series
    assert series.points[0].value == 11


def test_bad_value_of_a_known_line_has_its_own_reason(open_stage: OpenStage) -> None:
    packets = [*[b"a:1|c"] * 3, b"a: 1|c\na:nan|c\na:|c\na:1e999|c\na:\xff|c"]
    stage = open_stage()
    stage.process(*packets)
    unlearnt = open_stage(max_heads=0)
    unlearnt.process(*packets)
    assert sum(stage.lines.rejected.values()) == 5
    assert stage.lines.rejected == unlearnt.lines.rejected
    stage.check()


def test_bad_value_of_a_known_line_names_its_sender(
    open_stage: OpenStage, caplog: pytest.LogCaptureFixture
) -> None:
    stage = open_stage()
    stage.process(b"a:1|c", b"a:1|c", b"a:x|c")
    stage.ingest._rejections.warn()
    assert "127.0.0.1:4000" in caplog.text
    assert (stage.lines.read, stage.lines.metrics) == (3, 2)
    stage.check()


def test_conflicting_type_spoils_no_known_line(open_stage: OpenStage) -> None:
    stage = open_stage()
    stage.process(*[b"a:1|g"] * 4)
    stage.process(b"a:2|g\na:x|s\na:3|g\na:y|s\na:4|g")
    (series,) = stage.take().series
    assert series.points[0].value == 4
    assert stage.samples.dropped == {"type_clash": 2}
    assert stage.samples.parsed == 9
    stage.check()


def test_known_line_fills_the_bucket_that_is_open(open_stage: OpenStage) -> None:
    stage = open_stage()
    stage.process(*[b"a:1|c"] * 4)
    assert total(stage.take(), "a") == 4
    stage.process(*[b"a:1|c"] * 2)
    assert total(stage.take(), "a") == 2
    assert stage.lines.metrics == 6
    stage.check()


def test_bad_line_spoils_no_neighbour(open_stage: OpenStage) -> None:
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


def test_cut_line_of_a_truncated_packet_is_rejected(open_stage: OpenStage) -> None:
    stage = open_stage()
    stage.process_packet(Packet(b"a:1|c\na:2|", UDP, is_truncated=True))
    assert stage.lines.rejected == {Reason.TRUNCATED: 1}
    assert total(stage.take(), "a") == 1
    stage.check()


def test_packet_truncated_between_lines_is_noticed(open_stage: OpenStage) -> None:
    stage = open_stage()
    stage.process_packet(Packet(b"a:1|c\n", UDP, is_truncated=True))
    assert stage.lines.rejected == {Reason.TRUNCATED: 1}
    stage.check()


@pytest.mark.parametrize(
    ("transport", "rejected"),
    [("udp", 0), ("unixgram", 1), ("unixstream", 1), ("tcp", 0)],
)
def test_last_line_needs_its_newline_where_that_is_required(
    open_stage: OpenStage, transport: str, rejected: int
) -> None:
    stage = open_stage(eol_required=frozenset({"uds"}))
    origin = UDP._replace(transport=transport)
    stage.process_packet(Packet(b"a:1|c\na:2|c", origin))
    assert stage.lines.rejected[Reason.UNTERMINATED] == rejected
    stage.check()


def test_filtered_line_is_counted_whether_it_is_known_or_not(
    open_stage: OpenStage,
) -> None:
    stage = open_stage(rules=Rules(filterlist=FilterList(["noise"])))
    stage.process(*[b"noise:1|c"] * 5)
    assert (stage.lines.filtered, stage.lines.metrics) == (5, 0)
    assert stage.take().series == ()
    stage.check()


@pytest.mark.parametrize("max_heads", [0, 1000])
def test_filtered_line_is_judged_alike_whether_it_is_known_or_not(
    open_stage: OpenStage, max_heads: int
) -> None:
    stage = open_stage(
        rules=Rules(filterlist=FilterList(["noise"])), max_heads=max_heads
    )
    stage.process(*[b"noise:1|c"] * 3, b"noise:x|c", *[b"noise:1|c|z:new"] * 3)
    assert (stage.lines.filtered, stage.lines.unknown_fields) == (6, 3)
    assert stage.lines.rejected == {Reason.BAD_VALUE: 1}
    stage.check()


def test_unknown_fields_are_counted_each_time(open_stage: OpenStage) -> None:
    stage = open_stage()
    stage.process(*[b"a:1|c|z:new"] * 4)
    assert stage.lines.unknown_fields == 4


def test_lines_not_in_utf8_count_and_are_counted_each_time(
    open_stage: OpenStage,
) -> None:
    stage = open_stage()
    # As hot-shots sends Latin-1 over TCP.
    stage.process(*[b"a:1|c|#city:K\xf6ln\xdf"] * 4, *[b"users:J\xfcrgen|s"] * 4)
    series = {each.name: each for each in stage.take().series}
    assert series["a"].tags == ("city:K\ufffdln\ufffd",)
    assert series["a"].points[0].value == 0.4
    assert series["users"].points[0].value == 1
    assert (stage.lines.metrics, stage.lines.repaired) == (8, 8)
    stage.check()


def test_a_name_not_in_utf8_is_another_metric_and_refused(
    open_stage: OpenStage,
) -> None:
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
def test_a_raw_byte_never_reaches_a_payload(open_stage: OpenStage, line: bytes) -> None:
    stage = open_stage()
    stage.process(line)
    (payload,) = [step for step in build_payloads(stage.take(), "") if step is not None]
    assert isinstance(payload, Payload)  # and not dropped as unencodable
    assert "\ufffd".encode() in payload.body
    assert b"\xff" not in payload.body


def test_new_name_in_every_line_is_parsed_and_counted(open_stage: OpenStage) -> None:
    stage = open_stage(max_contexts=10)
    stage.process(*[b"name%d:1|c" % number for number in range(500)])
    assert stage.samples.dropped == {"max_contexts": 490}
    stage.check()


def test_line_with_a_timestamp_is_never_learnt(open_stage: OpenStage) -> None:
    stage = open_stage()
    stage.process(*[b"a:1|c|T%d" % EPOCH] * 4)
    (series,) = stage.take().series
    assert series.points == ((EPOCH, 0.4),)


def test_expired_context_comes_back(open_stage: OpenStage) -> None:
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


def test_hook_may_change_and_drop_samples(open_stage: OpenStage) -> None:
    def change(sample: Sample) -> Sample | None:
        if sample.name == "secret":
            return None
        return attrs.evolve(sample, name=sample.name.upper())

    stage = open_stage(on_sample=change)
    stage.process(*[b"a:2|c\nsecret:1|c"] * 3)
    assert total(stage.take(), "A") == 6
    assert stage.lines.filtered == 3
    stage.check()


def test_hook_that_raises_costs_its_sample_only(
    open_stage: OpenStage, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(sample: Sample) -> Sample | None:
        if sample.name == "bad":
            raise ValueError("\x1b[31m" + sample.name)
        return sample

    stage = open_stage(on_sample=fail)
    stage.process(*[b"a:1|c\nbad:1:2|c\na:1|c"] * 3)
    assert total(stage.take(), "a") == 6
    assert stage.lines.hook_failures == {"on_sample": 3}
    assert stage.samples.dropped == {"hook_failed": 6}
    assert stage.lines.metrics == 9
    stage.check()
    stage.ingest._rejections.warn()
    stage.ingest._rejections.warn()
    (record,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert "on_sample raised 3 times, the first: ValueError: " in record.message
    assert "\x1b" not in record.message


@pytest.mark.parametrize(
    "answer",
    [
        True,
        "a:1|c",
        Sample("a", "c", (1.0,)),  # type: ignore[arg-type]  # as a program might
        Sample("a", MetricType.COUNTER, (1.0,), sample_rate=0.0),
        Sample("a", MetricType.COUNTER, (1.0,), tags=("x", 1)),  # type: ignore[arg-type]  # as above
    ],
)
def test_hook_that_gives_back_nonsense_costs_its_sample_only(
    open_stage: OpenStage, answer: Any
) -> None:
    stage = open_stage(on_sample=lambda _: answer)
    stage.process(b"a:1|c", b"b:1|c")
    assert stage.samples.dropped == {"hook_failed": 2}
    assert stage.lines.hook_failures == {"on_sample": 2}
    stage.check()


def test_hooks_that_look_on_cost_nothing(
    open_stage: OpenStage, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    stage = open_stage(on_event=fail)
    stage.ingest._rejections._on_rejected = fail
    stage.process(b"_e{1,1}:a|b\n_sc|up|0\nbad\na:1|c")
    snapshot = stage.take()
    assert (len(snapshot.events), len(snapshot.service_checks)) == (1, 1)
    assert stage.lines.rejected == {Reason.NO_COLON: 1}
    assert stage.lines.hook_failures == {"on_event": 2, "on_rejected": 1}
    stage.check()
    stage.ingest._rejections.warn()
    assert caplog.text.count("ZeroDivisionError") == 2


@pytest.mark.parametrize(
    "broken",
    [
        "statsd_trio.ingest.line_processor.parse_message",
        "statsd_trio.rules.Rules.apply",
        "statsd_trio.aggregation.aggregator.Aggregator.insert",
    ],
)
def test_counts_hold_where_a_stage_fails(
    open_stage: OpenStage, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise ZeroDivisionError

    stage = open_stage()
    stage.process(*[b"a:1|c\nb:1|c"] * 3)
    monkeypatch.setattr(broken, fail)
    with pytest.raises(ZeroDivisionError):
        stage.process(b"a:1|c\na:1|c\nbad:1|c\nb:1|c")
    # What the engine took of the same chunk counts.
    assert (stage.lines.read, stage.lines.metrics) == (9, 9)
    assert total(stage.take(), "a") == 5
    stage.check()


def test_hook_sees_events_and_service_checks(open_stage: OpenStage) -> None:
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


@given(st.lists(LINES | some_lines(), max_size=40))
def test_what_was_learnt_changes_no_result(
    open_stage: OpenStage, lines: list[bytes]
) -> None:
    learning, without = open_stage(), open_stage(max_heads=0)
    snapshots = []
    for stage in (learning, without):
        for _ in range(3):  # parsed twice, then known
            stage.process(b"\n".join(lines))
        snapshots.append(stage.take())
        stage.check()
    assert snapshots[0] == snapshots[1]
    assert learning.lines == without.lines
    assert learning.samples == without.samples


STEPS = st.one_of(
    st.tuples(st.just("process"), st.lists(LINES, min_size=1, max_size=12)),
    st.tuples(st.just("wait"), st.sampled_from([0.3, 1.0, 7.0, 25.0, -3.0])),
    st.tuples(st.just("take"), st.booleans()),
)


@given(st.lists(STEPS, max_size=25))
def test_what_was_learnt_changes_no_result_over_time(
    open_stage: OpenStage, steps: list[tuple[str, Any]]
) -> None:
    stages = open_stage(max_contexts=14), open_stage(max_contexts=14, max_heads=0)
    snapshots: tuple[list[Snapshot], list[Snapshot]] = ([], [])
    for stage, taken in zip(stages, snapshots, strict=True):
        for step, argument in [*steps, ("take", True)]:
            if step == "process":
                stage.ingest.advance()
                for _ in range(3):
                    stage.process(b"\n".join(argument))
            elif step == "wait":
                stage.now[0] += argument
            else:
                builder = stage.ingest.take_snapshot(include_open=argument, final=False)
                for _ in builder.build():
                    pass
                taken.append(builder.snapshot)
                stage.check()
    assert snapshots[0] == snapshots[1]
    assert stages[0].lines == stages[1].lines
    assert stages[0].samples == stages[1].samples


@given(st.lists(some_lines(), max_size=30))
def test_joined_lines_give_exactly_the_valid_ones(
    open_stage: OpenStage, lines: list[bytes]
) -> None:
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


async def test_channel_is_processed_to_its_end(open_stage: OpenStage) -> None:
    stage = open_stage()
    await run_stage(stage, [b"a:1|c"] * 50)
    assert total(stage.take(), "a") == 50


async def test_small_packets_are_processed_as_if_each_came_alone(
    make_engine: MakeEngine,
) -> None:
    # Those of one sender in a row go to the engine together.
    ann, bob = Origin("udp", "x", "ann"), Origin("udp", "x", "bob")
    packets = [
        Packet(b"a:1|c", ann),
        Packet(b"", ann),
        Packet(b"a:1|c\na:bad|c\n", ann),
        Packet(b"a:1|c\na:", ann, is_truncated=True),
        Packet(b"|c", ann),
        Packet(b"a:1|c", bob),
        Packet(b"a:worse|c", bob),
        Packet(b"a:1|c\n" * CHUNK_BYTES, bob),
        Packet(b"a:worst|c", bob),
        Packet(b"a:1|c", ann),
    ]
    alone, together = (join_stages(make_engine) for _ in range(2))
    origins: list[list[tuple[bytes, Origin]]] = [[], []]
    for stage, seen in zip((alone, together), origins, strict=True):
        stage.ingest._rejections._on_rejected = lambda _, line, origin, seen=seen: (
            seen.append((line, origin))
        )
    for packet in packets:
        for _ in alone.ingest.process_packet(packet):
            pass
    queue = PacketQueue(len(packets))
    with queue.open_send_channel(ListenerCounters("x")) as channel:
        channel.put_nowait(packets)
    await together.ingest.run(queue)
    await together.ingest.wait_processed(len(packets))
    assert together.lines == alone.lines
    assert total(together.take(), "a") == total(alone.take(), "a") == CHUNK_BYTES + 5
    assert sorted(origins[0]) == sorted(origins[1])
    assert len(origins[0]) == 5


@pytest.mark.parametrize(
    ("mappings", "size"), [(0, CHUNK_BYTES), (1, 1117), (10, 219), (1000, 64)]
)
def test_slow_rules_let_others_run_sooner(
    open_stage: OpenStage, mappings: int, size: int
) -> None:
    mapping = MetricMapping("a.*", "b")
    profile = MapperProfile("a", "a.", [mapping] * mappings)
    rules = Rules(mapper=Mapper([profile]))
    assert measure_chunk(rules) == size
    stage = open_stage()
    stage.ingest.replace_rules(rules)
    assert stage.ingest._chunk_bytes == size


async def count_turns(turns: list[int]) -> None:
    while True:
        await trio.lowlevel.checkpoint()
        turns[0] += 1


async def count_turns_of_others(stage: Stage, packets: list[bytes]) -> int:
    turns = [0]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns, turns)
        await run_stage(stage, packets)
        nursery.cancel_scope.cancel()
    return turns[0]


async def test_long_packet_lets_others_run(open_stage: OpenStage) -> None:
    # A clock on which every look is after the deadline.
    stage = open_stage(monotonic_clock=partial(next, count()))
    packet = b"a:1|c\n" * (CHUNK_BYTES // 6 * 20)
    assert await count_turns_of_others(stage, [packet]) >= 20
    assert total(stage.take(), "a") == CHUNK_BYTES // 6 * 20


@pytest.mark.parametrize("packet", [b"", b"a:1|c", b"a:1|c\n" * 50])
async def test_many_small_packets_let_others_run(
    open_stage: OpenStage, packet: bytes
) -> None:
    stage = open_stage(monotonic_clock=partial(next, count()))
    packets = CHUNK_BYTES * 5 // (len(packet) + 16)
    assert await count_turns_of_others(stage, [packet] * packets) >= 5
    assert total(stage.take(), "a") == packets * packet.count(b"|")


async def test_others_run_while_much_is_put_off() -> None:
    # Of the plain engine, since the native one puts nothing off.
    stage = join_stages(PlainEngine, monotonic_clock=partial(next, count()))
    lines = [b"d%d:%s|d" % (n, b":".join([b"1"] * 600)) for n in range(10)]
    alone = await count_turns_of_others(stage, [])
    for line in lines:
        assert await count_turns_of_others(stage, [line]) > alone
    snapshot = stage.take()
    assert [s.points[0].count for s in snapshot.sketches] == [600] * 10


@given(st.binary(max_size=60), st.integers(1, 12))
def test_chunks_of_a_packet_are_whole_lines(data: bytes, size: int) -> None:
    chunks: list[bytes] = []
    end = 0
    while end < len(data):
        start, end = end, _find_chunk_end(data, end, size)
        chunks.append(data[start:end])
    assert b"".join(chunks) == data
    assert all(chunk[-1:] == b"\n" for chunk in chunks[:-1])
    assert all(len(c) <= size or c.count(b"\n") <= 1 for c in chunks)


def test_new_rules_hold_for_lines_that_are_known(open_stage: OpenStage) -> None:
    stage = open_stage()
    stage.process(*[b"a:1|c", b"b:1|c"] * 3)

    stage.ingest.replace_rules(Rules(filterlist=FilterList(["a"])))
    stage.process(*[b"a:1|c", b"b:1|c"] * 3)

    assert (stage.lines.metrics, stage.lines.filtered) == (9, 3)
    stage.check()


def test_rules_that_filter_no_more_let_known_lines_through(
    open_stage: OpenStage,
) -> None:
    stage = open_stage(rules=Rules(filterlist=FilterList(["a"])))
    stage.process(*[b"a:1|c"] * 3)

    stage.ingest.replace_rules(Rules())
    stage.process(*[b"a:1|c"] * 3)

    assert (stage.lines.metrics, stage.lines.filtered) == (3, 3)
    stage.check()
