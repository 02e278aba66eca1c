import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from statsd_trio.transports import descriptors
from statsd_trio.transports.descriptors import fit_connections
from statsd_trio.transports.stream import StreamListener
from statsd_trio.transports.unix import bind_unix_stream

pytestmark = [
    pytest.mark.usefixtures("no_leaks"),
    pytest.mark.skipif("sys.platform == 'win32'", reason="no such limit"),
]

if sys.platform != "win32":
    import resource


class FakeLimit:
    """Stands for the module `resource`."""

    RLIMIT_NOFILE = 7
    RLIM_INFINITY = -1

    def __init__(self, soft: int, hard: int, most: int = 10**9) -> None:
        self.limits = (soft, hard)
        self._most = most

    def getrlimit(self, kind: int) -> tuple[int, int]:
        assert kind == self.RLIMIT_NOFILE
        return self.limits

    def setrlimit(self, kind: int, limits: tuple[int, int]) -> None:
        assert kind == self.RLIMIT_NOFILE
        if limits[0] > self._most:
            raise ValueError("not allowed")
        self.limits = limits


@pytest.fixture
def streams(tmp_path: Path) -> Iterator[list[StreamListener]]:
    listeners = [
        bind_unix_stream(
            str(tmp_path / name),
            buffer_size=8192,
            max_connections=1000,
            frame_timeout_seconds=10,
        )
        for name in ("a", "b")
    ]
    yield listeners
    for listener in listeners:
        listener.close()


def fit(
    monkeypatch: pytest.MonkeyPatch,
    streams: list[StreamListener],
    limit: FakeLimit,
    *,
    reserved: int = 100,
) -> list[int]:
    monkeypatch.setattr(descriptors, "resource", limit)
    monkeypatch.setattr(descriptors, "_count_open", lambda: 20)
    fit_connections(streams, reserved)
    return [stream.max_connections for stream in streams]


@pytest.mark.parametrize("soft", [2120, 100_000, -1])
def test_a_limit_that_is_enough_stays(
    monkeypatch: pytest.MonkeyPatch,
    streams: list[StreamListener],
    caplog: pytest.LogCaptureFixture,
    soft: int,
) -> None:
    limit = FakeLimit(soft, soft)
    assert fit(monkeypatch, streams, limit) == [1000, 1000]
    assert limit.limits == (soft, soft)
    assert not caplog.messages


@pytest.mark.parametrize("hard", [2120, 5000, -1])
def test_a_limit_is_raised_as_far_as_needed(
    monkeypatch: pytest.MonkeyPatch, streams: list[StreamListener], hard: int
) -> None:
    limit = FakeLimit(1024, hard)
    assert fit(monkeypatch, streams, limit) == [1000, 1000]
    assert limit.limits == (2120, hard)


def test_where_it_cannot_be_raised_enough_connections_are_fewer(
    monkeypatch: pytest.MonkeyPatch,
    streams: list[StreamListener],
    caplog: pytest.LogCaptureFixture,
) -> None:
    limit = FakeLimit(256, 1120)
    assert fit(monkeypatch, streams, limit) == [500, 500]
    assert limit.limits == (1120, 1120)
    assert (
        f"{streams[0].counters.name}: max_connections lowered from 1000 to 500: the "
        "process may open 1120 files, and 120 are kept"
    ) in caplog.text


def test_where_it_cannot_be_raised_at_all_it_stays(
    monkeypatch: pytest.MonkeyPatch, streams: list[StreamListener]
) -> None:
    limit = FakeLimit(320, -1, most=500)
    assert fit(monkeypatch, streams, limit) == [100, 100]
    assert limit.limits == (320, -1)


def test_there_is_room_for_one_connection_in_any_case(
    monkeypatch: pytest.MonkeyPatch, streams: list[StreamListener]
) -> None:
    assert fit(monkeypatch, streams, FakeLimit(64, 64)) == [1, 1]


def test_open_files_are_counted() -> None:
    before = descriptors._count_open()
    with open(os.devnull) as _:  # noqa: PTH123 - no path of a file
        assert descriptors._count_open() == before + 1


# Holds every connection that it is given, and still opens what delivery needs.
_SERVER = """
import resource, socket, sys
from functools import partial
import trio, trio.testing
from statsd_trio import Config, serve

resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

async def deliver(snapshot):
    sockets = [socket.socket() for _ in range(60)]
    for sock in sockets:
        sock.close()
    await trio.lowlevel.checkpoint()

async def main():
    config = Config(port=None, stream_socket_path=sys.argv[1], self_metrics=False)
    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(serve, config, sinks=[deliver]))
        print("started", flush=True)
        await trio.to_thread.run_sync(sys.stdin.readline)
        await trio.testing.wait_all_tasks_blocked(0.01)
        server.submit(b"a:1|c")
        await server.flush()
        sink, = server.ledger().sinks
        print(sink.snapshotted, sink.delivered, flush=True)
        nursery.cancel_scope.cancel()

trio.run(main)
"""


def test_idle_connections_leave_descriptors_for_delivery(tmp_path: Path) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 400:
        pytest.skip("the limit of open files is too low")
    path = str(tmp_path / "x")
    with (
        ExitStack() as stack,
        subprocess.Popen(
            [sys.executable, "-c", _SERVER, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "started\n"
            for _ in range(180):
                client = stack.enter_context(socket.socket(socket.AF_UNIX))
                client.connect(path)
            output, errors = server.communicate("\n", timeout=60)
        finally:
            server.kill()
    assert "max_connections lowered from 1024 to" in errors
    assert output == "1 1\n", errors
