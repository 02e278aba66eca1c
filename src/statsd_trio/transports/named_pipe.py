"""Receive packets from a Windows named pipe, with one pipe instance per client.

This only connects the system to `StreamFeed`, which does the work and is tested on all
systems. This file itself runs on Windows only; elsewhere it is only type-checked.
"""

import sys
from contextlib import ExitStack
from functools import partial
from typing import Final

import trio

from statsd_trio.counters import ListenerCounters
from statsd_trio.ki import protect_from_ki
from statsd_trio.transports.feed import StreamFeed
from statsd_trio.transports.framing import LineFramer
from statsd_trio.transports.losses import Losses
from statsd_trio.transports.packet import Origin
from statsd_trio.transports.packet_queue import PacketSendChannel
from statsd_trio.transports.recovery import retry

assert sys.platform == "win32"  # noqa: S101 - type checkers read it

import _winapi  # noqa: E402 - what asyncio and multiprocessing use

_PREFIX: Final = "\\\\.\\pipe\\"
_READ_BYTES: Final = 32 * 1024
_MAX_STOP_SECONDS: Final = 2.0

# From the Windows headers; _winapi lacks the first two.
_FILE_FLAG_FIRST_PIPE_INSTANCE: Final = 0x00080000
_PIPE_REJECT_REMOTE_CLIENTS: Final = 0x00000008
_PIPE_BYTES: Final = 0  # PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT


class NamedPipeListener:
    """Listens on a pipe's name: one instance waits for a client, each client has one.

    The pipe gets the default security: its user and administrators may write.

    Attributes:
        address: the full name.
        counters: the counts of all clients.
    """

    def __init__(
        self,
        name: str,
        *,
        buffer_size: int,
        max_connections: int,
        frame_timeout_seconds: float,
    ) -> None:
        self.address = name if name.startswith(_PREFIX) else _PREFIX + name
        self._buffer_size = buffer_size
        self._frame_timeout_seconds = frame_timeout_seconds
        self.counters = ListenerCounters(f"pipe://{self.address}")
        self._losses = Losses(self.counters)
        self._room = trio.Semaphore(max_connections)
        self._waiting: int | None = self._create(_FILE_FLAG_FIRST_PIPE_INSTANCE)

    def refresh_counters(self) -> None:
        """Do nothing, because there are no counts that only the system knows."""

    async def end_rest(self) -> None:
        """Do nothing, because this reader never rests."""

    def warn_of_losses(self) -> None:
        """Log one WARNING for each cause of loss since the last call."""
        self._losses.warn()

    def close(self) -> None:
        """Close the instance that waits for a client; closing it again does nothing."""
        if self._waiting is not None:
            _winapi.CloseHandle(self._waiting)
            self._waiting = None

    async def receive(self, channel: PacketSendChannel) -> None:
        """Feed *channel* until cancelled, then read what waits and close."""
        try:
            with channel:
                async with trio.open_nursery() as nursery:
                    accept = partial(self._accept_clients, nursery, channel)
                    await retry(accept, self.counters)
        finally:
            self.close()

    async def _accept_clients(
        self, nursery: trio.Nursery, channel: PacketSendChannel
    ) -> None:
        while True:
            await self._room.acquire()
            with ExitStack() as stack:
                stack.callback(self._room.release)
                handle = await self._connect()
                stack.pop_all()
            nursery.start_soon(self._receive_client, handle, channel)

    async def _connect(self) -> int:
        """Wait for a client, and return the instance that it is connected to."""
        if self._waiting is None:
            self._waiting = self._create()
        connecting = _winapi.ConnectNamedPipe(self._waiting, overlapped=True)
        try:
            # Trio must not know the handle yet: the event reports the client, not the
            # port.
            await trio.lowlevel.WaitForSingleObject(connecting.event)
        except trio.Cancelled:
            connecting.cancel()
            raise
        connecting.GetOverlappedResult(True)
        handle, self._waiting = self._waiting, None
        # If no instance waits, a client is told that the pipe is busy.
        self._waiting = self._create()
        return handle

    @protect_from_ki
    async def _receive_client(self, handle: int, channel: PacketSendChannel) -> None:
        feed = StreamFeed(
            LineFramer(self._buffer_size, skips_long_lines=True),
            Origin("pipe", self.counters.name),
            self._losses,
            self._frame_timeout_seconds,
        )
        buffer = bytearray(_READ_BYTES)
        try:
            trio.lowlevel.register_with_iocp(handle)
            try:
                while True:
                    size = await trio.lowlevel.readinto_overlapped(handle, buffer)
                    await feed.add(memoryview(buffer)[:size], channel)
            except trio.Cancelled:
                with trio.move_on_after(_MAX_STOP_SECONDS, shield=True):
                    await feed.queue_complete(channel)
                    left = int(_winapi.PeekNamedPipe(handle)[0])
                    while left > 0:
                        size = await trio.lowlevel.readinto_overlapped(
                            handle, memoryview(buffer)[: min(left, _READ_BYTES)]
                        )
                        left -= size
                        await feed.add(memoryview(buffer)[:size], channel)
                raise
        except OSError:
            # Broken or reset means that the client is gone, as every client is at some
            # time.
            pass
        finally:
            while feed.refuse(b""):
                pass
            feed.end()
            _winapi.CloseHandle(handle)
            self._room.release()

    def _create(self, flags: int = 0) -> int:
        try:
            return _winapi.CreateNamedPipe(
                self.address,
                _winapi.PIPE_ACCESS_INBOUND | _winapi.FILE_FLAG_OVERLAPPED | flags,
                _PIPE_BYTES | _PIPE_REJECT_REMOTE_CLIENTS,
                _winapi.PIPE_UNLIMITED_INSTANCES,
                0,
                _READ_BYTES,
                0,
                _winapi.NULL,
            )
        except OSError as error:
            raise OSError(
                error.errno, f"cannot listen on {self.address}: {error.strerror}"
            ) from error
