import contextlib
import errno
import signal
import subprocess
import sys
from typing import NoReturn

import pytest
import trio
from trio.testing import MockClock

from statsd_trio import Config, ConfigError
from statsd_trio.cli.signals import (
    RunningServer,
    catch_stop_signal,
    serve_until_signalled,
)
from statsd_trio.operating.systemd import SystemdNotifier


class FakeServer:
    """Runs until cancelled, then takes its time to stop."""

    def __init__(
        self, *, failure: Exception | None = None, stops_in: float = 0
    ) -> None:
        self.failure = failure
        self.stops_in = stops_in
        self.sinks_ended = trio.Event()
        self.ended = False

    async def serve(
        self, config: Config, *, task_status: trio.TaskStatus["FakeServer"]
    ) -> NoReturn:
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        try:
            task_status.started(self)
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(self.stops_in)
            self.ended = True

    def ledger(self) -> NoReturn:
        raise NotImplementedError

    async def wait_sinks_ended(self) -> None:
        await self.sinks_ended.wait()

    def reload(self, config: Config) -> NoReturn:
        raise NotImplementedError


class FakeNotifier(SystemdNotifier):
    """Keeps what it is to send, and when."""

    def __init__(self, watchdog_seconds: float = 1000) -> None:
        super().__init__(watchdog_seconds=watchdog_seconds)
        self.notified: list[tuple[float, str]] = []

    def notify(self, *lines: str) -> None:
        self.notified += [(trio.current_time(), line) for line in lines]


def ignore(server: RunningServer) -> None:
    pass


async def never(server: RunningServer) -> NoReturn:
    raise AssertionError("nobody asked to reload")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_stops_the_server_cleanly(number: signal.Signals) -> None:
    server = FakeServer()

    await serve_until_signalled(
        server.serve,
        Config(),
        notifier=FakeNotifier(),
        announce=lambda _: signal.raise_signal(number),
        reload=never,
    )

    assert server.ended


async def test_server_stops_cleanly_once_nobody_reads_what_it_writes() -> None:
    server, notifier = FakeServer(), FakeNotifier()

    await serve_until_signalled(
        server.serve,
        Config(),
        notifier=notifier,
        announce=lambda _: server.sinks_ended.set(),
        reload=never,
    )

    assert server.ended
    assert [line for _, line in notifier.notified] == ["READY=1", "STOPPING=1"]


async def test_signals_are_as_they_were_if_none_came() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with catch_stop_signal():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


async def test_first_signal_gives_the_second_the_effect_of_the_system() -> None:
    with catch_stop_signal() as stop:
        signal.raise_signal(signal.SIGINT)
        assert await stop.wait() == "SIGINT"
    for number in (signal.SIGTERM, signal.SIGINT):
        assert signal.getsignal(number) is signal.SIG_DFL


async def test_manager_is_told_the_whole_story(autojump_clock: MockClock) -> None:
    server = FakeServer(stops_in=4.5)
    notifier = FakeNotifier(watchdog_seconds=4)

    async def signal_later() -> None:
        await trio.sleep(3)
        signal.raise_signal(signal.SIGTERM)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(signal_later)
        await serve_until_signalled(
            server.serve,
            Config(),
            notifier=notifier,
            announce=ignore,
            reload=never,
        )

    assert notifier.notified == [
        (0, "READY=1"),
        (2, "WATCHDOG=1"),
        (3, "STOPPING=1"),
        (4, "WATCHDOG=1"),
        (6, "WATCHDOG=1"),
    ]


@pytest.mark.parametrize(
    "failure",
    [OSError(errno.EADDRINUSE, "port 8125 is taken"), ConfigError(["no key"])],
    ids=repr,
)
async def test_server_that_cannot_start_says_why(failure: Exception) -> None:
    notifier = FakeNotifier()

    with pytest.raises(type(failure)) as raised:
        await serve_until_signalled(
            FakeServer(failure=failure).serve,
            Config(),
            notifier=notifier,
            announce=ignore,
            reload=never,
        )

    assert raised.value is failure
    assert notifier.notified == []


async def test_failure_of_a_running_server_is_not_hidden() -> None:
    async def serve(
        config: Config, *, task_status: trio.TaskStatus[FakeServer]
    ) -> NoReturn:
        task_status.started(FakeServer())
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError

    with pytest.RaisesGroup(pytest.RaisesGroup(ZeroDivisionError)):
        await serve_until_signalled(
            serve,
            Config(),
            notifier=FakeNotifier(),
            announce=ignore,
            reload=never,
        )


async def test_hangup_reloads_and_tells_the_manager(autojump_clock: MockClock) -> None:
    server, notifier = FakeServer(), FakeNotifier()
    reloaded: list[RunningServer] = []

    async def reload(server: RunningServer) -> None:
        reloaded.append(server)
        await trio.sleep(2)

    async def signal_later() -> None:
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
            await trio.sleep(3)
            signal.raise_signal(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(signal_later)
        await serve_until_signalled(
            server.serve,
            Config(),
            notifier=notifier,
            announce=ignore,
            reload=reload,
        )

    assert reloaded == [server, server]
    notified = [(at, line.partition("=")[0]) for at, line in notifier.notified]
    assert notified == [
        (0, "READY"),
        (3, "RELOADING"),
        (3, "MONOTONIC_USEC"),
        (5, "READY"),
        (6, "RELOADING"),
        (6, "MONOTONIC_USEC"),
        (8, "READY"),
        (9, "STOPPING"),
    ]


async def test_hangup_during_the_stop_means_nothing(autojump_clock: MockClock) -> None:
    server, notifier = FakeServer(stops_in=4), FakeNotifier()

    async def signal_later() -> None:
        await trio.sleep(1)
        signal.raise_signal(signal.SIGTERM)
        await trio.sleep(2)
        signal.raise_signal(signal.SIGHUP)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(signal_later)
        await serve_until_signalled(
            server.serve,
            Config(),
            notifier=notifier,
            announce=ignore,
            reload=never,
        )

    assert server.ended
    assert notifier.notified == [(0, "READY=1"), (1, "STOPPING=1")]


async def test_stop_during_a_reload_is_the_last_word(
    autojump_clock: MockClock,
) -> None:
    notifier = FakeNotifier()

    async def reload(server: RunningServer) -> None:
        # As work in a thread, which a cancel waits for.
        with trio.CancelScope(shield=True):
            signal.raise_signal(signal.SIGTERM)
            await trio.sleep(1)

    await serve_until_signalled(
        FakeServer().serve,
        Config(),
        notifier=notifier,
        announce=lambda _: signal.raise_signal(signal.SIGHUP),
        reload=reload,
    )

    assert notifier.notified[-1][1] == "STOPPING=1"


HANGING = """
import sys, trio
from statsd_trio import Config
from statsd_trio.cli.signals import serve_until_signalled
from statsd_trio.operating.systemd import SystemdNotifier

async def serve(config, *, task_status):
    class Server:
        async def wait_sinks_ended(self):
            await trio.sleep_forever()

    task_status.started(Server())
    try:
        await trio.sleep_forever()
    finally:
        print("stopping", flush=True)
        while True:  # hold up Trio's loop, as a bug would
            pass

async def main():
    await serve_until_signalled(
        serve, Config(), notifier=SystemdNotifier(),
        announce=lambda server: print("running", flush=True), reload=None,
    )

trio.run(main)
"""


BLOCKED = """
import os, trio
from statsd_trio.cli.signals import catch_stop_signal

async def main():
    with catch_stop_signal():
        print("running", flush=True)
        while True:
            os.write(2, bytes(1_000_000))  # into a pipe that nobody reads

trio.run(main)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_second_signal_ends_a_process_whose_loop_never_saw_the_first(
    number: signal.Signals,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BLOCKED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        # Two that come at once are one to the process.
        for _ in range(100):
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.1)
                break

        assert process.poll() == -number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_second_signal_ends_even_a_process_that_hangs(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HANGING], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.send_signal(number)
        assert process.stdout.readline() == "stopping\n"
        process.send_signal(number)

        assert process.wait(timeout=60) == -number
