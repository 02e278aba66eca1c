"""Find the metrics that the page knows, by their names and their names in lines."""

from collections.abc import Iterator, Mapping
from typing import Final

from statsd_trio.dev.history import COARSE_STEP
from statsd_trio.dev.interval_engine import IntervalEngine
from statsd_trio.dev.memory import Memory
from statsd_trio.dev.metrics import METRIC_BYTES, Metric, Track
from statsd_trio.engine.context import KINDS
from statsd_trio.protocol.messages import Sample

_STEP_NAMES: Final = 1000
_STEP_TRACKS: Final = 50

# A mapper may turn very many names into one.
_MAX_RAW_NAMES: Final = 20


class MetricTable:
    """Finds metrics and their contexts, within a limit of memory.

    Attributes:
        metrics: every known metric, by name.
        memory: how much memory the history takes, and may take.
        revision: grows with each new context, and when some are forgotten.
    """

    def __init__(self, hostname: str, tags: tuple[str, ...], limit_bytes: int) -> None:
        """Start without metrics.

        Args:
            hostname: the host of samples that do not name one.
            tags: added to every metric.
            limit_bytes: how much memory the history may take.
        """
        self._hostname = hostname
        self._tags = tags
        self._of_raw: dict[bytes, Metric] = {}
        self._garbage: list[dict[str, Metric]] = []
        self.memory = Memory(limit_bytes)
        self.metrics: dict[str, Metric] = {}
        self.revision = 0

    def clear(self) -> None:
        """Forget everything."""
        # To free them at once would hold up everything else for too long.
        self._garbage.append(self.metrics)
        self.metrics = {}
        self._of_raw = {}
        self.memory.clear()
        self.revision += 1

    def replace_tags(self, tags: tuple[str, ...]) -> None:
        """Add *tags* to every context made from now on."""
        self._tags = tags

    def forget_raw_names(self) -> None:
        """Forget the names in lines, for example because the rules have changed."""
        self._of_raw = {}
        for metric in self.metrics.values():
            metric.raw_names.clear()

    def find_track(self, sample: Sample, now: float) -> Track | None:
        """Return the track of the context, making it if needed; None without room."""
        host = self._hostname if sample.host is None else sample.host
        tags = tuple(sorted({*sample.tags, *self._tags}))
        kind = KINDS[sample.type]
        metric = self.metrics.get(sample.name)
        if metric is not None:
            track = metric.tracks.get((kind, host, tags))
            if track is not None:
                return track
        if self.memory.is_full:
            return None
        if metric is None:
            metric = self.metrics[sample.name] = Metric(sample.name, now)
            self.memory.metrics += METRIC_BYTES + 2 * len(sample.name)
        track = Track(metric, kind, host, tags, now)
        metric.add_track(track)
        self.memory.add_track(track)
        self.revision += 1
        return track

    def keep_raw_name(self, metric: Metric, raw: bytes) -> None:
        """Record that *raw* is a name of *metric* in lines."""
        if len(metric.raw_names) < _MAX_RAW_NAMES:
            metric.raw_names.add(raw)
            self._of_raw[raw] = metric

    def count_lines(self, counts: Mapping[bytes, int], start: int) -> Iterator[None]:
        """Count lines of the second that began at *start*, by the name in them.

        Yields after each step.
        """
        for index, (raw, count) in enumerate(counts.items(), 1):
            metric = self._of_raw.get(raw)
            if metric is not None:
                metric.add_lines(count, start)
            if index % _STEP_NAMES == 0:
                yield

    def make_room(
        self, engines: tuple[IntervalEngine, ...], now: float
    ) -> Iterator[None]:
        """Forget contexts if they take too much memory; yields after each step."""
        if self.memory.is_over:
            yield from self.memory.make_room(
                self.metrics, lambda track: self._forget(track, engines), now
            )
            self.revision += 1

    def sweep(self, engines: tuple[IntervalEngine, ...], now: int) -> Iterator[None]:
        """Forget what is too old to be shown; yields after each step."""
        steps = 0
        for metric in list(self.metrics.values()):
            for track in list(metric.tracks.values()):
                for points in (track.fine, track.coarse):
                    self.memory.points -= points.trim(now) * points.point_bytes
                if not track.points and track.last_seen < now - 2 * COARSE_STEP:
                    self._forget(track, engines)
                steps += 1
                if steps % _STEP_TRACKS == 0:
                    yield

    def free(self) -> Iterator[None]:
        """Free what `clear` forgot; yields after each step."""
        while self._garbage:
            metrics = self._garbage.pop()
            while metrics:
                _, metric = metrics.popitem()
                while metric.tracks:
                    _, track = metric.tracks.popitem()
                    for context in track.contexts:
                        context.track = None
                    if len(metric.tracks) % _STEP_TRACKS == 0:
                        yield

    def _forget(self, track: Track, engines: tuple[IntervalEngine, ...]) -> None:
        metric = track.metric
        metric.remove_track(track)
        self.memory.remove_track(track)
        for engine in engines:
            engine.forget(track.contexts[engine.index])
        if not metric.tracks and self.metrics.pop(metric.name, None) is not None:
            self.memory.metrics -= METRIC_BYTES + 2 * len(metric.name)
            for raw in metric.raw_names:
                self._of_raw.pop(raw, None)
