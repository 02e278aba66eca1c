"""Delivery over real sockets, to an intake that decodes on its own."""

import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any

import attrs
import pytest
import trio
from delivery_harness import check_identity
from snapshots import (
    EPOCH,
    EVENT,
    SERVICE_CHECK,
    make_series,
    make_sketch,
    make_snapshot,
)
from trio.testing import MockClock

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.mock_intake import (
    Fault,
    MockIntake,
    ReceivedSeries,
    Route,
    Rule,
    open_mock_intake,
)
from statsd_trio.sinks.datadog.opening import Account
from statsd_trio.sinks.sink_runner import SinkRunner
from tests.sinks.datadog.conftest import open_datadog


@asynccontextmanager
async def delivering(url: str, **options: Any) -> AsyncGenerator[SinkRunner]:
    destination = open_datadog(
        [Account(url, "secret-key")], choose_fraction=lambda: 0.5, **options
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(destination.run)
        yield destination
        nursery.cancel_scope.cancel()


def count_series(intake: MockIntake) -> Counter[str]:
    return Counter(series.name for series in intake.series)


def has_all(count: int) -> Callable[[MockIntake], bool]:
    return lambda intake: len(count_series(intake)) == count


@pytest.mark.parametrize("compression", ["zstd", "deflate", "gzip", "none"])
async def test_intake_reads_what_was_sent(compression: str) -> None:
    series = make_series("page.views", points=3, device="sda", unit="millisecond")
    sketch = make_sketch("latency", points=2, bins=100)
    snapshot = Snapshot(
        EPOCH,
        10,
        series=(series,),
        sketches=(sketch,),
        events=(EVENT, EVENT),
        service_checks=(SERVICE_CHECK,),
    )
    async with (
        open_mock_intake() as intake,
        delivering(intake.url, compression=compression) as destination,
    ):
        destination.put_nowait(snapshot)
        await destination.join()
        (ledger,) = destination.ledgers()
        assert ledger.delivered == snapshot.points.total == 8
    (received,) = intake.series
    assert received.name == "page.views"
    assert received.type.name.lower() == "rate"
    assert tuple((p.timestamp, p.value) for p in received.points) == series.points
    assert received.tags == series.tags
    assert received.resources == (("host", "web-1"), ("device", "sda"))
    assert (received.interval, received.unit) == (10, "millisecond")
    (received_sketch,) = intake.sketches
    assert [attrs.astuple(p) for p in received_sketch.points] == [
        (p.timestamp, p.count, p.min, p.max, p.average, p.sum, p.keys, p.counts)
        for p in sketch.points
    ]
    assert [one.title for one in intake.events] == ["Deployed"] * 2
    assert [(one.name, one.status) for one in intake.service_checks] == [("db.up", 2)]


@pytest.mark.parametrize(
    "rule",
    [
        Rule(fault=Fault.RESET, times=3),
        Rule(fault=Fault.LOSE_ANSWER, times=3),
        Rule(fault=Fault.HALF_ANSWER, status=503, times=3),
        Rule(fault=Fault.HALF_ANSWER, times=3),
        Rule(fault=Fault.GARBAGE, times=3),
        Rule(fault=Fault.HANG, times=3),
        Rule(status=500, times=3),
        Rule(status=429, retry_after="120", times=3),
        Rule(status=307, location="https://evil.example/", times=3),
        Rule(delay_seconds=10.0),
    ],
    ids=lambda rule: f"{rule.fault} {rule.status} {rule.location}"[:30],
)
async def test_every_fault_is_survived(autojump_clock: MockClock, rule: Rule) -> None:
    async with (
        open_mock_intake(script=[attrs.evolve(rule, route=Route.SERIES)]) as intake,
        delivering(intake.url) as destination,
    ):
        for number in range(12):
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(10)
            check_identity(*destination.ledgers())
        await intake.wait_for(has_all(12))
        await destination.join()
        (ledger,) = destination.ledgers()
    check_identity(ledger)
    assert ledger.delivered == 12
    assert sum(count_series(intake).values()) <= 12 + ledger.resent
    bodies: dict[Any, set[Any]] = {}
    for attempt in intake.attempts:
        for item in attempt.items:
            assert isinstance(item, ReceivedSeries)
            bodies.setdefault(item.name, set()).add(item)
    assert all(len(versions) == 1 for versions in bodies.values())


async def test_outage_of_half_an_hour_over_real_sockets(
    autojump_clock: MockClock,
) -> None:
    faults = [
        Rule(status=500, after_seconds=100, for_seconds=300),
        Rule(fault=Fault.HANG, after_seconds=400, for_seconds=300),
        Rule(fault=Fault.LOSE_ANSWER, after_seconds=700, for_seconds=300),
        Rule(status=429, retry_after="30", after_seconds=1000, for_seconds=300),
        Rule(fault=Fault.GARBAGE, after_seconds=1300, for_seconds=300),
        Rule(status=403, route=Route.VALIDATE, after_seconds=0),
        Rule(status=404, after_seconds=1600, for_seconds=300),
    ]
    async with (
        open_mock_intake(script=faults) as intake,
        delivering(intake.url) as destination,
    ):
        for number in range(210):
            destination.put_nowait(make_snapshot(number, series=2))
            await trio.sleep(10)
            check_identity(*destination.ledgers())
        await destination.join()
        (ledger,) = destination.ledgers()
        check_identity(ledger)
    held = count_series(intake)
    assert len(held) == 420
    assert (ledger.snapshotted, ledger.delivered) == (420, 420)
    assert 420 <= sum(held.values()) <= 420 + ledger.resent
    assert ledger.resent > 0


async def test_intake_restarted_on_its_port_gets_everything(
    autojump_clock: MockClock,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with delivering(f"http://127.0.0.1:{port}") as destination:
        async with open_mock_intake(port=port) as first:
            for number in range(5):
                destination.put_nowait(make_snapshot(number))
                await trio.sleep(10)
        for number in range(5, 15):
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(10)
            check_identity(*destination.ledgers())
        assert destination.ledgers()[0].pending > 0
        async with open_mock_intake(port=port) as second:
            await second.wait_for(
                lambda intake: len(count_series(first) + count_series(intake)) == 15
            )
            await destination.join()
            (ledger,) = destination.ledgers()
    assert ledger.delivered == 15
    held = count_series(first) + count_series(second)
    assert sum(held.values()) <= 15 + ledger.resent


KILLED_SERVER = """
import sys
import trio
from statsd_trio.aggregation.snapshot import Point, Series, SeriesType, Snapshot
from statsd_trio.sinks.datadog.opening import Account, open_datadog_destination
from statsd_trio.sinks.delivery.settings import DeliverySettings

async def main():
    url, spool = sys.argv[1:]
    destination = open_datadog_destination(
        [Account(url, "secret-key")],
        DeliverySettings(
            retry_queue_bytes=500, spool_path=spool, spool_max_bytes=10**7
        ),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(destination.run)
        for number in range(10**6):
            series = Series(
                f"s{number}", SeriesType.COUNT, (Point(1700000000 + number, 1.0),)
            )
            destination.put_nowait(Snapshot(1700000000 + number, 10, (series,)))
            await trio.sleep(0.001)
            (ledger,) = destination.ledgers()
            print(number, ledger.spooled, ledger.evicted, flush=True)

trio.run(main)
"""


async def test_killed_server_loses_nothing_that_was_spooled(tmp_path: Path) -> None:
    spool = str(tmp_path / "spool")
    async with open_mock_intake(script=[Rule(status=503)]) as intake:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-c", KILLED_SERVER, intake.url, spool], stdout=PIPE
        )
        assert process.stdout is not None
        output = b""
        spooled = 0
        while spooled <= 20:
            chunk = await process.stdout.receive_some(4096)
            assert chunk, "the server ended by itself"
            output += chunk
            *complete, _ = output.decode().split("\n")
            spooled = int(complete[-1].split()[1]) if complete else 0
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        await process.stdout.aclose()
    # Another intake, since the first may still hold requests of the dead.
    port = int(intake.url.rpartition(":")[2])
    async with open_mock_intake(port=port) as intake:
        async with delivering(
            intake.url, spool_path=spool, spool_max_bytes=10**7
        ) as destination:
            await intake.wait_for(lambda one: len(count_series(one)) >= spooled)
            await destination.join()
            (ledger,) = destination.ledgers()
        check_identity(ledger)
    held = count_series(intake)
    assert set(held.values()) == {1}
    assert len(held) == ledger.delivered >= spooled
