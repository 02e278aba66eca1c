"""A FIFO's path in, packets out: what a named pipe is where there is no Windows."""

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

# Anyone may write; its owner, the server, reads.
_MODE: Final = 0o622

# How often it is looked whether the path still leads here. A writer that finds
# another FIFO there, which nobody reads, hangs.
_LOOK_SECONDS: Final = 5.0


class Fifo:
    """The reading end of one FIFO, made if it is missing.

    Attributes:
        descriptor: to wait for.
        is_at_end: whether its last writer has closed it, so that it must be opened
            again: until then it is readable for ever, with nothing in it.

    Raises:
        OSError: if something else stands at the path, another server reads it, or it
            is forbidden; the message names it.
    """

    def __init__(self, path: str) -> None:
        self.descriptor = -1
        self.is_at_end = False
        self._path = path
        self._made: OwnedPath | None = None
        # Locked, so that a second server finds that; and open all the time, so that
        # writers always find a reader.
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
                    errno.EEXIST, "it exists and is no FIFO"
                ) from None
        else:
            self._made = OwnedPath(path, os.stat(path))  # noqa: PTH116 - its raw result
            os.chmod(path, _MODE)  # noqa: PTH101 - whatever the umask is
        self._guard = _open_to_read(path)
        try:
            fcntl.flock(self._guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(errno.EADDRINUSE, "a live server reads it") from None
        self.descriptor = _open_to_read(path)

    def is_in_place(self) -> bool:
        """Return whether its path still leads here."""
        try:
            status = os.stat(self._path)  # noqa: PTH116 - as above
        except OSError:
            return False
        return os.path.samestat(status, os.fstat(self._guard))

    def read(self, max_bytes: int) -> bytes:
        """Read what waits; nothing if its last writer has closed it.

        Raises:
            BlockingIOError: if nothing waits.
        """
        data = os.read(self.descriptor, max_bytes)
        self.is_at_end = not data
        return data

    def reopen(self) -> None:
        """Open it again after its last writer has closed it.

        Raises:
            OSError: if that cannot be; it stays as it is.
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
        """Remove the path, if we made it and it still leads here."""
        if self._made is not None:
            self._made.remove()

    def close(self) -> None:
        """Release both ends, and the path if we made it."""
        self.remove_path()
        for descriptor in (self.descriptor, self._guard):
            if descriptor >= 0:
                os.close(descriptor)


class FifoListener:
    """Reads one FIFO; where that fails, or its path is gone, it opens it again.

    Its writers cannot be told apart. What a writer leaves behind of a line is given up
    when the last of them closes, or after *frame_timeout_seconds*; until then the
    next writer's line is joined to it.
    """

    def __init__(
        self, path: str, *, buffer_size: int, frame_timeout_seconds: float
    ) -> None:
        self._path = path
        self._fifo: Fifo | None = Fifo(path)
        self._counters = ListenerCounters(f"pipe://{path}")
        self._losses = Losses(self._counters)
        self.feed = StreamFeed(
            LineFramer(buffer_size, skips_long_lines=True),
            Origin("pipe", self._counters.name),
            self._losses,
            frame_timeout_seconds,
        )

    @property
    def address(self) -> str:
        """The path."""
        return self._path

    @property
    def counters(self) -> ListenerCounters:
        """Counts, filled while receiving; writers wait, so nothing is dropped."""
        return self._counters

    def refresh_counters(self) -> None:
        """Do nothing: there is nothing that only the system knows."""

    async def end_rest(self) -> None:
        """Do nothing: its reader never rests."""

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
        """Remove the path if we made it, so that no writer finds it any more."""
        if self._fifo is not None:
            self._fifo.remove_path()

    def close(self) -> None:
        """Release both ends, and the path if we made it; again does nothing."""
        if self._fifo is not None:
            self._fifo.close()
            self._fifo = None

    async def receive(self, channel: PacketSendChannel) -> None:
        """Feed *channel* until cancelled, then take what waits and close."""
        try:
            with channel:
                try:
                    await retry(partial(self._read_pipe, channel), self._counters)
                except trio.BrokenResourceError:
                    # Nobody takes from the queue any more.
                    pass
                finally:
                    # It shields itself, and has limits of its own.
                    await drain_streams([self], channel)  # noqa: ASYNC102
        finally:
            self.close()

    async def _read_pipe(self, channel: PacketSendChannel) -> None:
        """Read, until it fails or the path leads elsewhere."""
        if self._fifo is None:
            self._fifo = Fifo(self._path)
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
        """Give the pipe up if its path leads elsewhere: no writer will find it."""
        if self._fifo is not None and not self._fifo.is_in_place():
            self.feed.end()
            self.feed.lose_unread(self._fifo.measure_waiting())
            self.close()
            raise FileNotFoundError(
                errno.ENOENT, f"the pipe at {self._path} was removed or replaced"
            )


def _open_to_read(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
