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

from statsd_trio.transports import fifo
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


def remove(path: str) -> None:
    Path(path).unlink()


def put_file(path: str) -> None:
    Path(path).write_text("mine")


def is_file(path: str) -> bool:
    return Path(path).read_text() == "mine"


def is_there(path: str) -> bool:
    return Path(path).exists()


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
    with pytest.raises(
        OSError, match=f"{path}: another server is reading it"
    ) as caught:
        bind(path)
    assert caught.value.errno == errno.EADDRINUSE
    assert Path(path).is_fifo()
    listener.close()


def test_a_file_that_is_no_fifo_is_never_removed(path: str) -> None:
    Path(path).write_text("mine")
    with pytest.raises(FileExistsError, match=f"{path}: it exists and is not a FIFO"):
        bind(path)
    assert Path(path).read_text() == "mine"


def test_a_folder_that_is_lacking_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere" / "fifo")
    with pytest.raises(FileNotFoundError, match=f"{path}: No such file"):
        bind(path)


async def test_half_a_line_that_is_not_continued_is_given_up(
    path: str, receiving: Receiving, autojump_clock: MockClock
) -> None:
    listener = bind(path)
    async with receiving(listener) as packets:
        # The other writer keeps the pipe open, so that its end is not seen.
        with Writer(path) as other:
            with Writer(path) as killed:
                killed.write(b"a:1")
            await trio.sleep(11)
            other.write(b"b:1|c\n")
            assert (await packets.receive()).data == b"b:1|c\n"
    assert listener.counters.refused == {"frame_timeout": 1}
    assert listener.counters.dropped_bytes == 3


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_a_fifo_that_was_removed_is_made_again(
    path: str,
    receiving: Receiving,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
    *,
    is_replaced: bool,
) -> None:
    listener = bind(path)
    async with receiving(listener) as packets:
        remove(path)
        if is_replaced:
            os.mkfifo(path)
        # It is looked at every few seconds.
        await trio.sleep(5.1)
        assert f"{path} was removed or replaced" in listener.counters.failure
        await trio.sleep(0.5)
        assert not listener.counters.failure
        with Writer(path) as writer:
            writer.write(b"a:1|c\n")
            assert (await packets.receive()).data == b"a:1|c\n"
    assert listener.counters.failures == 1
    assert f"pipe://{path}: receiving failed: the pipe at" in caplog.text
    assert is_there(path) == is_replaced


async def test_a_fifo_that_was_removed_is_missed_when_its_last_writer_closes(
    path: str, receiving: Receiving, autojump_clock: MockClock
) -> None:
    listener = bind(path)
    async with receiving(listener) as packets:
        with Writer(path) as writer:
            remove(path)
            writer.write(b"a:1|c\nb:1")
            assert (await packets.receive()).data == b"a:1|c\n"
        await trio.sleep(0.1)
        assert listener.counters.failure
        await trio.sleep(0.5)
        with Writer(path) as writer:
            writer.write(b"c:1|c\n")
            assert (await packets.receive()).data == b"c:1|c\n"
    assert listener.counters.refused == {"half_frame": 1}


async def test_a_writer_that_stays_does_not_keep_a_fifo_that_was_removed(
    path: str, receiving: Receiving, autojump_clock: MockClock
) -> None:
    listener = bind(path)
    async with receiving(listener) as packets:
        with Writer(path) as old:
            old.write(b"a:1|c\n")
            await packets.receive()
            remove(path)
            await trio.sleep(6)
            with Writer(path) as new:
                new.write(b"b:1|c\n")
                assert (await packets.receive()).data == b"b:1|c\n"
            with pytest.raises(BrokenPipeError):
                old.write(b"c:1|c\n")
    assert listener.counters.failures == 1


async def test_a_file_in_its_place_is_tried_again_until_it_is_gone(
    path: str, receiving: Receiving, autojump_clock: MockClock
) -> None:
    listener = bind(path)
    async with receiving(listener) as packets:
        remove(path)
        put_file(path)
        await trio.sleep(60)
        assert (
            listener.counters.failure
            == f"cannot listen on {path}: it exists and is not a FIFO"
        )
        # The pauses grow.
        assert 5 <= listener.counters.failures <= 10
        assert is_file(path)
        remove(path)
        await trio.sleep(31)
        with Writer(path) as writer:
            writer.write(b"a:1|c\n")
            assert (await packets.receive()).data == b"a:1|c\n"
    assert not listener.counters.failure


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES])
async def test_what_is_written_while_it_cannot_be_opened_again_is_read_later(
    path: str,
    receiving: Receiving,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    listener = bind(path)
    is_forbidden = True
    real_open = fifo._open_to_read

    def open_to_read(path: str) -> int:
        if is_forbidden:
            raise OSError(number, os.strerror(number))
        return real_open(path)

    monkeypatch.setattr(fifo, "_open_to_read", open_to_read)
    async with receiving(listener) as packets:
        with Writer(path) as writer:
            writer.write(b"a:1|c\n")
            assert (await packets.receive()).data == b"a:1|c\n"
        await trio.sleep(1)
        assert listener.counters.failure == os.strerror(number)
        with Writer(path) as writer:
            writer.write(b"b:1|c\n")
        is_forbidden = False
        assert (await packets.receive()).data == b"b:1|c\n"
        assert not listener.counters.failure


async def test_a_stop_while_it_fails_ends_at_once(
    path: str, receiving: Receiving, autojump_clock: MockClock
) -> None:
    listener = bind(path)
    async with receiving(listener):
        remove(path)
        put_file(path)
        await trio.sleep(60)
        stopped = trio.current_time()
    assert trio.current_time() == stopped
    assert is_file(path)
