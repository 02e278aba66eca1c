"""A script that runs a server stops on Ctrl-C with everything delivered."""

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import pytest
import trio

from statsd_trio import Config, Server, Snapshot, serve
from statsd_trio.aggregation.snapshot_builder import SnapshotBuilder
from statsd_trio.engine.guarded import GuardedEngine
from statsd_trio.ingest import Ingest
from statsd_trio.mock_intake import MockIntake, open_mock_intake
from statsd_trio.server.runner import PipelineRunner
from statsd_trio.sinks.datadog.keyed_endpoint import KeyedEndpoint
from statsd_trio.transports.feed import StreamFeed
from statsd_trio.transports.packet_queue import PacketSendChannel
from statsd_trio.transports.udp import UdpListener

SCRIPT = """
import signal
import trio
from statsd_trio import Config, serve


class Started:
    def started(self, server=None):
        server.submit(b"page.views:3|c")
        print("started", flush=True)


async def show(snapshot):
    for series in snapshot.series:
        print(series.name, series.points[0].value * series.interval_seconds)


async def main():
    config = Config(host="127.0.0.1", port=0, self_metrics=False)
    await serve(config, sinks=[show], task_status=Started())


# A shell that starts a program in the background has it ignore this.
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    trio.run(main)
except* KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT")
def test_interrupted_script_delivers_what_it_has() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == "started\n"
        script.send_signal(signal.SIGINT)
        try:
            output, errors = script.communicate(timeout=60)
        finally:
            script.kill()  # if it has not ended: leaving the block waits for it
    assert (output, errors) == ("page.views 3.0\nstopped\n", "")
    assert script.returncode == 0


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """Hand out what interrupts this process, at the first call only."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    calls: list[None] = []

    def interrupt_once() -> None:
        calls.append(None)
        if len(calls) == 1:
            signal.raise_signal(signal.SIGINT)

    yield interrupt_once
    signal.signal(signal.SIGINT, before)
    assert calls, "it was never reached"


def run_interrupted(main: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        with trio.fail_after(60):
            await main()

    with pytest.RaisesGroup(
        KeyboardInterrupt, allow_unwrapped=True, flatten_subgroups=True
    ):
        trio.run(run)


@pytest.mark.parametrize("moment", ["read", "processed", "added", "built", "delivered"])
def test_interrupt_in_mid_work_loses_nothing(
    moment: str, interrupt: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    where: dict[str, tuple[type, str]] = {
        "read": (UdpListener, "_identify"),
        "processed": (Ingest, "_process_chunk"),
        "added": (GuardedEngine, "add"),
        "built": (SnapshotBuilder, "_add_counter"),
    }
    # Others run after each step, so that a Ctrl-C could come in between.
    monkeypatch.setattr("statsd_trio.pace.SLICE_SECONDS", 0.0)
    snapshots: list[Snapshot] = []
    servers: list[Server] = []
    if moment in where:
        interrupt_in(*where[moment], interrupt, monkeypatch)

    async def sink(snapshot: Snapshot) -> None:
        if moment == "delivered":
            interrupt()
        snapshots.append(snapshot)

    async def main() -> None:
        config = Config(host="127.0.0.1", port=0)
        async with trio.open_nursery() as nursery:
            server: Server = await nursery.start(partial(serve, config, sinks=[sink]))
            servers.append(server)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"page.views:1|c\npage.views:2|c", server.addresses[0])
            while not any(snapshot.series for snapshot in snapshots):
                server.ledger()
                await server.flush()

    run_interrupted(main)
    (listener, _) = servers[0].ledger().listeners
    assert listener.packets == 1
    assert servers[0].ledger().samples.aggregated == 2
    assert sum(
        point.value * series.interval_seconds
        for snapshot in snapshots
        for series in snapshot.series
        if series.name == "page.views"
        for point in series.points
    ) == pytest.approx(3)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (StreamFeed, "add"),
        (KeyedEndpoint, "post"),
    ],
)
def test_interrupt_of_a_task_that_a_stage_started_loses_nothing(
    owner: type,
    name: str,
    interrupt: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    intakes: list[MockIntake] = []
    interrupt_in(owner, name, interrupt, monkeypatch)

    async def main() -> None:
        async with open_mock_intake() as intake, trio.open_nursery() as nursery:
            intakes.append(intake)
            config = Config(
                host="127.0.0.1",
                port=None,
                tcp_port=0,
                api_key="key",
                dd_url=intake.url,
            )
            server: Server = await nursery.start(serve, config)
            (address,) = server.addresses
            async with await trio.open_tcp_stream(*address) as client:
                await client.send_all(b"page.views:1|c\npage.views:2|c\n")
            while server.ledger().lines.read < 2:
                await trio.lowlevel.checkpoint()
            await server.flush()
            await trio.sleep_forever()

    run_interrupted(main)
    assert sum(
        point.value * series.interval
        for series in intakes[0].series
        if series.name == "page.views"
        for point in series.points
    ) == pytest.approx(3)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no alarm")
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (PipelineRunner, "_process"),
        (PipelineRunner, "_start_reading"),
        (PacketSendChannel, "__enter__"),
    ],
)
def test_interrupt_at_the_start_leaves_no_task_waiting(
    owner: type,
    name: str,
    interrupt: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interrupt_in(owner, name, interrupt, monkeypatch)
    # What it would wait for never comes, and no cancel reaches it.
    signal.signal(signal.SIGALRM, fail)
    signal.alarm(20)
    try:
        run_interrupted(
            partial(serve, Config(host="127.0.0.1", port=0), sinks=[ignore])
        )
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def fail(*_: object) -> None:
    raise AssertionError("it never ends")


async def ignore(_: Snapshot) -> None:
    await trio.lowlevel.checkpoint()


def interrupt_in(
    owner: type,
    name: str,
    interrupt: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Interrupt where *owner* calls its own *name*."""
    original = getattr(owner, name)

    def interrupted(*arguments: Any, **named: Any) -> Any:
        interrupt()
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, interrupted)


THREADED = """
import signal
import trio
from statsd_trio import Config, ServerThread


async def show(snapshot):
    print("delivering", flush=True)
    # The test interrupts the program meanwhile.
    await trio.sleep(SECONDS)
    for series in snapshot.series:
        print(series.name, series.points[0].value * series.interval_seconds)


signal.signal(signal.SIGINT, signal.default_int_handler)
config = Config(host="127.0.0.1", port=0, self_metrics=False, shutdown_seconds=3600)
try:
    with ServerThread(config, sinks=[show]) as server:
        server.submit(b"page.views:3|c")
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def run_threaded(seconds: float) -> subprocess.Popen[str]:
    script = THREADED.replace("SECONDS", str(seconds))
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT")
def test_interrupt_while_a_thread_delivers_its_last_loses_nothing() -> None:
    with run_threaded(0.5) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == "delivering\n"
        script.send_signal(signal.SIGINT)
        output, errors = script.communicate(timeout=60)
    assert (output, errors) == ("page.views 3.0\ninterrupted\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT")
def test_second_interrupt_does_not_wait_for_the_thread() -> None:
    with run_threaded(3600) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == "delivering\n"
        # Two that come at once are one to the process.
        for _ in range(100):
            script.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                script.wait(timeout=0.1)
                break
        assert script.poll() is not None
