"""Do to a connection what a script asks for and HTTP does not allow."""

import socket
import struct
import sys
from contextlib import suppress
from typing import Final

import trio

# Linger for no time, so that closing sends RST instead of FIN.
_LINGER_RESET: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


async def break_off(stream: trio.SocketStream, data: bytes) -> None:
    """Write *data*, whatever it is, then close."""
    # If the client left first, that ends the connection as well.
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await stream.send_all(data)
    await stream.aclose()


async def pour_out(stream: trio.SocketStream, head: bytes, piece: bytes) -> None:
    """Write *head*, then *piece* again and again until the client leaves."""
    # Either the client or the intake ends it.
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await stream.send_all(head)
        while True:
            await stream.send_all(piece)
    await stream.aclose()


def reset(stream: trio.SocketStream) -> None:
    """Close at once, with RST: the client sees a connection reset."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
    stream.socket.close()
