"""The kernel's receive buffer of one socket: its size, what waits, what it dropped.

Linux tells the last two by SO_MEMINFO, with or without traffic. Elsewhere only the
size is known.
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

# Source: linux, include/uapi/asm-generic/socket.h and include/uapi/linux/sock_diag.h;
# the socket module has no name for it.
_SO_MEMINFO: Final = 55
_MEMINFO: Final = struct.Struct("=9I")
_MEMINFO_RECEIVE_BYTES: Final = 0
_MEMINFO_DROPS: Final = 8

# What the kernel charges for a packet beyond its bytes, at the very least (a socket
# buffer's own structures; 768 and more are common), so that converting charged bytes
# to packets never comes out with less than what waits.
PACKET_OVERHEAD_BYTES: Final = 512


def request_buffer(sock: socket.socket, asked_bytes: int) -> int:
    """Ask for a receive buffer and tell what was granted, as getsockopt counts it.

    On Linux that is twice what was allowed, since overhead is charged to it; 0 asks
    for nothing and keeps the system's default.
    """
    if asked_bytes:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, asked_bytes)
        except OSError as error:
            # BSDs refuse what Linux would cut to its limit.
            logger.warning("SO_RCVBUF %d was refused: %s", asked_bytes, error)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def log_granted(name: str, asked_bytes: int, granted_bytes: int) -> None:
    """Log what *request_buffer* came to, with what to do if it is less."""
    if granted_bytes < asked_bytes:
        logger.warning(
            "%s: receive buffer of %d bytes granted, %d asked; "
            "bursts may be dropped by the kernel (Linux: raise net.core.rmem_max)",
            name,
            granted_bytes,
            asked_bytes,
        )
    else:
        logger.info("%s: receive buffer of %d bytes granted", name, granted_bytes)


def read_waiting_bytes(sock: socket.socket) -> int:
    """Tell how many bytes wait, as the kernel charges them: never too few.

    Where the system cannot say it is the size of the buffer.
    """
    memory = _read_meminfo(sock)
    if memory is None:
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return memory[_MEMINFO_RECEIVE_BYTES]


def read_drops(sock: socket.socket) -> int | None:
    """Tell how many packets the kernel dropped in the life of *sock*, modulo 2**32.

    None where the system cannot say.
    """
    memory = _read_meminfo(sock)
    return None if memory is None else memory[_MEMINFO_DROPS]


def _read_meminfo(sock: socket.socket) -> tuple[int, ...] | None:
    if sys.platform == "linux":
        try:
            raw = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        except OSError:
            # A kernel before 4.12, or a sandbox that does not know it.
            return None
        if len(raw) == _MEMINFO.size:
            return _MEMINFO.unpack(raw)
    return None


def read_waiting_stream_bytes(sock: socket.socket) -> int:
    """Tell how many bytes of a stream wait to be read.

    Where the system cannot say it is the size of the buffer.
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
