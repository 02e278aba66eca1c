"""One TCP connection under the HTTP server, which a script can take over.

ASGI offers no way to reset a connection or to answer with something that is not
HTTP. So the HTTP server is given this stream instead of the socket's, and a fault
acts beneath it, on the socket.
"""

import socket
import struct
import sys
from contextlib import suppress
from typing import Final

import trio

# Linger on, for no time: closing sends RST instead of FIN.
_LINGER_RESET: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Connection:
    """A `trio.SocketStream` for hypercorn, until `break_off` or `reset`.

    After either, whatever the HTTP server still writes goes nowhere.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._is_ours = False
        self.socket = stream.socket

    async def send_all(self, data: bytes) -> None:
        """Write for the HTTP server."""
        if self._is_ours:
            raise trio.ClosedResourceError
        await self._stream.send_all(data)

    async def receive_some(self, max_bytes: int) -> bytes:
        """Read for the HTTP server."""
        return await self._stream.receive_some(max_bytes)

    async def send_eof(self) -> None:
        """Close the way out, for the HTTP server."""
        if self._is_ours:
            raise trio.ClosedResourceError
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close the socket."""
        await self._stream.aclose()

    async def break_off(self, data: bytes) -> None:
        """Write *data* past the HTTP server, then close."""
        self._is_ours = True
        # If the client left first, that ends it as well.
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._stream.send_all(data)
        await self._stream.aclose()

    def close(self) -> None:
        """Close at once, without waiting for what the HTTP server still writes."""
        self.socket.close()

    def reset(self) -> None:
        """Close at once, with RST: the client sees a connection reset."""
        self._is_ours = True
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        except OSError:
            # Closed already.
            return
        self.socket.close()
