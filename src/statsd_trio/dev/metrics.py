"""What is known about a metric, and about each of its contexts."""

import re
from array import array
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from statsd_trio.dev.history import (
    COARSE_SECONDS,
    FIGURES,
    FINE_SECONDS,
    IS_BAND,
    TYPE_NAMES,
    Points,
)
from statsd_trio.engine.context import (
    COUNTER,
    GAUGE,
    HISTOGRAM,
    SET,
    TIMER,
    Context,
    Key,
)

SPARK_STEP: Final = 5
SPARK_POINTS: Final = 60

# The limit for each tag key of one name; enough to tell that a tag is unbounded.
MAX_KEPT_VALUES: Final = 100
_MAX_KEPT_KEYS: Final = 50

# The limit for each name, in addition to the recent lines of all names.
KEPT_LINES: Final = 5
_KEPT_LINE_BYTES: Final = 500

METRIC_BYTES: Final = 3000

# The objects of one context besides its points and its texts: two histories, the
# engines' contexts, what they keep for it, and its entries in tables.
TRACK_BYTES: Final = 2600

# The values of a metric in milliseconds that are probably seconds.
_FEW_MILLISECONDS: Final = 5.0
_MAX_SECONDS: Final = 60.0
_MILLISECOND_NAME: Final = re.compile(r"(^|[._])(ms|msec|millis|milliseconds)$")


class ReceivedLine(NamedTuple):
    """A line as it was received."""

    time: float
    line: bytes
    sender: str


class Metric:
    """A metric: all contexts with one name.

    Attributes:
        tracks: what is remembered of its contexts, by type, host and tags.
        lines: how many lines had its name.
        last: for a counter, what its contexts counted in the newest second; for other
            types, the newest figure of any context.
        raw_names: its names in lines, before the rules.
        recent: the newest lines that the engines did not know.
        tag_values: some values of each tag key.
        unbounded_tags: for each tag key, how many values it had when they were last
            checked, and whether they looked unbounded.
        warnings: the warnings about its lines, by their code.
        last_kind: the type of the context that *last* belongs to.
        last_start: when the second that *last* belongs to began, for a counter.
        last_greatest: the greatest value of it, if there are several.
        is_milliseconds: whether the name says that the values are milliseconds.
    """

    __slots__ = (
        "_spark",
        "_spark_slot",
        "first_seen",
        "is_milliseconds",
        "kinds",
        "last",
        "last_greatest",
        "last_kind",
        "last_seen",
        "last_start",
        "lines",
        "name",
        "rate_on_gauge",
        "raw_names",
        "recent",
        "tag_values",
        "tracks",
        "unbounded_tags",
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
        self.last_greatest = 0.0
        self.last_start = 0
        self.raw_names: set[bytes] = set()
        self.recent: deque[ReceivedLine] = deque(maxlen=KEPT_LINES)
        self.tag_values: dict[str, set[str]] = {}
        self.unbounded_tags: dict[str, tuple[int, bool]] = {}
        self.warnings: dict[str, str] = {}
        self.rate_on_gauge = False
        self.is_milliseconds = _MILLISECOND_NAME.search(name) is not None
        self._spark = array("L", bytes(array("L").itemsize * SPARK_POINTS))
        self._spark_slot = int(now) // SPARK_STEP

    @property
    def types(self) -> list[str]:
        """Its types, beginning with the type of most contexts."""
        ordered = sorted(self.kinds.items(), key=lambda item: (-item[1], item[0]))
        return [TYPE_NAMES[kind] for kind, _ in ordered]

    @property
    def main_kind(self) -> int:
        """The type of most of its contexts."""
        return max(self.kinds, key=lambda kind: (self.kinds[kind], -kind))

    @property
    def unit(self) -> str:
        """The unit that Datadog is told."""
        return "millisecond" if TIMER in self.kinds else ""

    @property
    def looks_like_seconds(self) -> bool:
        """Whether its last values look like seconds but should be milliseconds."""
        if self.last is None or not IS_BAND[self.last_kind]:
            return False
        return (
            (self.is_milliseconds or self.last_kind == TIMER)
            and 0 < self.last < _FEW_MILLISECONDS
            and self.last_greatest < _MAX_SECONDS
            and self.last != int(self.last)
        )

    def add_track(self, track: "Track") -> None:
        """Add *track*."""
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

    def remove_track(self, track: "Track") -> None:
        """Remove *track*."""
        if self.tracks.pop((track.kind, track.host, track.tags), None) is not None:
            self.kinds[track.kind] -= 1
            if not self.kinds[track.kind]:
                del self.kinds[track.kind]

    def add_lines(self, count: int, now: float) -> None:
        """Count lines with its name in the current second."""
        self.lines += count
        self.last_seen = now
        slot = int(now) // SPARK_STEP
        self._turn(slot)
        self._spark[slot % SPARK_POINTS] += count

    def keep_line(self, line: bytes, sender: str, now: float) -> None:
        """Keep a line; the oldest one makes room if necessary."""
        self.recent.append(ReceivedLine(now, line[:_KEPT_LINE_BYTES], sender))

    def measure_rate(self, now: float) -> float:
        """Return the lines per second, over the last five to ten seconds."""
        slot = int(now) // SPARK_STEP
        if slot - self._spark_slot > 1:
            return 0.0
        self._turn(slot)
        count = self._spark[slot % SPARK_POINTS]
        count += self._spark[(slot - 1) % SPARK_POINTS]
        # A metric that is younger than that is measured over its life.
        began = max((slot - 1) * SPARK_STEP, int(self.first_seen))
        return count / max(now - began, 1.0)

    def read_spark(self, now: float) -> list[float | None]:
        """Return lines per second for each step of five minutes, the oldest first."""
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


class TrackedContext(Context):
    """A context of one engine, with a reference to what is remembered of it.

    Attributes:
        track: None once it is forgotten.
        add_time: appends the time of a point.
        add_values: appends the figures of a point, or its only figure.
    """

    __slots__ = ("add_time", "add_values", "track")

    def __init__(self, key: Key, track: "Track", points: Points) -> None:
        super().__init__(key)
        self.track: Track | None = track
        # These are looked up once, instead of ten thousand times a second.
        self.add_time = points.times.append
        self.add_values = (
            points.values.extend if points.is_band else points.values.append
        )


class Track:
    """Everything that is remembered of one context.

    Attributes:
        metric: the metric that the context belongs to.
        kind: an index into `TYPES`: the type in its lines.
        fine: the points by the second.
        coarse: the points by ten seconds.
    """

    __slots__ = (
        "coarse",
        "contexts",
        "fine",
        "first_seen",
        "host",
        "kind",
        "metric",
        "tags",
        "text_bytes",
    )

    def __init__(
        self, metric: "Metric", kind: int, host: str, tags: tuple[str, ...], now: float
    ) -> None:
        self.metric = metric
        self.kind = kind
        self.host = host
        self.tags = tags
        self.first_seen = now
        is_band = IS_BAND[kind]
        # A distribution is measured like a histogram, because the engine then returns
        # its percentiles instead of a sketch.
        engine_kind = HISTOGRAM if is_band else kind
        key = (metric.name, engine_kind, host, tags)
        self.fine = Points(is_band=is_band, seconds=FINE_SECONDS)
        self.coarse = Points(is_band=is_band, seconds=COARSE_SECONDS)
        self.contexts = (
            TrackedContext(key, self, self.fine),
            TrackedContext(key, self, self.coarse),
        )
        self.text_bytes = 2 * sum(len(tag) + 50 for tag in tags)

    @property
    def last_seen(self) -> float:
        """The second in which it was last seen, in unix time."""
        if self.fine.times:
            return self.fine.times[-1]
        return self.coarse.times[-1] if self.coarse.times else self.first_seen

    @property
    def is_kept(self) -> bool:
        """Whether it is still remembered."""
        return self.contexts[0].track is self

    @property
    def points(self) -> int:
        """How many points there are."""
        return len(self.fine.times) + len(self.coarse.times)

    @property
    def used_bytes(self) -> int:
        """The approximate bytes that all of it takes."""
        points = self.points * self.fine.point_bytes
        return TRACK_BYTES + self.text_bytes + points

    def read_last(self) -> dict[str, float]:
        """Return the figures of the newest second that has any.

        Empty if there is none.
        """
        points = self.fine if self.fine.times else self.coarse
        if not points.times:
            return {}
        figures = points.read(len(points.times) - 1)
        return dict(zip(FIGURES[self.kind], figures, strict=True))


def describe_last(kind: int) -> str:
    """Return a description of the last value of a metric."""
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
