"""Receive several datagrams at a time; all calls of the system are in this file.

`OneByOne` needs nothing but Python. `ManyAtOnce` needs the native module on Linux, and
takes a third of the time for each datagram.
"""

import importlib
import socket
from collections.abc import Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar, cast

SenderT = TypeVar("SenderT")
SenderT_co = TypeVar("SenderT_co", covariant=True)

# The native module reserves room for all datagrams that it is asked for. More than 64
# datagrams of the default buffer_size save no measurable time.
_ROOM_BYTES: Final = 512 * 1024 + 64
_MAX_AT_ONCE: Final = 64


class NativeReceive(Protocol):
    """The native module's function, which receives many datagrams in one call."""

    def __call__(
        self, fd: int, size: int, limit: int, control: int = 0, /
    ) -> list[tuple[bytes, bytes]]:
        """Return at most *limit* datagrams, each cut to *size* bytes.

        Each comes with the sender's raw socket address or, if *control* bytes are
        reserved for them, the sender's credentials. Datagrams received before an error
        are returned, and the next call raises the error.
        """
        ...


def find_native_receive() -> NativeReceive | None:
    """Return the native module's function; None if it is missing.

    The module may not be installed, and outside Linux it lacks this function.
    """
    try:
        module = importlib.import_module("statsd_trio._native")
    except ImportError:
        return None
    return cast("NativeReceive | None", getattr(module, "receive_many", None))


class ReceiveMany(Protocol[SenderT_co]):
    """Receives the datagrams that wait, without blocking."""

    def __call__(self, max_datagrams: int, /) -> Sequence[tuple[bytes, SenderT_co]]:
        """Return at most *max_datagrams* in their order, each with its sender.

        If fewer are returned, either no more wait, or an error came after them which
        the next call raises. An error never loses datagrams that were received.

        Raises:
            OSError: if an error occurred before any datagram was received.
        """
        ...


class OneByOne(Generic[SenderT]):
    """Receives with one system call for each datagram.

    Args:
        read: takes a size and returns a datagram and its sender, as `recvfrom`.
        max_bytes: the size to which longer datagrams are cut.
    """

    def __init__(
        self, read: Callable[[int], tuple[bytes, SenderT]], max_bytes: int
    ) -> None:
        self._read = read
        self._max_bytes = max_bytes
        self._error: OSError | None = None

    def __call__(self, max_datagrams: int, /) -> list[tuple[bytes, SenderT]]:
        """Return the datagrams that wait, at most *max_datagrams*."""
        error, self._error = self._error, None
        if error is not None:
            raise error
        read, max_bytes = self._read, self._max_bytes
        received: list[tuple[bytes, SenderT]] = []
        try:
            for _ in range(max_datagrams):
                received.append(read(max_bytes))  # noqa: PERF401 - an error keeps these
        except BlockingIOError:
            pass
        except OSError as error:
            if not received:
                raise
            self._error = error
        return received


class ManyAtOnce:
    """Receives up to 64 datagrams with one system call.

    Args:
        sock: the socket; it may be closed at any time.
        receive: the native module's function.
        max_bytes: the size to which longer datagrams are cut.
        control_bytes: the room for the credentials of a Unix socket; with 0, senders
            are returned as addresses.
    """

    def __init__(
        self,
        sock: socket.socket,
        receive: NativeReceive,
        max_bytes: int,
        control_bytes: int = 0,
    ) -> None:
        self._sock = sock
        self._receive = receive
        self._max_bytes = max_bytes
        self._control_bytes = control_bytes
        self._max_at_once = max(1, min(_MAX_AT_ONCE, _ROOM_BYTES // max_bytes))
        self._error: OSError | None = None

    def __call__(self, max_datagrams: int, /) -> list[tuple[bytes, bytes]]:
        """Return the datagrams that wait, at most *max_datagrams*."""
        error, self._error = self._error, None
        if error is not None:
            raise error
        # The number of a socket that was closed may belong to another one by now.
        fd = self._sock.fileno()
        received: list[tuple[bytes, bytes]] = []
        while (left := max_datagrams - len(received)) > 0:
            asked = min(left, self._max_at_once)
            try:
                some = self._receive(fd, self._max_bytes, asked, self._control_bytes)
            except OSError as error:
                if not received:
                    raise
                self._error = error
                break
            received += some
            if len(some) < asked:
                break
        return received
