"""Limit the memory of the history, and choose what to forget."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from statsd_trio.dev.metrics import Metric, Track

# How full the memory is after room was made, and how full it may get before new
# contexts are turned away: many may arrive between two seconds.
_ROOMY: Final = 0.9
_FULL: Final = 1.1

_STEP_TRACKS: Final = 100


class Memory:
    """Counts bytes and makes room: the oldest and least active contexts go first.

    Attributes:
        points: the bytes of all points.
        metrics: the bytes of what is known about metrics besides their contexts.
        tracks: how many contexts are remembered.
        forgot: how many were forgotten to make room.
        forgot_at: unix time of the last one forgotten; None before that.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.clear()

    def clear(self) -> None:
        """Start counting from 0."""
        self.points = 0
        self.metrics = 0
        self.tracks = 0
        self._track_bytes = 0
        self.forgot = 0
        self.forgot_at: float | None = None

    @property
    def used(self) -> int:
        """The approximate bytes in use."""
        return self.points + self.metrics + self._track_bytes

    @property
    def is_over(self) -> bool:
        """Whether room must be made."""
        return self.used > self.limit

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another context until some is made."""
        return self.used > self.limit * _FULL

    def add_track(self, track: Track) -> None:
        """Count *track*, which is new."""
        self.tracks += 1
        self._track_bytes += track.used_bytes

    def remove_track(self, track: Track) -> None:
        """Stop counting *track*."""
        points = track.points * track.fine.point_bytes
        self.tracks -= 1
        self.points -= points
        self._track_bytes -= track.used_bytes - points

    def make_room(
        self,
        metrics: Mapping[str, Metric],
        forget: Callable[[Track], None],
        now: float,
    ) -> Iterator[None]:
        """Forget contexts until there is room; yields after each step.

        Contexts that were last seen in the earliest minute go first, beginning with
        those that have the fewest points.
        """
        excess = self.used - int(self.limit * _ROOMY)
        sizes: Counter[tuple[int, int]] = Counter()
        listed: list[tuple[tuple[int, int], Track]] = []
        for metric in list(metrics.values()):
            for track in list(metric.tracks.values()):
                rank = (int(track.last_seen) // 60, track.points)
                sizes[rank] += track.used_bytes
                listed.append((rank, track))
                if len(listed) % _STEP_TRACKS == 0:
                    yield
        last_rank = (-1, -1)
        freed = 0
        for rank in sorted(sizes):
            if freed >= excess:
                break
            freed += sizes[rank]
            last_rank = rank
        for index, (rank, track) in enumerate(listed):
            if self.used <= self.limit * _ROOMY:
                break
            if rank <= last_rank and track.is_kept:
                forget(track)
                self.forgot += 1
                self.forgot_at = now
            if index % _STEP_TRACKS == 0:
                yield
