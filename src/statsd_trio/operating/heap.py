"""Memory that is free again, and goes back to the operating system.

glibc keeps what is freed as long as anything stands above it in the heap, and something
always does: after a spike 818 MB of 822 stayed. `malloc_trim` gives back whole pages
wherever they are, at 0.2 ms a megabyte, during which nobody can allocate. So it is not
called once at the end, which would hold everybody up for a tenth of a second, but each
time a few megabytes have come free.

Where the C library is another one there is nothing to call, and nothing is done.
"""

import ctypes
import time
from collections.abc import Callable
from typing import Final

# At some 0.2 ms a megabyte, 1.6 ms.
STEP_BYTES: Final = 8 * 1024 * 1024

# In a heap of many small holes it takes longer, whatever came free since the last time.
# Then it rests so much longer than it took, and costs a hundredth of the time at most.
SLOW_SECONDS: Final = 0.004
REST_FACTOR: Final = 100


class HeapTrimmer:
    """Lets the C library give memory back whenever the memory in use has fallen."""

    def __init__(
        self,
        read_used: Callable[[], int],
        trim: Callable[[], object] | None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Begin to watch.

        Args:
            read_used: bytes in use, of what comes and goes in large amounts.
            trim: gives back what is free; None where that cannot be done.
            clock: seconds.
        """
        self._read_used = read_used
        self._trim = trim
        self._clock = clock
        self._highest = 0
        self._rests_until = 0.0

    def check(self) -> None:
        """Give memory back if enough has come free since the last time."""
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
    """Return what gives free memory back; None if the C library has nothing for it."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    trim.argtypes = [ctypes.c_size_t]
    trim.restype = ctypes.c_int
    return lambda: trim(0)
