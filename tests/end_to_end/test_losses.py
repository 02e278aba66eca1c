"""What is lost before there is a line is in the log, with who and what to do."""

import logging
import os
import socket
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio
from bound import host_and_port
from trio.testing import MockClock

from statsd_trio import Config, Server, serve
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.sinks.memory import MemorySink

WallClock = Callable[[], float]

INTERVAL = 10


async def start(
    nursery: trio.Nursery, wall_clock: WallClock, **fields: object
) -> Server:
    config = Config(port=None, self_metrics=False, **fields)  # type: ignore[arg-type]  # as each test needs them
    server: Server = await nursery.start(
        partial(serve, config, sinks=[], wall_clock=wall_clock)
    )
    return server


def find_warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING
    ]


async def wait_for(server: Server, reason: str, count: int) -> None:
    while server.ledger().listeners[0].refused.get(reason, 0) < count:
        await trio.lowlevel.checkpoint()


async def test_lines_without_a_newline_over_tcp_are_said_once_an_interval(
    mock_clock: MockClock, wall_clock: WallClock, caplog: pytest.LogCaptureFixture
) -> None:
    # As a Go client does that never ends a flush with a newline.
    caplog.set_level(logging.INFO)
    async with trio.open_nursery() as nursery:
        server = await start(nursery, wall_clock, host="127.0.0.1", tcp_port=0)
        senders: list[str] = []
        for _ in range(10):
            with socket.create_connection(host_and_port(server.addresses[0])) as client:
                senders.append("{}:{}".format(*client.getsockname()))
                client.send(b"jobs:10|c")
        await wait_for(server, "half_frame", 10)
        mock_clock.jump(INTERVAL)
        while not find_warnings(caplog):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    (warning,) = find_warnings(caplog)
    assert warning.startswith(
        f"{server.ledger().listeners[0].name}: half_frame, 10 times: "
    )
    assert any(
        f"The first: {sender}: the last line has no newline: 'jobs:10|c'. " in warning
        for sender in senders
    )
    assert "stopped: 0 packets (0 dropped by the kernel, 10 half_frame, " in caplog.text


@pytest.mark.skipif("sys.platform == 'win32'", reason="no Unix sockets in Python")
async def test_a_frame_too_long_names_both_sizes_and_its_sender(
    autojump_clock: MockClock,
    wall_clock: WallClock,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = str(tmp_path / "x")
    async with trio.open_nursery() as nursery:
        server = await start(nursery, wall_clock, stream_socket_path=path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(path)
            client.send(struct.pack("<I", 9001) + b"x" * 100)
            await wait_for(server, "frame_too_long", 1)
        nursery.cancel_scope.cancel()
    (warning,) = find_warnings(caplog)
    assert f"pid {os.getpid()}: a frame of 9001 bytes" in warning
    assert "buffer_size, which is 8192" in warning
    assert server.ledger().listeners[0].dropped_bytes == 104


@pytest.mark.skipif("sys.platform == 'win32'", reason="Windows has no FIFO")
async def test_a_line_too_long_for_a_fifo_is_said(
    autojump_clock: MockClock,
    wall_clock: WallClock,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = str(tmp_path / "x")
    async with trio.open_nursery() as nursery:
        server = await start(nursery, wall_clock, pipe_name=path, buffer_size=20)
        writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        os.write(writer, b"x" * 30 + b"\na:1|c\n")
        os.close(writer)
        await wait_for(server, "line_too_long", 1)
        nursery.cancel_scope.cancel()
    (warning,) = find_warnings(caplog)
    assert warning.startswith(f"pipe://{path}: line_too_long, once: ")
    ledger = server.ledger()
    assert ledger.lines.read == 1
    assert ledger.listeners[0].dropped_bytes == 31


async def test_what_the_kernel_dropped_is_said(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config(host="127.0.0.1", port=0, self_metrics=False, so_rcvbuf=4096)
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(partial(serve, config, sinks=[]))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for _ in range(500):
                client.sendto(b"page.views:1|c", server.addresses[0])
        nursery.cancel_scope.cancel()
    dropped = server.ledger().listeners[0].kernel_dropped
    if dropped is None:
        pytest.skip("this system does not tell what it dropped")
    assert dropped
    assert f"the kernel dropped {dropped} packets because" in caplog.text


@pytest.mark.skipif("sys.platform == 'win32'", reason="Windows has no FIFO")
async def test_a_listener_that_fails_is_named_and_the_others_go_on(
    autojump_clock: MockClock,
    wall_clock: WallClock,
    tmp_path: Path,
    memory: MemorySink,
    add_up: Callable[[list[Snapshot], str], float],
) -> None:
    path = str(tmp_path / "x")
    config = Config(host="127.0.0.1", port=0, self_metrics=False, pipe_name=path)
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(
            partial(serve, config, sinks=[memory], wall_clock=wall_clock)
        )
        replace_by_file(path)
        # It is looked for every few seconds.
        await trio.sleep(5.1)
        (reason,) = server.find_unready()
        assert reason == (
            f"pipe://{path}: cannot receive: the pipe at {path} was removed or replaced"
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"page.views:1|c", server.addresses[0])
        await trio.sleep(20)
        (reason,) = server.find_unready()
        assert "it exists and is not a FIFO" in reason
        nursery.cancel_scope.cancel()
    assert add_up(memory.snapshots, "page.views") == 1


def replace_by_file(path: str) -> None:
    Path(path).unlink()
    Path(path).write_text("mine")
