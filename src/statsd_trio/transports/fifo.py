"""Receive packets from a FIFO: the named pipe of systems other than Windows."""

import contextlib
import errno
import fcntl
import os
import stat
import sys
import termios
from array import array
from functools import partial
from typing import Final

import trio

from statsd_trio.counters import ListenerCounters
from statsd_trio.transports.drain import READ_BYTES, drain_streams
from statsd_trio.transports.feed import StreamFeed
from statsd_trio.transports.framing import LineFramer
from statsd_trio.transports.losses import Losses
from statsd_trio.transports.packet import Origin
from statsd_trio.transports.packet_queue import PacketSendChannel
from statsd_trio.transports.recovery import retry
from statsd_trio.transports.unix_path import OwnedPath

assert sys.platform != "win32"  # noqa: S101 - type checkers read it

# Anyone may write; only the owner, which is the server, may read.
_MODE: Final = 0o622

# How often to check that the path still leads to this FIFO. If there is another one at
# the path, which nobody reads, its writers hang.
_LOOK_SECONDS: Final = 5.0


class Fifo:
    """The reading end of one FIFO, which is created if it is missing.

    Attributes:
        descriptor: the file descriptor to wait for.
        is_at_end: whether the last writer has closed the FIFO, so that it must be
            opened again. Until then it stays readable without any data.

    Raises:
        OSError: if there is something else at the path, another server reads it, or
            access is forbidden; the message names the path.
    """

    def __init__(self, path: str) -> None:
        self.descriptor = -1
        self.is_at_end = False
        self._path = path
        self._made: OwnedPath | None = None
        # This end is locked, so that a second server notices. It stays open all the
        # time, so that writers always find a reader.
        self._guard = -1
        try:
            self._open()
        except OSError as error:
            self.close()
            raise OSError(
                error.errno or errno.EINVAL,
                f"cannot listen on {path}: {error.strerror or error}",
            ) from error

    def _open(self) -> None:
        path = self._path
        try:
            os.mkfifo(path, _MODE)
        except FileExistsError:
            if not stat.S_ISFIFO(os.stat(path).st_mode):  # noqa: PTH116 - as below
                raise FileExistsError(
                    errno.EEXIST, "it exists and is not a FIFO"
                ) from None
        else:
            self._made = OwnedPath(path, os.stat(path))  # noqa: PTH116 - its raw result
            os.chmod(path, _MODE)  # noqa: PTH101 - whatever the umask is
        self._guard = _open_to_read(path)
        try:
            fcntl.flock(self._guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(errno.EADDRINUSE, "another server is reading it") from None
        self.descriptor = _open_to_read(path)

    def is_in_place(self) -> bool:
        """Return whether the path still leads to this FIFO."""
        try:
            status = os.stat(self._path)  # noqa: PTH116 - as above
        except OSError:
            return False
        return os.path.samestat(status, os.fstat(self._guard))

    def read(self, max_bytes: int) -> bytes:
        """Read what waits; return nothing if the last writer has closed the FIFO.

        Raises:
            BlockingIOError: if nothing waits.
        """
        data = os.read(self.descriptor, max_bytes)
        self.is_at_end = not data
        return data

    def reopen(self) -> None:
        """Open the FIFO again after its last writer has closed it.

        Raises:
            OSError: if that fails; nothing is changed then.
        """
        descriptor = _open_to_read(self._path)
        os.close(self.descriptor)
        self.descriptor = descriptor
        self.is_at_end = False

    def measure_waiting(self) -> int:
        """Return how many bytes wait."""
        waiting = array("i", [0])
        with contextlib.suppress(OSError):
            fcntl.ioctl(self.descriptor, termios.FIONREAD, waiting)
        return waiting[0]

    def remove_path(self) -> None:
        """Remove the path, if it was created here and still leads to this FIFO."""
        if self._made is not None:
            self._made.remove()

    def close(self) -> None:
        """Close both ends, and remove the path if it was created here."""
        self.remove_path()
        for descriptor in (self.descriptor, self._guard):
            if descriptor >= 0:
                os.close(descriptor)


class FifoListener:
    """Reads one FIFO, and opens it again if reading fails or its path is gone.

    The writers of a FIFO cannot be told apart. If a writer leaves an incomplete line
    behind, the next writer's line is joined to it. The incomplete line is dropped and
    counted when the last writer closes the FIFO, or after *frame_timeout_seconds*.

    Attributes:
        address: the path.
        counters: the counts so far; nothing is dropped here, because writers wait.
    """

    def __init__(
        self, path: str, *, buffer_size: int, frame_timeout_seconds: float
    ) -> None:
        self.address = path
        self._fifo: Fifo | None = Fifo(path)
        self.counters = ListenerCounters(f"pipe://{path}")
        self._losses = Losses(self.counters)
        self.feed = StreamFeed(
            LineFramer(buffer_size, skips_long_lines=True),
            Origin("pipe", self.counters.name),
            self._losses,
            frame_timeout_seconds,
        )

    def refresh_counters(self) -> None:
        """Do nothing, because there are no counts that only the system knows."""

    async def end_rest(self) -> None:
        """Do nothing, because this reader never rests."""

    def warn_of_losses(self) -> None:
        """Log one WARNING for each cause of a loss since the last call."""
        self._losses.warn()

    def read(self, max_bytes: int) -> bytes:
        """Read what waits."""
        return b"" if self._fifo is None else self._fifo.read(max_bytes)

    def measure_waiting(self) -> int:
        """Return how many bytes wait."""
        return 0 if self._fifo is None else self._fifo.measure_waiting()

    def refuse_more(self) -> None:
        """Remove the path if it was created here, so that no more writers find it."""
        if self._fifo is not None:
            self._fifo.remove_path()

    def close(self) -> None:
        """Close both ends, and remove the path if it was created here.

        Closing it again does nothing.
        """
        if self._fifo is not None:
            self._fifo.close()
            self._fifo = None

    async def receive(self, channel: PacketSendChannel) -> None:
        """Feed *channel* until cancelled, then read what waits and close."""
        try:
            with channel:
                try:
                    await retry(partial(self._read_pipe, channel), self.counters)
                except trio.BrokenResourceError:
                    # Nobody takes packets from the queue any more.
                    pass
                finally:
                    # It shields itself, and has time limits of its own.
                    await drain_streams([self], channel)  # noqa: ASYNC102
        finally:
            self.close()

    async def _read_pipe(self, channel: PacketSendChannel) -> None:
        """Read until reading fails or the path leads elsewhere."""
        if self._fifo is None:
            self._fifo = Fifo(self.address)
        fifo = self._fifo
        while True:
            if fifo.is_at_end:
                self._check_path()
                fifo.reopen()
            look_at = trio.current_time() + _LOOK_SECONDS
            with trio.move_on_at(min(look_at, self.feed.deadline)):
                await trio.lowlevel.wait_readable(fifo.descriptor)
            await channel.wait_for_room()
            try:
                data = fifo.read(READ_BYTES)
            except BlockingIOError:
                if trio.current_time() >= self.feed.deadline:
                    self.feed.expire()
                self._check_path()
            else:
                await self.feed.add(data, channel)
                if fifo.is_at_end:
                    self.feed.end()

    def _check_path(self) -> None:
        """Raise `OSError` if the path leads elsewhere.

        No writer would find this FIFO any more.
        """
        if self._fifo is not None and not self._fifo.is_in_place():
            self.feed.end()
            self.feed.lose_unread(self._fifo.measure_waiting())
            self.close()
            raise FileNotFoundError(
                errno.ENOENT, f"the pipe at {self.address} was removed or replaced"
            )


def _open_to_read(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
