"""Choose the bucket for the current time, so that no bucket is sent twice.

This holds whatever the wall clock does. The starts of closed buckets are remembered as
ranges, and a time within a range is moved past its end.

Buckets start on multiples of the interval, except for the first one, which starts with
the second in which the server does. The previous server may have sent the bucket of the
whole interval, and a point with the same timestamp would replace what it sent.
"""

from typing import Final

# There is one range for each time that the clock was set back to before all others. If
# the clock is set back more often than this, everything goes into one bucket until time
# catches up.
MAX_RANGES: Final = 16


class BucketClock:
    """The start of the open bucket, and the starts of those that were sent.

    Attributes:
        start: the start of the open bucket, which was never sent.
    """

    def __init__(self, interval_seconds: int, started: float) -> None:
        self._interval = interval_seconds
        self._sent: list[list[int]] = []
        self._current: list[int] | None = None
        self.start = int(started // 1)

    def floor(self, now: float) -> int:
        """Round *now* down to a multiple of the interval."""
        seconds = int(now // 1)
        return seconds - seconds % self._interval

    def choose(self, now: float) -> int:
        """Return the start of the bucket for a value that arrives *now*.

        If the clock was set back, the open bucket stays open until time catches up. But
        if it is now more than an interval before everything that was sent, a new range
        of buckets starts there.
        """
        floor = self.floor(now)
        if floor < self.start:
            first = self.start if self._current is None else self._current[0]
            earliest = self.floor(first) - self._interval
            if floor >= earliest or len(self._sent) >= MAX_RANGES:
                return self.start
        return self._skip_sent(floor)

    def move(self, start: int) -> None:
        """Make *start*, which `choose` returned, the start of the open bucket."""
        if start < self.start:
            self._current = None
        self.start = start

    def mark_sent(self, start: int) -> None:
        """Never choose *start* again, or a start between it and the last one marked."""
        if self._current is None:
            self._current = [start, start]
            self._sent.append(self._current)
        else:
            self._current[0] = min(self._current[0], start)
            self._current[1] = max(self._current[1], start)

    def follow(self, start: int) -> int:
        """Return the first start after *start* that was not sent."""
        return self._skip_sent(self.floor(start) + self._interval)

    def find_second(self, now: float) -> int:
        """Return the first second, from *now* on, that was not sent."""
        second = int(now // 1)
        while ends := self._list_ends(second):
            second = max(ends) + 1
        return second

    def is_sent(self, start: int) -> bool:
        """Return whether *start* must not be sent again."""
        return bool(self._list_ends(start))

    def _skip_sent(self, start: int) -> int:
        while ends := self._list_ends(start):
            start = self.floor(max(ends)) + self._interval
        return start

    def _list_ends(self, start: int) -> list[int]:
        """Return the ends of the ranges that contain *start*."""
        return [last for first, last in self._sent if first <= start <= last]
