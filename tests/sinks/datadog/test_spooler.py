import math
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import httpx2
import pytest
import trio
from delivery_harness import (
    check_identity,
    ledger_of,
    run_inline,
    running,
    sender_of,
    stop,
)
from fake_intake import Attempt, FakeIntake
from snapshots import EPOCH, EVENT, make_series, make_snapshot
from trio.testing import MockClock

from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.sinks.datadog.payloads import build_payloads
from statsd_trio.sinks.datadog.routes import DatadogRoute
from statsd_trio.sinks.delivery.disk_queue import DiskQueue
from statsd_trio.sinks.delivery.payload import Payload
from statsd_trio.sinks.delivery.spool import name_target
from statsd_trio.sinks.delivery.spooler import Spooler
from statsd_trio.sinks.delivery.transaction import SpoolFile, Transaction
from statsd_trio.sinks.delivery.worker_thread import run_in_thread
from statsd_trio.sinks.sink_runner import SinkRunner
from tests.sinks.datadog.conftest import DatadogHarness

T = TypeVar("T")


class SpoolHarness(DatadogHarness):
    """Destinations that keep in one directory what does not fit into memory."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.directory = directory

    def open_spooling(self, **options: Any) -> SinkRunner:
        defaults = {
            "spool_path": str(self.directory),
            "spool_max_bytes": 10**6,
            "run_in_thread": run_inline,
        }
        return self.open(None, **{**defaults, **options})


@pytest.fixture
def harness(tmp_path: Path) -> SpoolHarness:
    return SpoolHarness(tmp_path / "spool")


def disk_of(destination: SinkRunner) -> DiskQueue:
    disk = sender_of(destination)._disk
    assert disk is not None
    return disk


def spooler_of(destination: SinkRunner) -> Spooler:
    spooler = sender_of(destination)._deliveries[0]._spooler
    assert spooler is not None
    return spooler


def list_spooled(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.spool*"))


def list_all(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def leave_spooled(
    destination: SinkRunner, intake: FakeIntake, snapshots: list[Snapshot]
) -> None:
    """Have a server stop while the intake is down."""
    intake.answer_with(500)
    async with running(destination):
        for snapshot in snapshots:
            destination.put_nowait(snapshot)
            await destination.join()
    intake.accept_all()
    intake.attempts.clear()


async def test_what_memory_cannot_hold_survives_an_outage(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open_spooling(retry_queue_bytes=600)
    harness.intake.answer_with(500)
    most_spooled = 0
    async with running(destination):
        for number in range(100):
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(10)
            check_identity(*destination.ledgers())
            most_spooled = max(most_spooled, ledger_of(destination).spooled)
        harness.intake.accept_all()
        await trio.sleep(600)
        ledger = ledger_of(destination)
    assert most_spooled > 50
    assert (ledger.delivered, ledger.spooled, ledger.evicted) == (100, 0, 0)
    assert harness.intake.count_held() == Counter(
        f"s{number}.m0" for number in range(100)
    )
    assert list_spooled(harness.directory) == []


async def test_file_sent_while_another_is_removed_is_removed_too(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    async def run_slowly(function: Callable[[], T]) -> T:
        await trio.sleep(0.5)
        return function()

    first = harness.open_spooling(retry_queue_bytes=0)
    await leave_spooled(
        first, harness.intake, [make_snapshot(number) for number in range(5)]
    )
    second = harness.open_spooling(run_in_thread=run_slowly)
    disk, spooler = disk_of(second), spooler_of(second)
    removed: list[Any] = []
    acknowledge = disk.acknowledge

    def remove_while_more_is_sent(files: Collection[SpoolFile]) -> None:
        if not removed:
            assert spooler._done
        removed.extend(files)
        acknowledge(files)

    async def accept_one_after_another(attempt: Attempt) -> httpx2.Response:
        await trio.sleep(0.1 * len(harness.intake.attempts))
        attempt.is_held = True
        return httpx2.Response(202)

    disk.acknowledge = remove_while_more_is_sent
    harness.intake.respond = accept_one_after_another
    async with running(second):
        await trio.sleep(600)
        assert len(removed) == len(set(map(id, removed))) > 1
        assert list_spooled(harness.directory) == []
    assert harness.intake.count_held() == Counter(
        f"s{number}.m0" for number in range(5)
    )


async def test_what_is_left_at_stop_is_sent_after_a_restart(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    first = harness.open_spooling()
    snapshots = [make_snapshot(number, series=2) for number in range(5)]
    await leave_spooled(first, harness.intake, snapshots)
    ledger = ledger_of(first)
    assert (ledger.spooled, ledger.abandoned, ledger.pending) == (10, 0, 0)
    check_identity(ledger)

    second = harness.open_spooling()
    async with running(second):
        await trio.sleep(1)
        ledger = ledger_of(second)
        assert (ledger.snapshotted, ledger.delivered, ledger.resent) == (10, 10, 0)
        check_identity(ledger)
    assert harness.intake.count_held() == Counter(
        f"s{number}.m{index}" for number in range(5) for index in range(2)
    )
    assert list_all(harness.directory) == []


async def test_spool_holds_no_key_and_no_url(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    await leave_spooled(harness.open_spooling(), harness.intake, [make_snapshot()])
    (name,) = list_spooled(harness.directory)
    written = (harness.directory / name).read_bytes()
    assert b"secret-key" not in written
    assert b"example.com" not in written


async def test_snapshots_that_are_not_encoded_yet_are_spooled_too(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open_spooling()
    for number in range(5):
        destination.put_nowait(make_snapshot(number, series=3))
    with trio.CancelScope() as scope:
        scope.cancel()
        await destination.run()
    assert ledger_of(destination).spooled == 15
    check_identity(*destination.ledgers())


async def test_file_that_was_partly_sent_keeps_only_the_rest(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    snapshots = [make_snapshot(number) for number in range(5)]
    await leave_spooled(harness.open_spooling(), harness.intake, snapshots)

    async def accept_two(attempt: Attempt) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        if attempt.series_names()[0] in {"s4.m0", "s1.m0"}:
            attempt.is_held = True
            return httpx2.Response(202)
        return httpx2.Response(500)

    harness.intake.respond = accept_two
    second = harness.open_spooling()
    async with running(second):
        await trio.sleep(100)
    ledger = ledger_of(second)
    assert (ledger.delivered, ledger.spooled) == (2, 3)
    check_identity(ledger)

    harness.intake.accept_all()
    third = harness.open_spooling()
    async with running(third):
        await trio.sleep(1)
    assert ledger_of(third).delivered == 3
    assert harness.intake.count_held() == Counter(
        f"s{number}.m0" for number in range(5)
    )


async def test_newest_file_goes_first_after_a_restart(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    snapshots = [make_snapshot(number) for number in range(5)]
    first = harness.open_spooling(retry_queue_bytes=260)
    await leave_spooled(first, harness.intake, snapshots)
    async with running(harness.open_spooling(max_concurrent_requests=1)):
        await trio.sleep(1)
    names = [attempt.series_names()[0] for attempt in harness.intake.attempts]
    assert names == [f"s{number}.m0" for number in (4, 3, 2, 1, 0)]


async def test_payload_whose_answer_was_lost_stays_doubtful_on_disk(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    harness.intake.lose_answers()
    first = harness.open_spooling()
    async with running(first):
        first.put_nowait(make_snapshot(series=2))
        await first.join()
    harness.intake.accept_all()
    second = harness.open_spooling()
    async with running(second):
        await trio.sleep(1)
    assert ledger_of(second).resent == 2


async def test_claim_of_a_killed_server_is_resent_and_counted(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    await leave_spooled(
        harness.open_spooling(), harness.intake, [make_snapshot(series=2)]
    )
    harness.intake.accept_after(30)
    killed = harness.open_spooling()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(killed.run)
        await trio.sleep(10)
        # What the system does for a process that is killed.
        lock = disk_of(killed)._process
        os.close(lock._descriptor)
        lock._descriptor = os.open(os.devnull, os.O_RDONLY)

        harness.intake.accept_all()
        second = harness.open_spooling()
        async with running(second):
            await trio.sleep(1)
        ledger = ledger_of(second)
        assert (ledger.delivered, ledger.resent) == (2, 2)
        check_identity(ledger)
        nursery.cancel_scope.cancel()


async def test_two_servers_on_one_spool_send_no_file_twice(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    snapshots = [make_snapshot(number) for number in range(200)]
    first = harness.open_spooling(retry_queue_bytes=260)
    await leave_spooled(first, harness.intake, snapshots)
    harness.intake.accept_after(1)
    second, third = harness.open_spooling(), harness.open_spooling()
    async with running(second), running(third):
        await trio.sleep(300)
    assert harness.intake.count_held() == Counter(
        f"s{number}.m0" for number in range(200)
    )
    delivered = [ledger_of(one).delivered for one in (second, third)]
    assert sum(delivered) == 200
    assert min(delivered) > 0
    check_identity(*second.ledgers(), *third.ledgers())


async def test_spool_over_its_bound_loses_the_oldest_and_counts_them(
    harness: SpoolHarness, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    destination = harness.open_spooling(retry_queue_bytes=260, spool_max_bytes=2000)
    snapshots = [make_snapshot(number) for number in range(50)]
    await leave_spooled(destination, harness.intake, snapshots)
    ledger = ledger_of(destination)
    assert ledger.evicted > 0
    assert ledger.spooled == 50 - ledger.evicted
    check_identity(ledger)
    assert "evicted from the spool" in caplog.text

    async with running(harness.open_spooling()):
        await trio.sleep(1)
    assert harness.intake.count_held() == Counter(
        f"s{number}.m0" for number in range(ledger.evicted, 50)
    )


async def test_disk_that_fails_costs_what_overflows_and_no_more(
    harness: SpoolHarness,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    destination = harness.open_spooling(retry_queue_bytes=500)
    snapshots = [make_snapshot(number) for number in range(20)]
    await leave_spooled(destination, harness.intake, snapshots)
    ledger = ledger_of(destination)
    assert ledger.spooled == 0
    assert ledger.evicted > 0
    assert ledger.abandoned > 0
    check_identity(ledger)
    assert "abandoned, not spooled: No space left on device" in caplog.text


async def test_spool_that_cannot_be_read_stops_nothing(
    harness: SpoolHarness,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    destination = harness.open_spooling()

    def fail(path: object) -> object:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "scandir", fail)
    async with running(destination):
        destination.put_nowait(make_snapshot())
        await trio.sleep(30)
        assert ledger_of(destination).delivered == 1
    assert "cannot read the spool: Input/output error" in caplog.text


async def test_file_set_aside_is_in_the_ledger(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    await leave_spooled(harness.open_spooling(), harness.intake, [make_snapshot()])
    (name,) = list_spooled(harness.directory)
    (harness.directory / name).write_bytes(b"torn")
    second = harness.open_spooling()
    async with running(second):
        await trio.sleep(1)
    assert ledger_of(second).spool_set_aside == 1
    assert ledger_of(second).snapshotted == 0


async def test_refused_payload_leaves_the_spool(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    await leave_spooled(harness.open_spooling(), harness.intake, [make_snapshot()])
    harness.intake.answer_with(400)
    second = harness.open_spooling()
    async with running(second):
        await trio.sleep(1)
        assert list_spooled(harness.directory) == []
    assert ledger_of(second).refused == {"400": 1}
    check_identity(*second.ledgers())


async def test_files_of_a_server_that_stopped_later_are_found(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    healthy = harness.open_spooling()
    async with running(healthy):
        await trio.sleep(1)
        other = harness.open_spooling()
        other.put_nowait(make_snapshot())
        with trio.CancelScope() as scope:
            scope.cancel()
            await other.run()
        await trio.sleep(11)
    assert harness.intake.count_held() == {"s0.m0": 1}


async def test_stop_in_the_middle_of_spooling_loses_and_doubles_nothing(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    async def run_slowly(function: Callable[[], T]) -> T:
        await trio.sleep(3)
        return function()

    # A file holds two payloads, so that what overflows takes several.
    first = harness.open_spooling(retry_queue_bytes=600, run_in_thread=run_slowly)
    spooler = spooler_of(first)
    harness.intake.answer_with(500)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(first.run)
        for number in range(1000):
            first.put_nowait(make_snapshot(number))
            await trio.sleep(1)
            if len(spooler._offered) > 2:
                # The first of its files is written, the next is not.
                await trio.sleep(4)
                break
            await trio.sleep(9)
        check_identity(*first.ledgers())
        assert len(spooler._offered) > 0
        first.close(60)
    ledger = ledger_of(first)
    assert (ledger.evicted, ledger.abandoned) == (0, 0)
    assert ledger.spooled == ledger.snapshotted
    check_identity(ledger)

    harness.intake.accept_all()
    second = harness.open_spooling()
    async with running(second):
        await trio.sleep(5)
    assert harness.intake.count_held() == Counter(
        f"s{number}.m0" for number in range(ledger.snapshotted)
    )


async def hang(function: Callable[[], T]) -> T:
    """Stand in for a thread whose disk does not answer."""
    await trio.sleep_forever()
    return function()


@pytest.mark.parametrize("seconds", [0, 5])
async def test_frozen_disk_does_not_outlast_the_stop(
    harness: SpoolHarness,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
    seconds: int,
) -> None:
    destination = harness.open_spooling(run_in_thread=hang)
    harness.intake.accept_after(math.inf)
    for number in range(3):
        destination.put_nowait(make_snapshot(number))
    took = await stop(destination, seconds)
    assert seconds <= took <= seconds + 1
    assert ledger_of(destination).abandoned == 3
    check_identity(*destination.ledgers())
    assert "the disk did not answer in time" in caplog.text


async def test_disk_that_froze_before_does_not_outlast_the_stop_either(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open_spooling(retry_queue_bytes=200, run_in_thread=hang)
    harness.intake.answer_with(503)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(destination.run)
        for number in range(20):
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(10)
        start = trio.current_time()
        destination.close(5)
    assert trio.current_time() - start <= 6
    check_identity(*destination.ledgers())


async def test_cancel_waits_for_a_frozen_disk_for_a_second_at_most(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    destination = harness.open_spooling(retry_queue_bytes=200, run_in_thread=hang)
    harness.intake.answer_with(503)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(destination.run)
        for number in range(20):
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(10)
        start = trio.current_time()
        nursery.cancel_scope.cancel()
    assert trio.current_time() - start <= 1
    check_identity(*destination.ledgers())


async def test_failure_of_the_encoding_waits_for_a_frozen_disk_for_a_second_at_most(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    harness.intake.answer_with(503)
    destination = harness.open_spooling(run_in_thread=hang)
    sender = sender_of(destination)
    encode = sender._encode_snapshot

    def fail(_: Snapshot) -> NoReturn:
        raise ZeroDivisionError

    def fail_with_the_second(snapshot: Snapshot) -> Any:
        sender._encode_snapshot = fail
        return encode(snapshot)

    sender._encode_snapshot = fail_with_the_second
    destination.put_nowait(make_snapshot(0))
    destination.put_nowait(make_snapshot(1))
    start = trio.current_time()
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        await destination.run()
    assert trio.current_time() - start <= 1
    assert ledger_of(destination).abandoned == 2
    check_identity(*destination.ledgers())


async def test_thread_that_is_not_waited_for_is_left_to_itself() -> None:
    is_over = threading.Event()
    with trio.CancelScope() as scope:
        scope.cancel()
        await run_in_thread(is_over.wait)
    assert scope.cancelled_caught
    is_over.set()


async def test_stop_with_a_spool_that_vanished_raises_nothing(
    harness: SpoolHarness, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    destination = harness.open_spooling()
    harness.intake.answer_with(503)
    destination.put_nowait(make_snapshot(series=2))
    shutil.rmtree(harness.directory)
    await stop(destination, 5)
    assert ledger_of(destination).abandoned == 2
    check_identity(*destination.ledgers())
    assert "lost 2 points in 1 payload: abandoned, not spooled" in caplog.text


async def test_counts_follow_the_disk(
    harness: SpoolHarness, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    destination = harness.open_spooling(retry_queue_bytes=260)
    harness.intake.answer_with(503)
    async with running(destination):
        for number in range(10):
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(10)
        before = ledger_of(destination)
        assert before.spooled > 3
        newest = list_spooled(harness.directory)[-1]
        (harness.directory / newest).unlink()
        await trio.sleep(11)
        # Another server takes the rest.
        async with running(harness.open_spooling()):
            await trio.sleep(11)
            after = ledger_of(destination)
            assert (after.spooled, after.spool_gone) == (0, before.spooled)
            check_identity(after)
            await trio.sleep(11)
    assert "points are not there any more" in caplog.text


async def test_small_files_are_drained_without_reading_the_directory_for_each(
    harness: SpoolHarness, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    disk = DiskQueue(harness.directory, 10**6)
    target = name_target("https://api.example.com", 0, DatadogRoute.SERIES)
    for number in range(500):
        *_, payload = build_payloads(make_snapshot(number), "zstd")
        assert isinstance(payload, Payload)
        disk.push(target, [Transaction(payload, (number, 0))])
    disk.close()
    scans, operations = [], []
    scandir = os.scandir

    def count_scans(path: Any) -> Any:
        scans.append(path)
        return scandir(path)

    async def count_operations(function: Callable[[], T]) -> T:
        operations.append(function)
        return await run_inline(function)

    monkeypatch.setattr(os, "scandir", count_scans)
    second = harness.open_spooling(run_in_thread=count_operations)
    async with running(second):
        await trio.sleep(5)
        assert ledger_of(second).delivered == 500
    assert len(scans) <= 3
    assert len(operations) <= 100


@pytest.mark.parametrize("retry_queue_bytes", [0, 100])
async def test_memory_smaller_than_a_payload_still_probes(
    harness: SpoolHarness, autojump_clock: MockClock, retry_queue_bytes: int
) -> None:
    destination = harness.open_spooling(retry_queue_bytes=retry_queue_bytes)
    harness.intake.answer_with(503)
    async with running(destination):
        for number in range(5):
            destination.put_nowait(make_snapshot(number))
            await trio.sleep(10)
        ledger = ledger_of(destination)
        assert ledger.spooled + ledger.pending == 5
        harness.intake.accept_all()
        # Nothing new comes: what is on disk probes.
        await trio.sleep(200)
        ledger = ledger_of(destination)
        assert (ledger.delivered, ledger.spooled) == (5, 0)
        check_identity(ledger)


async def test_empty_memory_and_a_full_disk_still_probe(
    harness: SpoolHarness, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = harness.open_spooling()
    await leave_spooled(first, harness.intake, [make_snapshot(n) for n in range(3)])

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    harness.intake.answer_with(503)
    destination = harness.open_spooling(retry_queue_bytes=0)
    async with running(destination):
        await trio.sleep(100)
        harness.intake.accept_all()
        await trio.sleep(100)
        ledger = ledger_of(destination)
        assert (ledger.delivered, ledger.evicted) == (3, 0)
        check_identity(ledger)


async def test_file_that_was_taken_for_nothing_is_not_written_again(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    first = harness.open_spooling()
    await leave_spooled(first, harness.intake, [make_snapshot(n) for n in range(3)])
    before = list_spooled(harness.directory)
    harness.intake.answer_with(503)
    async with running(harness.open_spooling()):
        # Between two tries, so that none is cut off.
        await trio.sleep(25)
        assert list_spooled(harness.directory) != before
    assert list_spooled(harness.directory) == before


async def test_disk_that_does_not_keep_up_costs_payloads_and_not_memory(
    harness: SpoolHarness, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    destination = harness.open_spooling(
        compression="none", retry_queue_bytes=10**6, run_in_thread=hang
    )
    harness.intake.answer_with(503)
    large = make_series("large", tags=("x" * 400_000,))
    async with running(destination):
        for number in range(40):
            destination.put_nowait(make_snapshot(number, series=0))
            destination.put_nowait(Snapshot(EPOCH + 10 * number, 10, (large,)))
            await trio.sleep(10)
        ledger = ledger_of(destination)
        # A megabyte of retries, and four on their way to the disk.
        assert 400_000 * ledger.pending < 7 * 10**6
        assert ledger.evicted == 40 - ledger.pending
        check_identity(ledger)
    assert "series evicted" in caplog.text


async def test_spool_has_a_part_of_the_stop_to_itself(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    async def run_slowly(function: Callable[[], T]) -> T:
        await trio.sleep(1.5)
        return function()

    destination = harness.open_spooling(run_in_thread=run_slowly)
    harness.intake.accept_after(math.inf)
    destination.put_nowait(make_snapshot())
    assert await stop(destination, 5) <= 6
    assert ledger_of(destination).spooled == 1


async def test_file_that_was_taken_for_nothing_goes_back_to_a_full_disk(
    harness: SpoolHarness, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = harness.open_spooling()
    await leave_spooled(first, harness.intake, [make_snapshot(n) for n in range(3)])
    before = list_spooled(harness.directory)
    harness.intake.answer_with(503)

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    second = harness.open_spooling()
    async with running(second):
        await trio.sleep(25)
        assert ledger_of(second).pending == 3
    ledger = ledger_of(second)
    assert (ledger.spooled, ledger.abandoned) == (3, 0)
    check_identity(ledger)
    assert list_spooled(harness.directory) == before
    assert list_all(harness.directory) == before


async def test_spooled_payloads_of_a_blocked_route_delay_no_other(
    harness: SpoolHarness, autojump_clock: MockClock
) -> None:
    first = harness.open_spooling(retry_queue_bytes=260)
    snapshots = [make_snapshot(n, events=(EVENT,) * 10) for n in range(10)]
    await leave_spooled(first, harness.intake, snapshots)

    async def refuse_events(attempt: Attempt) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        attempt.is_held = attempt.url.path != "/api/v1/events"
        return httpx2.Response(202 if attempt.is_held else 404)

    harness.intake.respond = refuse_events
    second = harness.open_spooling()
    async with running(second):
        await trio.sleep(5)
        assert len(harness.intake.count_held()) == 10
        harness.intake.accept_all()
        await trio.sleep(60)
        assert ledger_of(second).delivered == 110
        check_identity(*second.ledgers())
