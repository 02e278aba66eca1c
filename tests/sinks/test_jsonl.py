import io
import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from snapshots import EVENT, SERVICE_CHECK, make_series, make_sketch, make_snapshot

from statsd_trio.aggregation.snapshot import Point, Series, SeriesType, Snapshot
from statsd_trio.protocol.messages import Event, ServiceCheck
from statsd_trio.sinks.jsonl import JsonLinesSink
from statsd_trio.sinks.sink import SinkError

LimitFiles = Callable[[int], AbstractContextManager[None]]

EPOCH = 1_700_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "points.jsonl"


def read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_each_point_is_a_line(path: Path) -> None:
    series = Series(
        "disk.used",
        SeriesType.GAUGE,
        (Point(EPOCH, 1.5), Point(EPOCH + 10, 2.0)),
        tags=("a:b",),
        host="web-1",
        device="sda",
        resources=(("cluster", "blue"),),
        unit="millisecond",
    )
    await JsonLinesSink(path)(Snapshot(EPOCH, 10, series=(series,)))
    first = {
        "kind": "point",
        "name": "disk.used",
        "type": "gauge",
        "timestamp": EPOCH,
        "value": 1.5,
        "tags": ["a:b"],
        "host": "web-1",
        "device": "sda",
        "resources": [["cluster", "blue"]],
        "interval": 10,
        "unit": "millisecond",
    }
    assert read(path) == [first, first | {"timestamp": EPOCH + 10, "value": 2.0}]


async def test_each_bucket_of_a_sketch_is_a_line(path: Path) -> None:
    await JsonLinesSink(path)(Snapshot(EPOCH, 10, sketches=(make_sketch(points=2),)))
    assert (
        read(path)
        == [
            {
                "kind": "sketch",
                "name": "latency",
                "timestamp": EPOCH,
                "count": 2,
                "min": -1.5,
                "max": 2.5,
                "sum": 3.0,
                "average": 0.5,
                "keys": [-1, 0],
                "counts": [1, 1],
                "tags": ["env:test"],
                "host": "web-1",
            }
        ]
        * 2
    )


async def test_events_and_service_checks_are_lines(path: Path) -> None:
    await JsonLinesSink(path)(
        Snapshot(EPOCH, 10, events=(EVENT,), service_checks=(SERVICE_CHECK,))
    )
    assert read(path) == [
        {
            "kind": "event",
            "title": "Deployed",
            "text": "to production",
            "timestamp": EPOCH,
            "host": "web-1",
            "aggregation_key": None,
            "priority": "normal",
            "source_type_name": None,
            "alert_type": "info",
            "tags": [],
        },
        {
            "kind": "service_check",
            "name": "db.up",
            "status": 2,
            "timestamp": EPOCH,
            "host": "web-1",
            "message": "",
            "tags": [],
        },
    ]


async def test_file_is_appended_to_and_may_be_rotated(path: Path) -> None:
    sink = JsonLinesSink(path)
    await sink(make_snapshot(0))
    await sink(make_snapshot(1))
    assert [line["name"] for line in read(path)] == ["s0.m0", "s1.m0"]
    await trio.Path(path).rename(path.with_suffix(".1"))
    await sink(make_snapshot(2))
    assert [line["name"] for line in read(path)] == ["s2.m0"]


async def test_standard_output_is_the_default(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    await JsonLinesSink()(make_snapshot(series=2))
    assert capsysbinary.readouterr().out.count(b"\n") == 2


async def test_no_string_can_break_a_line() -> None:
    name = 'a\nb"\u2028\ud800é'
    stream = io.BytesIO()
    await JsonLinesSink(stream=stream)(Snapshot(EPOCH, 10, (make_series(name),)))
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["name"] == name


async def test_large_snapshot_is_whole(path: Path) -> None:
    await JsonLinesSink(path)(make_snapshot(series=3000))
    assert [line["name"] for line in read(path)] == [f"s0.m{n}" for n in range(3000)]


async def test_file_that_cannot_be_written_is_the_caller_s_to_count(
    tmp_path: Path,
) -> None:
    with pytest.raises(SinkError, match=f"could not write to {tmp_path}: Is a dir"):
        await JsonLinesSink(tmp_path)(make_snapshot())


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
async def test_full_disk_leaves_whole_lines_and_their_count(
    path: Path, limit_files: LimitFiles
) -> None:
    with limit_files(100_000), pytest.raises(SinkError) as raised:
        await JsonLinesSink(path)(make_snapshot(series=3000))

    names = [line["name"] for line in read(path)]
    assert names == [f"s0.m{n}" for n in range(raised.value.delivered)]
    assert 0 < raised.value.delivered < 3000


async def test_reader_that_stopped_reading_holds_no_stop_up() -> None:
    reading, writing = os.pipe()
    released = trio.Event()

    class BlockedStream(io.RawIOBase):
        def write(self, data: Any) -> int:
            trio.from_thread.run_sync(released.set, trio_token=token)
            os.read(reading, 1)
            return len(data)

    token = trio.lowlevel.current_trio_token()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                JsonLinesSink(stream=BlockedStream()),  # type: ignore[arg-type]
                make_snapshot(),
            )
            await released.wait()
            scope.cancel()
    assert scope.cancelled_caught
    os.write(writing, b"x")
    os.close(writing)
    os.close(reading)


async def test_every_field_of_a_message_is_written_or_left_out_on_purpose(
    path: Path,
) -> None:
    await JsonLinesSink(path)(
        Snapshot(EPOCH, 10, events=(EVENT,), service_checks=(SERVICE_CHECK,))
    )
    left_out = {"origin", "unknown_fields", "is_repaired", "warnings"}
    for line, message in zip(read(path), (Event, ServiceCheck), strict=True):
        fields = {field.name for field in attrs.fields(message)}
        assert line.keys() - {"kind"} == fields - left_out
