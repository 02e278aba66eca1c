"""A barrier: returns once all that was sent before it, by any transport, is recorded.

A marker goes through each socket and is waited for. That is enough for datagrams. A
server reads the connections of a stream in turns, so there a marker only shows that
each other connection had its turn: markers go on until one arrives alone. The first
never counts, since a connection may have been accepted in the same turn.
"""

import select
import time
from typing import Final

from pytest_statsd_trio.markers import STREAM, MarkerSocket
from pytest_statsd_trio.recorder import Recorder

# A marker itself may be lost, where UDP overflows; it is sent again after this long.
RESEND_SECONDS: Final = 0.1


class Barrier:
    """Barriers for programs that are not Trio.

    Args:
        sockets: to the server that fills *recorder*.
    """

    def __init__(self, sockets: list[MarkerSocket], recorder: Recorder) -> None:
        self._sockets = sockets
        self._recorder = recorder
        self._last = 0

    def pass_through(self, deadline: float) -> list[str]:
        """Wait until all that was sent so far is recorded.

        Returns:
            The transports that gave no answer by *deadline*.
        """
        missing = self._pass_once(self._sockets, deadline)
        streams = [sock for sock in self._sockets if sock.transport == STREAM]
        while streams and not missing:
            arrivals = self._recorder.arrivals
            missing = self._pass_once(streams, deadline)
            if self._recorder.arrivals == arrivals:
                break
        return missing

    def close(self) -> None:
        """Close the sockets."""
        for sock in self._sockets:
            sock.close()

    def _pass_once(self, sockets: list[MarkerSocket], deadline: float) -> list[str]:
        self._last += 1
        waiting = {sock.transport: self._last for sock in sockets}
        while True:
            for sock in sockets:
                if not self._recorder.has_passed({sock.transport: self._last}):
                    _send(sock, self._last, deadline)
            resend_at = min(time.monotonic() + RESEND_SECONDS, deadline)
            if self._recorder.wait_for_markers(waiting, resend_at):
                return []
            if time.monotonic() >= deadline:
                return [
                    sock.transport
                    for sock in sockets
                    if not self._recorder.has_passed({sock.transport: self._last})
                ]


def _send(sock: MarkerSocket, number: int, deadline: float) -> None:
    """Send marker *number* if the listener has room by *deadline*."""
    while True:
        try:
            sock.send_nowait(number)
        except BlockingIOError:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([], [sock], [], left)[1]:
                return
        except OSError:
            # Nobody listens: the marker's absence says so.
            return
        else:
            return
