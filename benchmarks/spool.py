"""Measure how fast small files of the spool are sent to a mock intake.

There is one payload in each, as a retry queue that is smaller than a payload makes
them. Writing them is not measured.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import trio

from benchmarks.journal import describe_machine
from statsd_trio.aggregation.snapshot import Point, Series, SeriesType, Snapshot
from statsd_trio.sinks.datadog.opening import Account, open_datadog_destination
from statsd_trio.sinks.datadog.payloads import build_payloads
from statsd_trio.sinks.datadog.routes import DatadogRoute
from statsd_trio.sinks.delivery.disk_queue import DiskQueue
from statsd_trio.sinks.delivery.payload import Payload
from statsd_trio.sinks.delivery.settings import DeliverySettings
from statsd_trio.sinks.delivery.spool import name_target
from statsd_trio.sinks.delivery.transaction import Transaction

SPOOL_BYTES = 10**9


def fill(folder: str, url: str, files: int) -> None:
    disk = DiskQueue(folder, SPOOL_BYTES)
    target = name_target(url, 0, DatadogRoute.SERIES)
    sync, os.fsync = os.fsync, _skip
    for number in range(files):
        series = Series(f"m{number}", SeriesType.COUNT, (Point(number, 1.0),))
        *_, payload = build_payloads(Snapshot(number, 10, (series,)), "zstd")
        assert isinstance(payload, Payload)
        disk.push(target, [Transaction(payload, (number, 0))])
    os.fsync = sync
    disk.close()


def _skip(_descriptor: object) -> None:
    pass


async def drain(folder: str, url: str, files: int) -> None:
    destination = open_datadog_destination(
        [Account(url, "key")],
        DeliverySettings(spool_path=folder, spool_max_bytes=SPOOL_BYTES),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(destination.run)
        begin, begin_cpu = time.perf_counter(), time.process_time()
        while destination.ledgers()[0].delivered < files:  # noqa: ASYNC110 - none tells
            await trio.sleep(0.1)
        seconds = time.perf_counter() - begin
        cpu = time.process_time() - begin_cpu
        destination.close(1)
    print(
        f"{files} files: {files / seconds:.0f} a second,"
        f" {cpu / files * 1e3:.2f} ms CPU each"
    )


def with_intake(work: Callable[[str], None]) -> None:
    command = [sys.executable, "-m", "statsd_trio", "mock-intake", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            url = next(word for word in first.split() if word.startswith("http"))
            work(url.rstrip(";"))
        finally:
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    files = parser.parse_args().files
    print(describe_machine())

    def work(url: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            fill(folder, url, files)
            trio.run(drain, folder, url, files)

    with_intake(work)


if __name__ == "__main__":
    main()
