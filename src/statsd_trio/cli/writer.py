"""Write text to a stream from a thread, so that a slow reader holds up nobody."""

import queue
import threading
from collections.abc import Callable
from typing import Final, NamedTuple, TextIO

from statsd_trio.output import LineOutput, OutputError

# A few thousand lines: minutes of an ordinary log, and little memory for a server.
_MAX_WAITING_BYTES: Final = 1024 * 1024

# At the end, what is left is worth waiting for, but not for long.
_CLOSE_SECONDS: Final = 1.0


class BackgroundWriter:
    """Writes text to a stream without ever making its caller wait.

    The text that waits to be written is limited. Text beyond the limit is dropped, and
    a line in its place says how often that happened. Characters that the stream's
    encoding lacks are written as escapes. When nobody reads the stream any more, the
    rest is dropped.
    """

    def __init__(
        self,
        stream: TextIO | None,
        *,
        describe_dropped: Callable[[int], str],
        max_waiting_bytes: int = _MAX_WAITING_BYTES,
    ) -> None:
        """Write to *stream*, to which nobody else should write.

        Args:
            stream: standard output or standard error; None, as in a process that was
                started without it, drops everything.
            describe_dropped: returns the line about a number of dropped texts.
            max_waiting_bytes: beyond this, text is dropped.
        """
        self._output = LineOutput(stream=stream)
        self._describe_dropped = describe_dropped
        self._max_waiting_bytes = max_waiting_bytes
        self._dropped = 0
        self._is_closed = stream is None
        # The caller changes the first count and the thread the second, so that no lock
        # is needed.
        self._put_bytes = 0
        self._taken_bytes = 0
        self._waiting: queue.SimpleQueue[_Waiting] = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._write, name="statsd-trio writer", daemon=True
        )
        if stream is not None:
            self._thread.start()

    def write_nowait(self, text: str) -> None:
        """Write *text* soon, or drop it; only one thread at a time may call this."""
        if self._is_closed:
            return
        if self._put_bytes - self._taken_bytes >= self._max_waiting_bytes:
            self._dropped += 1
            return
        self._put(text.encode(self._output.encoding, "backslashreplace"))

    def close(self, seconds: float = _CLOSE_SECONDS) -> None:
        """Wait for what is not written yet, but not longer than *seconds*."""
        if self._is_closed:
            return
        self._is_closed = True
        self._put(None)
        self._thread.join(seconds)

    def _put(self, data: bytes | None) -> None:
        self._put_bytes += len(data or b"")
        self._waiting.put(_Waiting(self._dropped, data))
        self._dropped = 0

    def _write(self) -> None:
        """Write until closed, or until nobody reads."""
        lost = 0
        while True:
            dropped_before, data = self._waiting.get()
            lost += dropped_before
            pieces = [data or b""]
            if lost:
                note = self._describe_dropped(lost)
                pieces.insert(0, note.encode(self._output.encoding, "backslashreplace"))
            try:
                self._output.write(pieces)
                lost = 0
            except OutputError as error:
                if error.is_gone:
                    return
                # The disk may be full; once it no longer is, the loss is reported.
                lost = 1 if error.lines else lost + 1
            if data is None:
                return
            self._taken_bytes += len(data)


class _Waiting(NamedTuple):
    """Text that waits, or None for the end, and how many texts were dropped before."""

    dropped_before: int
    data: bytes | None
