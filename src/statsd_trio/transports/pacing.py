"""Decide how long a reader of datagrams may rest before it reads again.

At everyday rates most of the cost of a packet is the wake-up that it causes, not its
lines. A reader that finds traffic therefore rests for some milliseconds, and then reads
all that has arrived at once, as network drivers do under load. It must never rest so
long that the kernel's buffer fills up.
"""

import math
from typing import Final

# The part of the buffer that may fill up during a rest, at the observed rate.
_MAX_SHARE: Final = 1 / 8

# The part of the buffer that may fill up if a burst of this many packets a second
# begins with the rest.
_BURST_SHARE: Final = 1 / 2
_BURST_PACKETS_PER_SECOND: Final = 100_000

# A shorter rest would also take a millisecond, because the system's timers are not
# finer.
_MIN_SECONDS: Final = 0.001

# A rest in which one packet arrives would only delay that packet.
_MIN_PACKETS: Final = 2


class ReadingPace:
    """Plans the rests of one reader from what each reading found.

    A packet that arrives after a pause of more than twice the longest rest is not
    delayed, so occasional packets are handed on at once.

    Args:
        capacity: the size of the kernel's buffer.
        packet_cost: how much of *capacity* a packet takes besides its bytes.
        byte_cost: how much of *capacity* a byte takes. Neither cost may be too low.
        max_rest_seconds: the longest rest; 0 never rests.
    """

    def __init__(
        self,
        *,
        capacity: float,
        packet_cost: float,
        byte_cost: float,
        max_rest_seconds: float,
    ) -> None:
        self._room = capacity * _MAX_SHARE
        self._packet_cost = packet_cost
        self._byte_cost = byte_cost
        burst = _BURST_PACKETS_PER_SECOND * packet_cost
        self._max_rest = min(max_rest_seconds, capacity * _BURST_SHARE / burst)
        self._quiet = 2 * max_rest_seconds
        self._last = -math.inf

    def plan_rest(self, now: float, packets: int, size: int) -> float:
        """Return how many seconds to rest; 0 to wait for the next packet.

        Args:
            now: the seconds of a monotonic clock.
            packets: how many packets the reading found.
            size: how many bytes they had together.
        """
        if not packets:
            return 0.0
        elapsed, self._last = now - self._last, now
        if not 0 < elapsed <= self._quiet:
            return 0.0
        filled = packets * self._packet_cost + size * self._byte_cost
        rest = min(self._max_rest, self._room * elapsed / filled)
        if rest < _MIN_SECONDS or packets * rest < _MIN_PACKETS * elapsed:
            return 0.0
        return rest
