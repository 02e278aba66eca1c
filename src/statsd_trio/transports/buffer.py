"""The kernel's receive buffer of a socket: its size, what waits in it, what it dropped.

Linux reports the last two by SO_MEMINFO at any time. On other systems only the size is
known.
"""

import logging
import socket
import struct
import sys
from typing import Final

if sys.platform != "win32":
    import fcntl
    import termios

logger = logging.getLogger(__name__)

# The socket module has no name for it. Source: linux, include/uapi/asm-generic/socket.h
# and include/uapi/linux/sock_diag.h.
_SO_MEMINFO: Final = 55
_MEMINFO: Final = struct.Struct("=9I")
_MEMINFO_RECEIVE_BYTES: Final = 0
_MEMINFO_DROPS: Final = 8

# The least that the kernel charges for a packet beyond its bytes (a socket buffer's own
# structures; 768 and more are common). Converting charged bytes to packets with it
# never gives fewer packets than really wait.
PACKET_OVERHEAD_BYTES: Final = 512


def request_buffer(sock: socket.socket, asked_bytes: int) -> int:
    """Ask for a receive buffer; return the granted size, as getsockopt counts it.

    On Linux this is twice what was allowed, because overhead is charged to the buffer.
    With 0 nothing is asked for, and the system's default stays.
    """
    if asked_bytes:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, asked_bytes)
        except OSError as error:
            # BSD systems refuse a size that Linux would cut to its limit.
            logger.warning("SO_RCVBUF %d was refused: %s", asked_bytes, error)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def warn_if_smaller(name: str, asked_bytes: int, granted_bytes: int) -> None:
    """Log a WARNING with advice if less was granted than was asked for."""
    if granted_bytes < asked_bytes:
        logger.warning(
            "%s: receive buffer of %d bytes granted, %d asked; "
            "bursts may be dropped by the kernel (Linux: raise net.core.rmem_max)",
            name,
            granted_bytes,
            asked_bytes,
        )


def read_waiting_bytes(sock: socket.socket) -> int:
    """Return how many bytes wait, as the kernel charges them; never too few.

    If the system cannot say, this is the size of the buffer.
    """
    memory = _read_meminfo(sock)
    if memory is None:
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return memory[_MEMINFO_RECEIVE_BYTES]


def read_drops(sock: socket.socket) -> int | None:
    """Return how many packets the kernel ever dropped on *sock*, modulo 2**32.

    This is None if the system cannot say.
    """
    memory = _read_meminfo(sock)
    return None if memory is None else memory[_MEMINFO_DROPS]


def _read_meminfo(sock: socket.socket) -> tuple[int, ...] | None:
    if sys.platform == "linux":
        try:
            raw = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        except OSError:
            # The kernel is older than 4.12, or a sandbox does not support the option.
            return None
        if len(raw) == _MEMINFO.size:
            return _MEMINFO.unpack(raw)
    return None


def read_waiting_stream_bytes(sock: socket.socket) -> int:
    """Return how many bytes of a stream wait to be read.

    If the system cannot say, this is the size of the buffer.
    """
    if sys.platform != "win32":
        count = bytearray(struct.calcsize("i"))
        try:
            fcntl.ioctl(sock, termios.FIONREAD, count)
        except OSError:
            pass
        else:
            (waiting,) = struct.unpack("i", count)
            return int(waiting)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
