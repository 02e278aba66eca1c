"""The time now in, the start of the bucket that takes what comes now out.

No bucket is closed twice, whatever the wall clock does: what was closed is remembered
as ranges of starts, and time inside a range is sent past its end.

Buckets start on whole intervals, but for the first one, which starts with the second in
which the server does. The server before it may have sent the bucket of the whole
interval, and a point that bears the same stamp would replace what it sent.
"""

from typing import Final

# One for each time that the clock went back to before everything; who turns the
# clock back more often than that collects in one bucket until time catches up.
MAX_RANGES: Final = 16


class BucketClock:
    """Starts of buckets: the open one and those that were sent.

    Attributes:
        start: of the open bucket; never one that was sent.
    """

    def __init__(self, interval_seconds: int, started: float) -> None:
        self._interval = interval_seconds
        self._sent: list[list[int]] = []
        self._current: list[int] | None = None
        self.start = int(started // 1)

    def floor(self, now: float) -> int:
        """Round *now* down to a whole interval."""
        seconds = int(now // 1)
        return seconds - seconds % self._interval

    def choose(self, now: float) -> int:
        """Return the start of the bucket that takes what comes *now*.

        A clock that went back waits in the open bucket, unless it is now earlier, by
        more than an interval, than everything that was sent: there it starts anew.
        """
        floor = self.floor(now)
        if floor < self.start:
            first = self.start if self._current is None else self._current[0]
            earliest = self.floor(first) - self._interval
            if floor >= earliest or len(self._sent) >= MAX_RANGES:
                return self.start
        return self._skip_sent(floor)

    def move(self, start: int) -> None:
        """Make *start*, from `choose`, the open one."""
        if start < self.start:
            self._current = None
        self.start = start

    def mark_sent(self, start: int) -> None:
        """Never choose *start* again, nor what lies between it and the last one."""
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
        """Return the first second from *now* on that was not sent."""
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
        """List the ends of the ranges that hold *start*."""
        return [last for first, last in self._sent if first <= start <= last]
