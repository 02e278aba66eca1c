"""What is known of one metric's name, over all its contexts."""

from array import array
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from statsd_trio.dev.history import IS_BAND, TYPE_NAMES, Track
from statsd_trio.engine.context import COUNTER, GAUGE, SET, TIMER

SPARK_STEP: Final = 5
SPARK_POINTS: Final = 60

# Of one name, for each of its tag keys; enough to tell that a tag is unbounded.
MAX_KEPT_VALUES: Final = 100
_MAX_KEPT_KEYS: Final = 50

# Of each name, apart from the recent lines of all.
KEPT_LINES: Final = 5
_KEPT_LINE_BYTES: Final = 500

NAME_BYTES: Final = 3000


class ReceivedLine(NamedTuple):
    """A line as it came."""

    time: float
    line: bytes
    sender: str


class Name:
    """A metric's name and what is known of it.

    Attributes:
        tracks: what is remembered of its contexts, by type, host and tags.
        lines: how many lines named it.
        last: of a counter, what its contexts counted in the newest second; else the
            newest figure of any of them.
        raw_names: what lines called it, before the rules.
        recent: the newest lines that the engines did not know.
        tag_values: some values of each tag key.
        warnings: what a line of it was warned of, by its code.
        looks_like_seconds: whether its last values did, in a metric of milliseconds.
    """

    __slots__ = (
        "_last_start",
        "_spark",
        "_spark_slot",
        "first_seen",
        "kinds",
        "last",
        "last_kind",
        "last_seen",
        "lines",
        "looks_like_seconds",
        "name",
        "rate_on_gauge",
        "raw_names",
        "recent",
        "tag_values",
        "tracks",
        "warnings",
    )

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.tracks: dict[tuple[int, str, tuple[str, ...]], Track] = {}
        self.kinds: dict[int, int] = {}
        self.lines = 0
        self.first_seen = now
        self.last_seen = now
        self.last: float | None = None
        self.last_kind = COUNTER
        self._last_start = 0
        self.raw_names: set[bytes] = set()
        self.recent: deque[ReceivedLine] = deque(maxlen=KEPT_LINES)
        self.tag_values: dict[str, set[str]] = {}
        self.warnings: dict[str, str] = {}
        self.rate_on_gauge = False
        self.looks_like_seconds = False
        self._spark = array("L", bytes(array("L").itemsize * SPARK_POINTS))
        self._spark_slot = int(now) // SPARK_STEP

    @property
    def types(self) -> list[str]:
        """The types that it has, that of most contexts first."""
        ordered = sorted(self.kinds.items(), key=lambda item: (-item[1], item[0]))
        return [TYPE_NAMES[kind] for kind, _ in ordered]

    @property
    def main_kind(self) -> int:
        """The type of most of its contexts."""
        return max(self.kinds, key=lambda kind: (self.kinds[kind], -kind))

    @property
    def unit(self) -> str:
        """What Datadog is told of its unit."""
        return "millisecond" if TIMER in self.kinds else ""

    def add_track(self, track: Track) -> None:
        """Keep *track*."""
        self.tracks[track.kind, track.host, track.tags] = track
        self.kinds[track.kind] = self.kinds.get(track.kind, 0) + 1
        for tag in track.tags:
            key, _, value = tag.partition(":")
            values = self.tag_values.get(key)
            if values is None:
                if len(self.tag_values) >= _MAX_KEPT_KEYS:
                    continue
                values = self.tag_values[key] = set()
            if len(values) < MAX_KEPT_VALUES:
                values.add(value)

    def remove_track(self, track: Track) -> None:
        """Forget *track*."""
        if self.tracks.pop((track.kind, track.host, track.tags), None) is not None:
            self.kinds[track.kind] -= 1
            if not self.kinds[track.kind]:
                del self.kinds[track.kind]

    def add_lines(self, count: int, now: float) -> None:
        """Count lines that named it in the present second."""
        self.lines += count
        self.last_seen = now
        slot = int(now) // SPARK_STEP
        self._turn(slot)
        self._spark[slot % SPARK_POINTS] += count

    def note_last(self, kind: int, value: float, start: int) -> None:
        """Take the figure of one context for the second that began at *start*."""
        if kind == COUNTER == self.last_kind and start == self._last_start:
            value += self.last or 0.0
        self.last = value
        self.last_kind = kind
        self._last_start = start

    def keep_line(self, line: bytes, sender: str, now: float) -> None:
        """Keep a line, in place of the oldest."""
        self.recent.append(ReceivedLine(now, line[:_KEPT_LINE_BYTES], sender))

    def measure_rate(self, now: float) -> float:
        """Return the lines a second, over the last five to ten seconds."""
        slot = int(now) // SPARK_STEP
        if slot - self._spark_slot > 1:
            return 0.0
        self._turn(slot)
        count = self._spark[slot % SPARK_POINTS]
        count += self._spark[(slot - 1) % SPARK_POINTS]
        # Of a name that is younger than that, over its life.
        began = max((slot - 1) * SPARK_STEP, int(self.first_seen))
        return count / max(now - began, 1.0)

    def read_spark(self, now: float) -> list[float | None]:
        """Return lines a second for each step of five minutes, the oldest first."""
        slot = int(now) // SPARK_STEP
        self._turn(slot)
        first = int(self.first_seen) // SPARK_STEP
        return [
            None if each < first else self._spark[each % SPARK_POINTS] / SPARK_STEP
            for each in range(slot - SPARK_POINTS + 1, slot + 1)
        ]

    def _turn(self, slot: int) -> None:
        for passed in range(max(self._spark_slot, slot - SPARK_POINTS) + 1, slot + 1):
            self._spark[passed % SPARK_POINTS] = 0
        self._spark_slot = max(self._spark_slot, slot)


def describe_last(kind: int) -> str:
    """Return what the last value of a metric is."""
    if IS_BAND[kind]:
        return "p50"
    return {COUNTER: "count", GAUGE: "value", SET: "unique"}[kind]


def find_common_tags(tracks: Iterable[Track]) -> list[str]:
    """Return the tags that all *tracks* have, in their order."""
    common: list[str] | None = None
    for track in tracks:
        if common is None:
            common = list(track.tags)
        elif common:
            tags = set(track.tags)
            common = [tag for tag in common if tag in tags]
        else:
            break
    return common or []
