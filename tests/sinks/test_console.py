import io

import attrs
import pytest
from snapshots import EVENT, SERVICE_CHECK, make_series, make_sketch, make_snapshot

from statsd_trio.aggregation.snapshot import Point, Series, SeriesType, Snapshot
from statsd_trio.sinks.console import ConsoleSink

EPOCH = 1_700_000_000


async def show(snapshot: Snapshot) -> str:
    stream = io.StringIO()
    await ConsoleSink(stream)(snapshot)
    return stream.getvalue()


async def test_table_names_every_metric() -> None:
    snapshot = Snapshot(
        EPOCH,
        10,
        series=(
            Series("page.views", SeriesType.RATE, (Point(EPOCH, 0.25),), ("env:x",)),
            Series("users", SeriesType.GAUGE, (Point(EPOCH, 1234567.0),)),
            Series("t.avg", SeriesType.GAUGE, (Point(EPOCH, 5.0),), unit="millisecond"),
        ),
        sketches=(make_sketch(),),
        events=(EVENT,),
        service_checks=(attrs.evolve(SERVICE_CHECK, message="gone", tags=("a:b",)),),
    )
    assert (await show(snapshot)).splitlines() == [
        "--- 2023-11-14 22:13:20 UTC, 10 s ---",
        "METRIC      TYPE                           VALUE  TAGS",
        "page.views  rate                            0.25  env:x",
        "users       gauge                      1,234,567",
        "t.avg       gauge                  5 millisecond",
        "latency     sketch  n=2 min=-1.5 avg=0.5 max=2.5  env:test",
        "event [info] Deployed: to production",
        "check db.up: CRITICAL gone a:b",
        "",
    ]


async def test_empty_snapshot_shows_nothing() -> None:
    assert await show(Snapshot(EPOCH, 10)) == ""


async def test_client_cannot_write_to_the_terminal() -> None:
    snapshot = Snapshot(
        EPOCH,
        10,
        series=(make_series("a\x1b[2Jb", tags=("x:\r\ny",)),),
        events=(attrs.evolve(EVENT, text="one\ntwo"),),
    )
    shown = await show(snapshot)
    assert "a\\x1b[2Jb" in shown
    assert "x:\\r\\ny" in shown
    assert "one\\ntwo" in shown
    assert shown.replace("\n", "").isprintable()


async def test_long_name_moves_only_its_own_row() -> None:
    series = (make_series("x" * 200), make_series("short"))
    _, heading, long, short, _ = (await show(Snapshot(EPOCH, 10, series))).split("\n")[
        :5
    ]
    assert len(long) > 200
    assert len(short) < 100
    assert heading.index("TYPE") == short.index("rate") == 50


async def test_what_the_stream_cannot_show_costs_no_table() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    await ConsoleSink(stream)(Snapshot(EPOCH, 10, (make_series("señor \ud800"),)))
    assert b"se?or " in raw.getvalue()


async def test_standard_output_is_the_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await ConsoleSink()(make_snapshot())
    assert "s0.m0" in capsys.readouterr().out
