"""Send the packets of a capture to an address again, with their timing."""

import errno
import math
import os
import socket
import struct
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Final

import trio

from statsd_trio.replay.capture import CapturedPacket
from statsd_trio.transports.addresses import Address

Send = Callable[[bytes], Awaitable[None]]

# After this many packets without a wait, other tasks may run.
_MAX_PACKETS_A_STRETCH: Final = 64


@asynccontextmanager
async def open_sender(address: Address) -> AsyncGenerator[Send]:
    """Connect to *address*; yield a function that sends a packet there.

    At the end, what the system knows by then of the last packet counts as well.

    Raises:
        OSError: if the connection fails, or a packet cannot be sent; the message names
            *address*.
    """
    if address.transport == "pipe":
        with _name_address(address):
            descriptor = await trio.to_thread.run_sync(_open_pipe, address.path)
        try:

            async def write(data: bytes) -> None:
                with _name_address(address):
                    await trio.to_thread.run_sync(os.write, descriptor, _end_line(data))

            yield write
        finally:
            os.close(descriptor)
        return
    with _name_address(address):
        connected = await _connect(address)
    with connected as sock:

        async def send(data: bytes) -> None:
            if address.transport == "unixstream":
                data = struct.pack("<I", len(data)) + data
            elif address.transport == "tcp":
                data = _end_line(data)
            view = memoryview(data)
            while True:
                with _name_address(address):
                    view = view[await sock.send(view) :]
                if not view:
                    return

        yield send
        if address.transport == "udp":
            # On the same host, the kernel answers a datagram to a closed port at once.
            # The next packet would raise the error, but there is none.
            with _name_address(address):
                _raise_pending(sock)


async def replay(
    packets: Iterable[CapturedPacket],
    send: Send,
    report: Callable[[CapturedPacket], None],
    *,
    speed: float,
) -> None:
    """Send each of *packets* when its time has come.

    Args:
        packets: in the order of their arrival; a packet with an earlier time than the
            one before it is sent at once.
        send: sends one packet.
        report: called with each packet after it was sent.
        speed: how many times as fast as recorded; infinite to send without pauses.
    """
    started = trio.current_time()
    first: float | None = None
    for number, packet in enumerate(packets):
        if first is None:
            first = packet.time
        if speed < math.inf:
            await trio.sleep_until(started + (packet.time - first) / speed)
        elif number % _MAX_PACKETS_A_STRETCH == 0:
            await trio.lowlevel.checkpoint()
        await send(packet.data)
        report(packet)


@contextmanager
def _name_address(address: Address) -> Generator[None]:
    """Add to an `OSError` of the block that nothing could be sent to *address*."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"cannot send to {address}: {reason}") from error


def _raise_pending(sock: trio.socket.SocketType) -> None:
    """Raise the error that the system keeps for the next use of *sock*, if any."""
    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))


def _end_line(data: bytes) -> bytes:
    return data if data.endswith(b"\n") else data + b"\n"


def _open_pipe(path: str) -> int:
    # This needs a thread, because opening the pipe waits for a reader.
    return os.open(path, os.O_WRONLY | getattr(os, "O_CLOEXEC", 0))


async def _connect(address: Address) -> trio.socket.SocketType:
    is_stream = address.transport in {"tcp", "unixstream"}
    kind = socket.SOCK_STREAM if is_stream else socket.SOCK_DGRAM
    if address.path:
        if sys.platform == "win32":
            raise OSError(errno.EAFNOSUPPORT, "this system has no Unix sockets")
        candidates: list[tuple[int, object]] = [(socket.AF_UNIX, address.path)]
    else:
        found = await trio.socket.getaddrinfo(address.host, address.port, type=kind)
        candidates = [(entry[0], entry[4]) for entry in found]
    failure = OSError(errno.EADDRNOTAVAIL, "no address")
    for family, target in candidates:
        try:
            with ExitStack() as stack:
                sock = stack.enter_context(trio.socket.socket(family, kind))
                await sock.connect(target)
                stack.pop_all()
                return sock
        except OSError as error:
            failure = error
    raise failure
