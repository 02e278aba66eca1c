"""Datagrams off a socket, several at a time: the one place that calls the system."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

SenderT = TypeVar("SenderT")


class ReceiveMany(Protocol[SenderT]):
    """Takes the datagrams that wait, without blocking."""

    def __call__(self, max_datagrams: int, /) -> list[tuple[bytes, SenderT]]:
        """Return at most *max_datagrams*, each with who sent it, in their order.

        Fewer than asked for means that no more wait, or that an error stands behind
        them, which the next call raises: what was taken is never lost to an error.

        Raises:
            OSError: if there is nothing to return but an error.
        """
        ...


class OneByOne(Generic[SenderT]):
    """Receives with one system call for each datagram.

    Args:
        read: takes a size and returns a datagram and who sent it, as `recvfrom`.
        max_bytes: of one datagram; a longer one is cut.
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
