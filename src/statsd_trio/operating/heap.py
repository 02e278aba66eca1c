"""Give freed memory back to the operating system.

glibc keeps freed memory as long as anything is above it in the heap, and something
always is: after a spike, 818 MB of 822 MB stayed. `malloc_trim` gives back whole pages
wherever they are. It takes 0.2 ms per megabyte, during which nobody can allocate. It is
therefore not called once at the end, which would hold up everything for a tenth of a
second, but each time a few megabytes have been freed.

With another C library nothing is done.
"""

import ctypes
import time
from collections.abc import Callable
from typing import Final

# This takes 1.6 ms, at some 0.2 ms per megabyte.
STEP_BYTES: Final = 8 * 1024 * 1024

# In a heap with many small holes it takes longer, however little was freed since the
# last time. The trimmer then pauses for a hundred times as long as it took.
SLOW_SECONDS: Final = 0.004
REST_FACTOR: Final = 100


class HeapTrimmer:
    """Makes the C library give memory back when the memory in use has fallen."""

    def __init__(
        self,
        read_used: Callable[[], int],
        trim: Callable[[], object] | None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Begin to watch.

        Args:
            read_used: returns the bytes in use by what comes and goes in large amounts.
            trim: gives back free memory; None if that is not possible.
            clock: returns seconds.
        """
        self._read_used = read_used
        self._trim = trim
        self._clock = clock
        self._highest = 0
        self._rests_until = 0.0

    def check(self) -> None:
        """Give memory back if enough was freed since the last time."""
        if self._trim is None:
            return
        used = self._read_used()
        if used > self._highest:
            self._highest = used
        elif self._highest - used >= STEP_BYTES:
            began = self._clock()
            if began < self._rests_until:
                return
            self._trim()
            self._highest = used
            ended = self._clock()
            if ended - began > SLOW_SECONDS:
                self._rests_until = ended + REST_FACTOR * (ended - began)


def find_trim() -> Callable[[], object] | None:
    """Return the function that gives free memory back; None if there is none."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    trim.argtypes = [ctypes.c_size_t]
    trim.restype = ctypes.c_int
    return lambda: trim(0)
