"""A barrier: returns once all that was sent before it, by any transport, is recorded.

A marker goes through each socket and is waited for. A datagram socket has one queue,
so there the marker is behind all else. The connections of a stream are accepted in
order and then read in turns, so there each barrier connects anew: once its marker is
read, every connection made before had a turn. A turn may leave some of a long stream
behind, so markers go on until one arrives alone.
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
        streams = [sock for sock in self._sockets if sock.transport == STREAM]
        arrivals = self._recorder.arrivals
        missing = self._pass_once(self._sockets, deadline)
        while streams and not missing and self._recorder.arrivals != arrivals:
            arrivals = self._recorder.arrivals
            missing = self._pass_once(streams, deadline)
        for sock in streams:
            sock.close()
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
            if sock.fileno() < 0:
                return
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([], [sock], [], left)[1]:
                return
        except OSError:
            # Nobody listens: the marker's absence says so.
            return
        else:
            return
