"""How long a reader of datagrams may rest before it reads again; pure.

At everyday rates the cost of a packet is not its lines but the wake-up that it takes.
So a reader that finds traffic rests for some milliseconds, and then reads all that
came meanwhile at once, as network drivers do under load. What it must never do is rest
so long that the kernel's buffer fills.
"""

import math
from typing import Final

# What may be filled while it rests, at the rate seen.
_MAX_SHARE: Final = 1 / 8

# What may be filled if a burst of so many packets a second begins the moment it rests.
_BURST_SHARE: Final = 1 / 2
_BURST_PACKETS_PER_SECOND: Final = 100_000

# A shorter rest takes a millisecond all the same: the system's timers are no finer.
_MIN_SECONDS: Final = 0.001

# To rest for one packet would only delay it.
_MIN_PACKETS: Final = 2


class ReadingPace:
    """Decides about one reader, from what each reading found.

    What comes after a pause of twice the longest rest, and so everything that comes
    more seldom, is handed on at once.

    Args:
        capacity: of the kernel's buffer.
        packet_cost: what a packet takes of *capacity*, and
        byte_cost: what each of its bytes takes, too little in no case.
        max_rest_seconds: 0 for no rest at all.
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
            now: seconds, of a clock that runs on.
            packets: what the reading found, and
            size: how many bytes they were.
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
