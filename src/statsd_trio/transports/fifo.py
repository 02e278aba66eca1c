"""A FIFO's path in, packets out: what a named pipe is where there is no Windows."""

import errno
import fcntl
import os
import stat
import sys
import termios
from array import array
from typing import Final

import trio

from statsd_trio.ledger import ListenerCounters
from statsd_trio.transports.lines import LineFeed
from statsd_trio.transports.packet import Origin, Packet
from statsd_trio.transports.unixpath import OwnedPath

assert sys.platform != "win32"  # noqa: S101 - type checkers read it

# Anyone may write; its owner, the server, reads.
_MODE: Final = 0o622

# Half of what Linux keeps in a pipe; split and queued in well under a millisecond.
_READ_BYTES: Final = 32 * 1024

_MAX_STOP_SECONDS: Final = 2.0


class FifoListener:
    """The reading end of a FIFO.

    Args:
        guard: a descriptor that is locked and stays open as long as this reads, so
            that writers always find a reader and a second server finds the lock.
        made: the path, if it is to be removed at the end.
    """

    def __init__(
        self, path: str, guard: int, made: OwnedPath | None, *, buffer_size: int
    ) -> None:
        self._path = path
        self._guard = guard
        self._made = made
        self._descriptor = _open(path)
        self._counters = ListenerCounters(f"pipe://{path}")
        # Its writers cannot be told apart, so a line cut by one spoils the next.
        self._feed = LineFeed(
            buffer_size, Origin("pipe", self._counters.name), self._counters
        )
        self._is_open = True

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

    def close(self) -> None:
        """Release both ends, and the path if we made it; again does nothing."""
        if self._is_open:
            self._is_open = False
            if self._made is not None:
                self._made.remove()
            os.close(self._descriptor)
            os.close(self._guard)

    async def receive(self, channel: trio.MemorySendChannel[Packet]) -> None:
        """Feed *channel* until cancelled, then take what waits and close.

        The receiving end must be closed by its owner however it ends: a packet in
        hand waits for room without regard to cancellation.
        """
        try:
            with channel:
                try:
                    while True:
                        await trio.lowlevel.wait_readable(self._descriptor)
                        await self._read(channel, _READ_BYTES)
                except trio.Cancelled:
                    with trio.move_on_after(_MAX_STOP_SECONDS, shield=True):
                        await self._take_waiting(channel)
                    raise
        finally:
            self.close()

    async def _read(
        self, channel: trio.MemorySendChannel[Packet], max_bytes: int
    ) -> int:
        try:
            data = os.read(self._descriptor, max_bytes)
        except BlockingIOError:
            return 0
        if data:
            await self._feed.add(data, channel)
        else:
            self._feed.end()
            self._reopen()
        return len(data)

    def _reopen(self) -> None:
        """Take a new end: one whose last writer closed is readable for ever."""
        descriptor = _open(self._path)
        os.close(self._descriptor)
        self._descriptor = descriptor

    async def _take_waiting(self, channel: trio.MemorySendChannel[Packet]) -> None:
        waiting = array("i", [0])
        fcntl.ioctl(self._descriptor, termios.FIONREAD, waiting)
        left = waiting[0]
        while left > 0:
            taken = await self._read(channel, min(left, _READ_BYTES))
            if not taken:
                break
            left -= taken
            await trio.lowlevel.checkpoint()
        self._feed.end()


def bind_fifo(path: str, *, buffer_size: int) -> FifoListener:
    """Open the FIFO at *path*, making it if there is none.

    Raises:
        OSError: if something else stands there, another server reads it, or it is
            forbidden; the message names it.
    """
    made: OwnedPath | None = None
    guard = -1
    try:
        try:
            os.mkfifo(path, _MODE)
        except FileExistsError:
            if not stat.S_ISFIFO(os.stat(path).st_mode):  # noqa: PTH116 - as below
                raise FileExistsError(
                    errno.EEXIST, "it exists and is no FIFO"
                ) from None
        else:
            made = OwnedPath(path, os.stat(path))  # noqa: PTH116 - its raw result
            os.chmod(path, _MODE)  # noqa: PTH101 - whatever the umask is
        guard = _open(path)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(errno.EADDRINUSE, "a live server reads it") from None
        return FifoListener(path, guard, made, buffer_size=buffer_size)
    except OSError as error:
        if made is not None:
            made.remove()
        if guard >= 0:
            os.close(guard)
        raise OSError(
            error.errno or errno.EINVAL,
            f"cannot listen on {path}: {error.strerror or error}",
        ) from error


def _open(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
