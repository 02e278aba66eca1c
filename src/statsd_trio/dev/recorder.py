"""What a server takes in, measured by the second.

The server aggregates as if nobody looked. Beside it, two engines of the recorder's own
take the same lines: one closes its bucket each second, the other every ten. So a line
that is known costs what an engine takes for it, a fraction of a microsecond each, and
figures of ten seconds, such as percentiles and sizes of sets, are exact.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from statsd_trio.dev.history import (
    COARSE_STEP,
    IS_BAND,
    Points,
    Track,
    TrackedContext,
)
from statsd_trio.dev.memory import Memory
from statsd_trio.dev.names import NAME_BYTES, Name
from statsd_trio.dev.received import Received
from statsd_trio.engine.context import GAUGE, HISTOGRAM, KINDS, SET, TIMER
from statsd_trio.engine.engine import (
    MIN_LEARNT_RATE,
    ClosedBucket,
    Engine,
    MakeEngine,
)
from statsd_trio.errors import ParseError
from statsd_trio.explain.line_warnings import find_line_warnings
from statsd_trio.protocol.messages import Sample
from statsd_trio.protocol.parser import parse_message
from statsd_trio.rules import Rules
from statsd_trio.transports.packet import Origin

# Of each line, what stands before its first colon; those of events name nothing.
_NAMES: Final = re.compile(rb"^([^:\n]+):", re.MULTILINE)

_STEP_CONTEXTS: Final = 200

# What the two engines may take besides the history, each.
_HEAD_BYTES: Final = 32 * 1024 * 1024
_SET_BYTES: Final = 8 * 1024 * 1024
_VALUE_BYTES: Final = 16 * 1024 * 1024
_MAX_HEADS: Final = 200_000
_MAX_SET_VALUES: Final = 100_000
_MAX_BIN_COUNT: Final = 2**32 - 1

# Warnings are looked for in the first lines of a name; there they are, or nowhere.
_WARNED_CONTEXTS: Final = 5

# Values of a metric of milliseconds that are likely seconds.
_FEW_MILLISECONDS: Final = 5.0
_MAX_SECONDS: Final = 60.0
_MILLISECOND_NAME: Final = re.compile(r"(^|[._])(ms|msec|millis|milliseconds)$")


class _Measuring:
    """One engine, whose buckets last for *step* seconds."""

    def __init__(self, make_engine: MakeEngine, index: int, step: int) -> None:
        self.index = index
        self.step = step
        self.engine: Engine = make_engine(
            aggregates=("max", "count"),
            percentiles=(50, 95, 99),
            count_divisor=1.0,
            max_heads=_MAX_HEADS,
            max_set_values=_MAX_SET_VALUES,
            max_bin_count=_MAX_BIN_COUNT,
        )
        self.engine.limit_memory(_HEAD_BYTES, _SET_BYTES, _VALUE_BYTES)
        self.start = 0
        # Forgotten, but the open bucket may hold something of them.
        self.dying: list[TrackedContext] = []

    def forget(self, context: TrackedContext) -> None:
        context.track = None
        if self.engine.is_filled(context):
            self.dying.append(context)
        else:
            self.engine.forget(context)

    def close(self, start: int) -> ClosedBucket:
        self.start = start
        bucket = self.engine.close()
        for context in self.dying:
            self.engine.forget(context)
        self.dying = []
        return bucket


class Recorder:
    """Measures every metric, within a limit of memory.

    Attributes:
        names: every metric that is known, by name.
        received: the lines of late.
        memory: what the history takes, and may take.
        lines: how many came since the last `clear`.
        untracked_lines: metric lines of new contexts for which there was no room.
        is_paused: whether nothing is recorded.
        missed_lines: how many came while that was so.
        revision: grows with each change.
    """

    def __init__(
        self,
        make_engine: MakeEngine,
        *,
        hostname: str,
        tags: tuple[str, ...],
        wall_clock: Callable[[], float],
        limit_bytes: int,
        received_bytes: int,
        use_timestamps: bool = True,
        is_exact: bool = False,
    ) -> None:
        """Record nothing yet.

        Args:
            make_engine: makes the two engines.
            hostname: of samples that name none.
            tags: on every metric.
            wall_clock: unix seconds.
            limit_bytes: what the history may take.
            received_bytes: what the lines of late may take.
            use_timestamps: whether the field ``T`` counts.
            is_exact: whether `see_sample` is called with every sample.
        """
        self._make_engine = make_engine
        self._hostname = hostname
        self._tags = tags
        self._wall_clock = wall_clock
        self._use_timestamps = use_timestamps
        self._is_exact = is_exact
        self._rules = Rules()
        self._sender = ""
        self._parsed: dict[bytes, tuple[Sample, Track | None] | None] = {}
        self._raw_counts: Counter[bytes] = Counter()
        self._of_raw: dict[bytes, Name] = {}
        self.memory = Memory(limit_bytes)
        self.received = Received(received_bytes)
        self.revision = 0
        self.names: dict[str, Name] = {}
        self.is_paused = False
        self.missed_lines = 0
        self.clear()

    @property
    def contexts(self) -> int:
        """How many contexts are remembered."""
        return self.memory.tracks

    def clear(self) -> None:
        """Forget everything."""
        now = int(self._wall_clock())
        self._measurings = (
            _Measuring(self._make_engine, 0, 1),
            _Measuring(self._make_engine, 1, COARSE_STEP),
        )
        for measuring in self._measurings:
            measuring.start = now // measuring.step * measuring.step
            measuring.engine.advance(now)
        self.names.clear()
        self._of_raw.clear()
        self._raw_counts.clear()
        self.received.clear()
        self.memory.clear()
        self.lines = 0
        self.lines_last_second = 0
        self._lines_before = 0
        self.untracked_lines = 0
        self.missed_lines = 0
        self.revision += 1

    def replace_rules(self, rules: Rules) -> None:
        """Use *rules* from the next line on."""
        self._rules = rules
        self._of_raw.clear()
        for name in self.names.values():
            name.raw_names.clear()
        for measuring in self._measurings:
            measuring.engine.forget_heads()

    def replace_tags(self, tags: tuple[str, ...]) -> None:
        """Put *tags* on every context made from now on."""
        self._tags = tags

    def take(self, lines: bytes, origin: Origin) -> None:
        """Measure *lines*, some of which may be bad."""
        if self.is_paused:
            self.missed_lines += len(_NAMES.findall(lines))
            return
        now = self._wall_clock()
        self._sender = origin.sender or origin.listener
        self.received.add(now, lines, origin)
        names = _NAMES.findall(lines)
        self.lines += len(names)
        self._raw_counts.update(names)
        if self._is_exact:
            return
        for measuring in self._measurings:
            measuring.engine.take(lines, partial(self._take_line, measuring, now))
        self._parsed.clear()

    def take_sample(self, sample: Sample) -> None:
        """Measure *sample*, which a hook of the program made."""
        if self.is_paused:
            return
        track = self._find_track(sample, self._wall_clock())
        if track is not None:
            for measuring in self._measurings:
                _add(measuring, track, sample)
        self._of_raw.setdefault(sample.name.encode(), self._open_name(sample.name))

    def close_seconds(self) -> Iterator[None]:
        """Note the figures of what has ended by now; yields after each step."""
        wall_time = self._wall_clock()
        now = int(wall_time)
        for measuring in self._measurings:
            start = now // measuring.step * measuring.step
            if start != measuring.start:
                began = measuring.start
                bucket = measuring.close(start)
                measuring.engine.advance(wall_time)
                yield from self._walk(bucket, measuring, began)
                while measuring.engine.tidy():
                    yield
        yield from self._count_lines(wall_time)
        if self.memory.is_over:
            yield from self.memory.make_room(self.names, self._forget_track)
            self.revision += 1

    def sweep(self) -> Iterator[None]:
        """Forget what is too old to be shown; yields after each step."""
        now = int(self._wall_clock())
        steps = 0
        for name in list(self.names.values()):
            for track in list(name.tracks.values()):
                for points in (track.fine, track.coarse):
                    self.memory.points -= points.trim(now) * points.point_bytes
                if not track.points and track.last_seen < now - 2 * COARSE_STEP:
                    self._forget_track(name, track)
                steps += 1
                if steps % 50 == 0:
                    yield
            if not name.tracks:
                self._forget_name(name)

    def find_raw_names(self, name: str) -> frozenset[bytes]:
        """Return what lines call the metric *name*."""
        found = self.names.get(name)
        return frozenset() if found is None else frozenset(found.raw_names)

    # Of *bucket*, the contexts are those that were put in, which its type cannot say.
    def _walk(self, bucket: Any, measuring: _Measuring, start: int) -> Iterator[None]:
        is_fine = measuring.index == 0
        takes = (bucket.take_counters, bucket.take_gauges, bucket.take_sets)
        for take in takes:
            while taken := take(_STEP_CONTEXTS):
                for context, seen, value in taken:
                    track: Track | None = context.track
                    if track is not None:
                        points = track.fine if is_fine else track.coarse
                        points.times.append(start)
                        points.values.append(value)
                        self._note(track, points, value, seen, start, is_fine)
                yield
        while rows := bucket.take_histograms(_STEP_CONTEXTS):
            for context, seen, row in rows:
                track = context.track
                # A row is empty where no value could be kept.
                if track is not None and row:
                    points = track.fine if is_fine else track.coarse
                    greatest, count, p50, p95, p99 = row
                    points.times.append(start)
                    points.values.extend((count, p50, p95, p99, greatest))
                    self._note(track, points, p50, seen, start, is_fine)
                    if track.kind == TIMER or _MILLISECOND_NAME.search(track.name):
                        self._judge_milliseconds(track.name, p50, greatest)
            yield
        while bucket.free(1000):
            yield

    def _note(
        self,
        track: Track,
        points: Points,
        value: float,
        seen: int,
        start: int,
        is_fine: bool,
    ) -> None:
        self.memory.points += points.point_bytes
        if points.is_overfull:
            self.memory.points -= points.trim(start) * points.point_bytes
        if is_fine:
            track.last_seen = seen
            name = self.names.get(track.name)
            if name is not None:
                name.note_last(track.kind, value, start)

    def _judge_milliseconds(self, name: str, p50: float, greatest: float) -> None:
        found = self.names.get(name)
        if found is not None:
            found.looks_like_seconds = (
                0 < p50 < _FEW_MILLISECONDS
                and greatest < _MAX_SECONDS
                and p50 != int(p50)
            )

    def _count_lines(self, now: float) -> Iterator[None]:
        counts, self._raw_counts = self._raw_counts, Counter()
        self.lines_last_second = self.lines - self._lines_before
        self._lines_before = self.lines
        if counts:
            self.revision += 1
        for index, (raw, count) in enumerate(counts.items(), 1):
            name = self._of_raw.get(raw)
            if name is not None:
                name.add_lines(count, now)
            if index % 1000 == 0:
                yield
        counts.clear()

    def _take_line(self, measuring: _Measuring, now: float, line: bytes) -> None:
        """Measure a line that the engine of *measuring* does not know."""
        if line in self._parsed:
            parsed = self._parsed[line]
        else:
            parsed = self._parsed[line] = self._read_line(line, now)
        if parsed is None:
            return
        sample, track = parsed
        context = None
        if track is not None:
            context = track.contexts[measuring.index]
            if context.track is None:
                return
            _add(measuring, track, sample)
        # What has no place is not learnt: there may be one the next time.
        is_filtered = track is None and self._rules.apply(sample) is None
        if (
            (track is not None or is_filtered)
            and not (sample.timestamp or sample.unknown_fields or sample.is_repaired)
            and sample.sample_rate >= MIN_LEARNT_RATE
        ):
            kind = KINDS[sample.type]
            engine_kind = HISTOGRAM if IS_BAND[kind] else kind
            measuring.engine.learn(line, engine_kind, context, sample.sample_rate)

    def _read_line(self, line: bytes, now: float) -> tuple[Sample, Track | None] | None:
        try:
            message = parse_message(line, use_timestamps=self._use_timestamps)
        except ParseError:
            return None
        if not isinstance(message, Sample):
            return None
        kept = self._rules.apply(message)
        if kept is None:
            return message, None
        track = self._find_track(kept, now)
        if track is None:
            self.untracked_lines += 1
            return kept, None
        name = self.names[kept.name]
        name.keep_line(line, self._sender, now)
        raw = line.partition(b":")[0]
        if raw not in self._of_raw and self._keep_raw(name, raw):
            self._of_raw[raw] = name
        if KINDS[kept.type] in {GAUGE, SET} and b"|@" in line:
            name.rate_on_gauge = True
        if track.first_seen == now and len(name.tracks) <= _WARNED_CONTEXTS:
            text = line.decode(errors="replace").removesuffix("\r")
            for warning in find_line_warnings(text, message, now=now):
                name.warnings[warning.code.value] = warning.text
        return kept, track

    def _keep_raw(self, name: Name, raw: bytes) -> bool:
        # The mapper may make one name of very many.
        if len(name.raw_names) < 20:
            name.raw_names.add(raw)
        return len(self._of_raw) < 4 * len(self.names) + 1000

    def _find_track(self, sample: Sample, now: float) -> Track | None:
        """Find or make what is remembered of the context; None without room."""
        host = self._hostname if sample.host is None else sample.host
        tags = tuple(sorted({*sample.tags, *self._tags}))
        kind = KINDS[sample.type]
        name = self._open_name(sample.name)
        track = name.tracks.get((kind, host, tags))
        if track is None and not self.memory.is_full:
            track = Track(sample.name, kind, host, tags, now)
            name.add_track(track)
            self.memory.add_track(track)
            self.revision += 1
        return track

    def _open_name(self, name: str) -> Name:
        found = self.names.get(name)
        if found is None:
            found = Name(name, self._wall_clock())
            # One without a context stays for a moment only: a sweep takes it.
            self.names[name] = found
            self.memory.names += NAME_BYTES + 2 * len(name)
        return found

    def _forget_track(self, name: Name, track: Track) -> None:
        name.remove_track(track)
        self.memory.remove_track(track)
        for measuring in self._measurings:
            measuring.forget(track.contexts[measuring.index])
        if not name.tracks:
            self._forget_name(name)

    def _forget_name(self, name: Name) -> None:
        if self.names.pop(name.name, None) is not None:
            self.memory.names -= NAME_BYTES + 2 * len(name.name)
            for raw in name.raw_names:
                self._of_raw.pop(raw, None)


def _add(measuring: _Measuring, track: Track, sample: Sample) -> None:
    values = (
        [str(value).encode() for value in sample.values]
        if track.kind == SET
        else [float(value) for value in sample.values]
    )
    context = track.contexts[measuring.index]
    measuring.engine.add(context, values, sample.sample_rate)
