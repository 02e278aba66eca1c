import contextlib
import errno
import os
import stat
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Self

import pytest
import trio
from queues import open_queue
from trio.testing import MockClock, wait_all_tasks_blocked

from statsd_trio.transports.listener import Listener
from statsd_trio.transports.packet import Origin, Packet
from statsd_trio.transports.packet_queue import PacketQueue
from statsd_trio.transports.pipe import bind_pipe

Receiving = Callable[..., AbstractAsyncContextManager[PacketQueue]]

pytestmark = [
    pytest.mark.usefixtures("no_leaks"),
    pytest.mark.skipif("sys.platform == 'win32'", reason="Windows has no FIFO"),
]


def bind(path: str, buffer_size: int = 8192) -> Listener:
    return bind_pipe(
        path, buffer_size=buffer_size, max_connections=10, frame_timeout_seconds=10
    )


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "dsd.fifo")


class Writer:
    """The writing end; a block of it is a program that writes and ends."""

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        os.close(self.descriptor)

    def write(self, data: bytes) -> None:
        assert os.write(self.descriptor, data) == len(data)


async def test_lines_become_packets(path: str, receiving: Receiving) -> None:
    listener = bind(path)
    async with receiving(listener) as packets:
        with Writer(path) as writer:
            writer.write(b"a:1|c\nb:1|c\n")
            packet = await packets.receive()
    assert packet == Packet(b"a:1|c\nb:1|c\n", Origin("pipe", f"pipe://{path}"))
    assert (listener.counters.packets, listener.counters.bytes) == (1, 12)


async def test_an_incomplete_line_is_kept_for_the_next_read(
    path: str, receiving: Receiving
) -> None:
    listener = bind(path)
    async with receiving(listener) as packets:
        with Writer(path) as writer:
            writer.write(b"a:1|c\nb:1")
            assert (await packets.receive()).data == b"a:1|c\n"
            await wait_all_tasks_blocked()
            writer.write(b"0|c\n")
            assert (await packets.receive()).data == b"b:10|c\n"
    assert not listener.counters.refused


async def test_a_line_too_long_is_dropped_and_counted(
    path: str, receiving: Receiving
) -> None:
    listener = bind(path, buffer_size=20)
    async with receiving(listener) as packets:
        with Writer(path) as writer:
            writer.write(b"a:1|c\n" + b"x" * 100 + b"\nb:1|c\n")
            got = [(await packets.receive()).data for _ in range(2)]
    assert got == [b"a:1|c\n", b"b:1|c\n"]
    assert listener.counters.refused == {"line_too_long": 1}


async def test_it_is_opened_again_when_the_last_writer_closes(
    path: str, receiving: Receiving
) -> None:
    listener = bind(path)
    async with receiving(listener) as packets:
        for number in range(5):
            with Writer(path) as writer:
                writer.write(b"%d\n" % number)
            assert (await packets.receive()).data == b"%d\n" % number
            # Ends only if the reader does not spin on the end of its writers.
            await wait_all_tasks_blocked()


async def test_the_line_of_a_writer_that_died_is_not_joined_to_the_next(
    path: str, receiving: Receiving
) -> None:
    listener = bind(path)
    async with receiving(listener) as packets:
        with Writer(path) as writer:
            writer.write(b"a:1")
        await wait_all_tasks_blocked()
        with Writer(path) as writer:
            writer.write(b"b:1|c\n")
            assert (await packets.receive()).data == b"b:1|c\n"
    assert listener.counters.refused == {"half_frame": 1}


async def test_a_full_queue_stops_the_writer_and_drops_nothing(
    path: str, receiving: Receiving
) -> None:
    listener = bind(path, buffer_size=20)
    sent = b"".join(b"%06d\n" % number for number in range(40_000))
    offset = 0
    got = b""
    async with receiving(listener, queue_size=2) as packets:
        with Writer(path) as writer:
            while len(got) < len(sent):
                with contextlib.suppress(BlockingIOError):
                    while offset < len(sent):
                        offset += os.write(
                            writer.descriptor, sent[offset : offset + 4096]
                        )
                await wait_all_tasks_blocked()
                with contextlib.suppress(trio.WouldBlock):
                    while True:
                        got += packets.receive_nowait().data
    assert got == sent
    assert listener.counters.waits


async def test_a_stop_takes_what_was_written(path: str) -> None:
    listener = bind(path)
    send, receive = open_queue(listener.counters, 100)
    with Writer(path) as writer:
        writer.write(b"a:1|c\n" * 1000 + b"b:1")
        with trio.CancelScope() as scope:
            scope.cancel()
            await listener.receive(send)
    assert b"".join([packet.data async for packet in receive]) == b"a:1|c\n" * 1000
    assert listener.counters.refused == {"half_frame": 1}


async def test_a_stop_does_not_wait_for_a_writer_that_goes_on(
    path: str, autojump_clock: MockClock
) -> None:
    listener = bind(path, buffer_size=20)
    send, receive = open_queue(listener.counters, 1)
    with Writer(path) as writer:
        writer.write(b"a:1|c\n" * 100)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.receive, send)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                started = trio.current_time()
                async for _ in receive:
                    with contextlib.suppress(OSError):
                        writer.write(b"a:1|c\n" * 10)
                    await trio.sleep(0.001)
    assert trio.current_time() - started < 1


def test_it_is_made_for_anyone_to_write_and_removed_at_the_end(path: str) -> None:
    listener = bind(path)
    mode = os.lstat(path).st_mode
    listener.close()
    listener.close()
    assert stat.S_ISFIFO(mode)
    assert stat.S_IMODE(mode) == 0o622
    assert not Path(path).exists()


def test_one_that_was_there_is_used_and_stays(path: str) -> None:
    os.mkfifo(path, 0o600)
    listener = bind(path)
    listener.close()
    assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600


def test_a_second_server_is_refused_by_name(path: str) -> None:
    listener = bind(path)
    with pytest.raises(OSError, match=f"{path}: a live server reads it") as caught:
        bind(path)
    assert caught.value.errno == errno.EADDRINUSE
    assert Path(path).is_fifo()
    listener.close()


def test_a_file_that_is_no_fifo_is_never_removed(path: str) -> None:
    Path(path).write_text("mine")
    with pytest.raises(FileExistsError, match=f"{path}: it exists and is no FIFO"):
        bind(path)
    assert Path(path).read_text() == "mine"


def test_a_folder_that_is_lacking_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere" / "fifo")
    with pytest.raises(FileNotFoundError, match=f"{path}: No such file"):
        bind(path)
