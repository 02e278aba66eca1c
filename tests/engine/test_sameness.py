"""Both engines give the same: snapshots, ledgers and rejections, to the last bit.

The plain engine is the specification; where they differ the native one is wrong.
"""

import base64
import json
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import example, given, strategies as st
from stage import Stage, open_stage

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.engine.engine import MakeEngine
from statsd_trio.engine.histogram import KEPT_VALUES, KEPT_WEIGHTS
from statsd_trio.engine.native import find_native
from statsd_trio.engine.plain import PlainEngine
from statsd_trio.rules import FilterList, Rules
from statsd_trio.testing.strategies import packets as some_packets

VECTORS = Path(__file__).parent.parent / "vectors"

OpenBoth = Callable[..., tuple[Stage, Stage]]


@pytest.fixture(scope="session")
def open_both() -> OpenBoth:
    """Hand out what makes a stage with each engine."""
    native = find_native()
    if native is None:
        pytest.skip("the native engine is not installed")
    makers: tuple[MakeEngine, MakeEngine] = (PlainEngine, native)

    def open_stages(**options: Any) -> tuple[Stage, Stage]:
        plain, other = (open_stage(make, **options) for make in makers)
        return plain, other

    return open_stages


def describe(snapshot: Snapshot) -> dict[Any, Any]:
    """Put *snapshot* in an order that is the same whatever came first."""
    described: dict[Any, Any] = {"time": snapshot.time, "points": snapshot.points}
    for series in snapshot.series:
        described[series.name, series.type, series.tags, series.host] = series
    for sketch in snapshot.sketches:
        described[sketch.name, sketch.tags, sketch.host] = sketch
    return described


def do_alike(stages: Iterable[Stage], steps: Sequence[tuple[str, Any]]) -> None:
    """Do *steps* with each of two stages, and compare all that can be seen."""
    seen: list[Any] = []
    for stage in stages:
        snapshots: list[Any] = []
        for step, argument in (*steps, ("flush", (True, True))):
            if step == "process":
                stage.process(*argument)
            elif step == "wait":
                stage.now[0] += argument
                stage.ingest.advance()
            elif step == "rules":
                stage.ingest.replace_rules(argument)
            else:
                include_open, final = argument
                snapshot = stage.take(include_open=include_open, final=final)
                snapshots.append(describe(snapshot))
                stage.check()
        seen.append(
            {
                "snapshots": snapshots,
                "lines": stage.lines,
                "samples": stage.samples,
                "contexts": stage.contexts,
                "rejected": stage.rejected,
                "condensed": stage.aggregator.condensed,
                "warnings": stage.warnings,
            }
        )
    plain, native = seen
    for key, value in plain.items():
        assert native[key] == value, key


NAMES = st.sampled_from([b"a", b"b", b"c", b"noise", b"_e{1,1}", b"_sc|a|0"])
NUMBERS = st.one_of(
    st.integers(-20, 20).map(b"%d".__mod__),
    st.floats(-1e6, 1e6).map(lambda number: repr(number).encode()),
    st.floats().map(lambda number: repr(number).encode()),
    st.sampled_from(
        b"1e269 1e270 -1e270 1e300 1e308 -1e308 1e-320 5e-324 -0 +1 1. .5 1_000 1__0 "
        b"_1 0x1 1e 1e+ e1 + - . 1.2.3 inf -Inf nan NaN infinity 1e999".split()
    ),
)
VALUES = st.one_of(
    NUMBERS,
    st.lists(NUMBERS, min_size=2, max_size=5).map(b":".join),
    st.sampled_from([b"", b" 1", b"1 ", b"1\r", b"\x001", b"\xff", "\u0661".encode()]),
    st.binary(max_size=6).filter(lambda raw: b"\n" not in raw),
)
FIELDS = st.sampled_from(
    b"c g h ms s d c|@0.5 c|@1e-5 c|@1e-300 g|@0.1 g|#x,y g|#y,x d|@0.1 d|@0.3 h|@0.3 "
    b"h|@1e-12 d|@1e-12 ms|@0.7 ms|#x h|#x s|#x,y s|#\xff c|T1700000000 g|T1700000003 "
    b"h|T1 c\r h\r q c|@2 c|#host:z c|z:1 d|#dd.internal.jmx_check_name:k".split()
)
LINES = st.builds(lambda *parts: b"%s:%s|%s" % parts, NAMES, VALUES, FIELDS)
# The same lines again and again, as a client sends them, so that they are known.
PACKETS = st.builds(
    lambda lines, times: [b"\n".join(lines)] * times,
    st.lists(LINES, min_size=1, max_size=10),
    st.integers(1, 4),
)
STEPS = st.one_of(
    st.tuples(st.just("process"), PACKETS),
    st.tuples(st.just("process"), PACKETS),
    st.tuples(st.just("process"), st.lists(some_packets(400), max_size=3)),
    st.tuples(st.just("process"), st.lists(st.binary(max_size=200), max_size=3)),
    st.tuples(
        st.just("wait"), st.sampled_from([0.3, 1.0, 7.0, 25.0, 65.0, 400.0, -3.0, -900])
    ),
    st.tuples(st.just("flush"), st.tuples(st.booleans(), st.just(False))),
    st.tuples(
        st.just("rules"),
        st.sampled_from([Rules(), Rules(filterlist=FilterList(["noise", "b"]))]),
    ),
)
SETTINGS = st.fixed_dictionaries(
    {
        "max_contexts": st.sampled_from([4, 1000]),
        "max_heads": st.sampled_from([0, 3, 1000]),
        "counter_type": st.sampled_from(["rate", "count"]),
        "histogram_aggregates": st.just(
            ("max", "min", "median", "avg", "sum", "count")
        ),
        "histogram_percentiles": st.just((0, 20, 95, 100)),
        "histogram_copy_to_distribution": st.booleans(),
        "histogram_copy_to_distribution_prefix": st.sampled_from(["", "copy."]),
        "hostname": st.just("here"),
    }
)


@given(SETTINGS, st.lists(STEPS, max_size=12))
@example({}, [("process", [b"a:1|h|@0.3\na:1|h\na:1|h|@0.3\na:7|h"] * 5)])
@example({}, [("process", [b"a:1e308|h\na:1e308|h\na:-1e308|h"] * 5)])
@example({}, [("process", [b"a:1|g\na:x|s\na:2|g"] * 3), ("wait", 10.0)] * 2)
def test_both_engines_do_the_same(
    open_both: OpenBoth, options: dict[str, Any], steps: list[tuple[str, Any]]
) -> None:
    do_alike(open_both(**options), steps)


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda p: p.stem)
def test_both_engines_read_the_vectors_alike(open_both: OpenBoth, path: Path) -> None:
    lines = [
        base64.b64decode(case["line_base64"])
        if "line_base64" in case
        else case["line"].encode()
        for case in json.loads(path.read_text(encoding="utf-8"))
    ]
    steps = [("process", [line]) for line in lines] + [("wait", 1.0)]
    do_alike(open_both(), steps * 4)


@pytest.mark.parametrize("rates", [(1.0,), (0.3,), (1.0, 0.3, 0.5)])
@pytest.mark.parametrize("different", [KEPT_WEIGHTS - 1, KEPT_WEIGHTS + 1, 100_000])
@pytest.mark.parametrize("type_", ["h", "ms", "d"])
def test_many_values_are_condensed_alike(
    open_both: OpenBoth, type_: str, different: int, rates: tuple[float, ...]
) -> None:
    generator = random.Random(different)
    lines = [
        f"a:{generator.randrange(different) / 7}|{type_}|@{rates[n % len(rates)]}"
        for n in range(3 * KEPT_VALUES)
    ]
    packets = [
        "\n".join(lines[begin : begin + 30]).encode()
        for begin in range(0, len(lines), 30)
    ]
    do_alike(
        open_both(
            histogram_aggregates=("max", "min", "median", "avg", "sum", "count"),
            histogram_percentiles=(1, 50, 95, 99),
            histogram_copy_to_distribution=True,
        ),
        [("process", packets), ("wait", 10.0), ("process", packets[:200])],
    )


def test_values_of_all_sizes_fall_into_the_same_bins(open_both: OpenBoth) -> None:
    generator = random.Random(1)
    values = [
        generator.choice([-1, 1])
        * generator.random()
        * 10 ** generator.uniform(-12, 12)
        for _ in range(20_000)
    ]
    packets = [b"a:%r|d" % value for value in values]
    do_alike(open_both(), [("process", packets)])


def test_sets_are_bounded_alike(
    open_both: OpenBoth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statsd_trio.aggregation.aggregator.MAX_SET_VALUES", 10)
    lines = [b"%c:%d|s" % (97 + n % 3, n % 25) for n in range(200)]
    steps: list[tuple[str, Any]] = [("process", lines), ("wait", 10.0)]
    do_alike(open_both(), steps * 2)


@attrs.frozen
class Flood:
    """What strangers may send.

    Attributes:
        packets: makes them.
        settings: what makes it end sooner.
    """

    packets: Callable[[], list[bytes]]
    settings: dict[str, Any] = attrs.field(factory=dict[str, Any])


FLOODS = {
    "heads": Flood(
        lambda: [b"n%d:1|c\nn%d:1|c\nn%d:1|c" % (n, n, n) for n in range(3000)],
        {"max_heads": 500, "max_contexts": 1000},
    ),
    "members": Flood(lambda: [b"a:%d|s" % n for n in range(20_000)]),
    "long name": Flood(lambda: [b"x" * 8192 + b":1|c"] * 4),
    "no newline": Flood(lambda: [b"x" * 65_507] * 3),
    "newlines": Flood(lambda: [b"\n" * 65_507] * 3),
    "zeros": Flood(lambda: [bytes(65_507)] * 3),
    "packed": Flood(lambda: [b"a:" + b"1:" * 32_000 + b"1|d"] * 3),
}


@pytest.mark.parametrize("name", FLOODS)
def test_both_engines_bear_a_flood_alike(open_both: OpenBoth, name: str) -> None:
    flood = FLOODS[name]
    steps: list[tuple[str, Any]] = [
        ("process", flood.packets()),
        ("wait", 10.0),
        ("flush", (False, False)),
        ("wait", 100.0),
        ("flush", (False, False)),
    ]
    do_alike(open_both(**flood.settings), steps)
