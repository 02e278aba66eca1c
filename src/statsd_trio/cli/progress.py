"""Show the progress of a capture or a replay on a terminal, and the final result."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

from statsd_trio.cli.writer import BackgroundWriter
from statsd_trio.plural import describe_count


class Progress:
    """Counts packets and bytes; shows them on a terminal, or only the result in a file.

    Attributes:
        packets: how many packets so far.
        bytes: how many bytes so far, of the packets themselves.
    """

    def __init__(self, verb: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._verb = verb
        self._clock = clock
        self._started = self._shown = clock()
        # It is None in a process that was started without standard error.
        stream: TextIO | None = sys.stderr
        self._is_terminal = stream is not None and stream.isatty()
        # A terminal may be stopped by Ctrl-S, and packets must not wait for it.
        self._writer = BackgroundWriter(stream, describe_dropped=lambda _: "")
        self.packets = 0
        self.bytes = 0

    def add(self, data: bytes) -> None:
        """Count one packet, and show the count a few times per second at most."""
        self.packets += 1
        self.bytes += len(data)
        if self._is_terminal and self._clock() - self._shown >= 0.25:
            self._shown = self._clock()
            self._writer.write_nowait(f"\r{self}")

    def finish(self) -> None:
        """Show the final count."""
        self._writer.write_nowait(f"\r{self}\n" if self._is_terminal else f"{self}\n")
        self._writer.close()

    def __str__(self) -> str:
        seconds = self._clock() - self._started
        return (
            f"{self._verb} {describe_count(self.packets, 'packet')}, "
            f"{describe_count(self.bytes, 'byte')} "
            f"in {seconds:.1f} s"
        )
