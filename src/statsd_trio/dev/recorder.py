"""What a server takes in, measured by the second.

The server aggregates as if nobody looked, and of its lines this keeps a reference and
no more. A moment later, twice a second, two engines of the recorder's own take them:
one closes its bucket each second, the other every ten. So a known line costs what an
engine takes for it, a fraction of a microsecond each, and the figures of ten seconds,
such as percentiles and sizes of sets, are exact.
"""

import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from statsd_trio.dev.history import BAND_BYTES, COARSE_STEP, IS_BAND, VALUE_BYTES
from statsd_trio.dev.memory import Memory
from statsd_trio.dev.metrics import METRIC_BYTES, Metric, Track, TrackedContext
from statsd_trio.dev.received import Received, ReceivedLines
from statsd_trio.engine.context import COUNTER, GAUGE, HISTOGRAM, KINDS, SET
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

# What a line of a metric begins with.
_NAME: Final = re.compile(rb"^[^:\n]+:", re.MULTILINE)

_STEP_CONTEXTS: Final = 200
_STEP_NAMES: Final = 1000
_STEP_PIECES: Final = 5

# What may wait to be measured: at half a second, some 200 000 lines a second.
MAX_WAITING_BYTES: Final = 8 * 1024 * 1024
_SAMPLE_BYTES: Final = 500

# So much goes through one engine before the other takes it: what both look at stays
# at hand, and what they give back is parsed once.
_BATCH_BYTES: Final = 256 * 1024

# What each engine may take besides the history.
_HEAD_BYTES: Final = 32 * 1024 * 1024
_SET_BYTES: Final = 8 * 1024 * 1024
_VALUE_BYTES: Final = 16 * 1024 * 1024
_MAX_HEADS: Final = 200_000
_MAX_SET_VALUES: Final = 100_000
_MAX_BIN_COUNT: Final = 2**32 - 1

# Warnings are looked for in the first lines of a metric; there they are, or nowhere.
_WARNED_CONTEXTS: Final = 5

# A mapper may make one name of very many.
_MAX_RAW_NAMES: Final = 20

# By how much the clock may be set back without everything being forgotten.
_MAX_SET_BACK_SECONDS: Final = 60


class _TakenSample(NamedTuple):
    """What a hook of the program made of a line."""

    time: float
    sample: Sample


class _Measuring:
    """One engine, whose buckets last for *step* seconds.

    Attributes:
        index: of its contexts among those of a `Track`.
        start: of the open bucket, unix seconds.
    """

    def __init__(
        self, make_engine: MakeEngine, index: int, step: int, now: float
    ) -> None:
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
        self.engine.advance(now)
        self.start = self.find_start(now)
        # Forgotten, but the open bucket may hold something of them.
        self._dying: list[TrackedContext] = []

    def find_start(self, now: float) -> int:
        """Return the start of the bucket of *now*."""
        return int(now) // self.step * self.step

    def forget(self, context: TrackedContext) -> None:
        """Give lines of *context* back from now on."""
        context.track = None
        if self.engine.is_filled(context):
            self._dying.append(context)
        else:
            self.engine.forget(context)

    def close(self, now: float) -> ClosedBucket:
        """Close the bucket, and open that of *now*."""
        bucket = self.engine.close()
        for context in self._dying:
            self.engine.forget(context)
        self._dying = []
        self.start = self.find_start(now)
        self.engine.advance(now)
        return bucket

    def add(self, track: Track, sample: Sample) -> None:
        """Add the values of *sample*, each exactly."""
        values = (
            [str(value).encode() for value in sample.values]
            if track.kind == SET
            else [float(value) for value in sample.values]
        )
        self.engine.add(track.contexts[self.index], values, sample.sample_rate)


class Recorder:
    """Measures every metric, within a limit of memory.

    Attributes:
        metrics: every metric that is known, by name.
        received: the lines of late.
        memory: what the history takes, and may take.
        lines: how many were measured since the last `clear`.
        lines_last_second: of these, in the last second that ended.
        untracked_lines: metric lines of new contexts for which there was no room.
        is_paused: whether nothing is recorded.
        missed_lines: how many came while that was so.
        unmeasured_lines: how many came faster than they could be measured, since the
            last `clear`.
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
            is_exact: whether `take_sample` is called with every sample.
        """
        self._make_engine = make_engine
        self._hostname = hostname
        self._tags = tags
        self._wall_clock = wall_clock
        self._use_timestamps = use_timestamps
        self._is_exact = is_exact
        self._rules = Rules()
        self._generation = 0
        self._garbage: list[dict[str, Metric]] = []
        self.memory = Memory(limit_bytes)
        self.received = Received(received_bytes)
        self.revision = 0
        self.is_paused = False
        self.metrics: dict[str, Metric] = {}
        self.clear()

    @property
    def contexts(self) -> int:
        """How many contexts are remembered."""
        return self.memory.tracks

    @property
    def second(self) -> int:
        """The first second whose figures are not there yet, unix seconds."""
        return self._measurings[0].start

    @property
    def _is_behind(self) -> bool:
        """Whether what waits is all that may."""
        return self._waiting_bytes > MAX_WAITING_BYTES

    def clear(self) -> None:
        """Forget everything."""
        # Whatever is in the middle of it goes no further.
        self._generation += 1
        now = self._wall_clock()
        self._measurings = (
            _Measuring(self._make_engine, 0, 1, now),
            _Measuring(self._make_engine, 1, COARSE_STEP, now),
        )
        self._waiting: deque[ReceivedLines | _TakenSample] = deque()
        self._waiting_bytes = 0
        self._parsed: dict[bytes, tuple[Sample, Track | None] | None] = {}
        self._raw_counts: Counter[bytes] = Counter()
        self._of_raw: dict[bytes, Metric] = {}
        # Freed at once, they would hold up everybody else for too long.
        self._garbage.append(self.metrics)
        self.metrics = {}
        self.received.clear()
        self.memory.clear()
        self.lines = 0
        self.lines_last_second = 0
        self._lines_before = 0
        self.untracked_lines = 0
        self.missed_lines = 0
        self.unmeasured_lines = 0
        self.revision += 1

    def replace_rules(self, rules: Rules) -> None:
        """Use *rules* from the next line on."""
        self._rules = rules
        self._of_raw = {}
        for metric in self.metrics.values():
            metric.raw_names.clear()
        for measuring in self._measurings:
            measuring.engine.forget_heads()

    def replace_tags(self, tags: tuple[str, ...]) -> None:
        """Put *tags* on every context made from now on."""
        self._tags = tags

    def take(self, lines: bytes, origin: Origin) -> None:
        """Take *lines*, some of which may be bad, to be measured by `work`."""
        if self.is_paused:
            self.missed_lines += _count_metric_lines(lines)
            return
        if self._is_behind:
            # Of a program with a hook, each sample is counted, by `take_sample`.
            if not self._is_exact:
                self.unmeasured_lines += _count_metric_lines(lines)
            return
        piece = ReceivedLines(self._wall_clock(), lines, origin)
        self._waiting.append(piece)
        self._waiting_bytes += len(lines)
        self.received.add(piece)

    def take_sample(self, sample: Sample) -> None:
        """Take *sample*, which a hook of the program made, likewise."""
        if self.is_paused:
            return
        if self._is_behind:
            self.unmeasured_lines += 1
            return
        self._waiting.append(_TakenSample(self._wall_clock(), sample))
        self._waiting_bytes += _SAMPLE_BYTES

    def work(self) -> Iterator[None]:
        """Measure what was taken, and note the figures of each second that has ended.

        It yields after each small step.
        """
        yield from self._until_cleared(self._work())

    def sweep(self) -> Iterator[None]:
        """Forget what is too old to be shown; yields after each small step."""
        yield from self._until_cleared(self._sweep())

    def _until_cleared(self, steps: Iterator[None]) -> Iterator[None]:
        generation = self._generation
        for _ in steps:
            yield
            if self._generation != generation:
                return

    def _work(self) -> Iterator[None]:
        now = self._wall_clock()
        while self._waiting and self._waiting[0].time <= now:
            yield from self._close_seconds(self._waiting[0].time)
            yield from self._measure(self._take_batch())
        yield from self._close_seconds(now)
        yield from self._free_garbage()
        if self.memory.is_over:
            yield from self.memory.make_room(self.metrics, self._forget_track, now)
            self.revision += 1

    def _take_batch(self) -> list[ReceivedLines | _TakenSample]:
        """Take what came first out of what waits, all of one second."""
        second = int(self._waiting[0].time)
        batch: list[ReceivedLines | _TakenSample] = []
        size = 0
        while size < _BATCH_BYTES and self._waiting:
            if int(self._waiting[0].time) != second:
                break
            piece = self._waiting.popleft()
            batch.append(piece)
            size += (
                len(piece.lines) if isinstance(piece, ReceivedLines) else _SAMPLE_BYTES
            )
        self._waiting_bytes -= size
        return batch

    def _measure(self, batch: list[ReceivedLines | _TakenSample]) -> Iterator[None]:
        unyielded = 0
        for measuring in self._measurings:
            take = measuring.engine.take
            for piece in batch:
                known = len(self._parsed)
                if isinstance(piece, _TakenSample):
                    self._take_sample(measuring, piece)
                elif not self._is_exact:
                    take(piece.lines, partial(self._take_line, measuring, piece))
                unyielded += 1
                # New lines are parsed, which takes most of the time.
                if unyielded == _STEP_PIECES or len(self._parsed) != known:
                    unyielded = 0
                    yield
        self._parsed.clear()
        for piece in batch:
            if isinstance(piece, ReceivedLines):
                names = [
                    line.partition(b":")[0] for line in piece.lines.split(b"\n") if line
                ]
                self.lines += len(names)
                self._raw_counts.update(names)
            unyielded += 1
            if unyielded == _STEP_PIECES:
                unyielded = 0
                yield

    def _close_seconds(self, now: float) -> Iterator[None]:
        """Note the figures of all that ended before *now*."""
        fine = self._measurings[0]
        if fine.find_start(now) < fine.start - _MAX_SET_BACK_SECONDS:
            # What is recorded lies in the future: times would not be in order any more.
            self.clear()
            yield
        if fine.find_start(now) > fine.start:
            yield from self._count_lines(fine.start)
        for measuring in self._measurings:
            if measuring.find_start(now) > measuring.start:
                start = measuring.start
                bucket = measuring.close(now)
                yield from self._walk(bucket, measuring, start)
                while measuring.engine.tidy():
                    yield
                self.revision += 1

    # Of *bucket*, the contexts are those that were put in, which its type cannot say.
    def _walk(self, bucket: Any, measuring: _Measuring, start: int) -> Iterator[None]:
        is_fine = measuring.index == 0
        kinds = (
            (COUNTER, bucket.take_counters),
            (GAUGE, bucket.take_gauges),
            (SET, bucket.take_sets),
        )
        for kind, take in kinds:
            while taken := take(_STEP_CONTEXTS):
                if not is_fine:
                    self._note_values(taken, start)
                elif kind == COUNTER:
                    self._note_counts(taken, start)
                else:
                    self._note_values(taken, start, kind)
                yield
        while rows := bucket.take_histograms(_STEP_CONTEXTS):
            self._note_bands(rows, start, is_fine=is_fine)
            yield
        while bucket.free(1000):
            yield

    # These do ten thousand contexts a second.

    def _note_values(
        self, taken: Sequence[tuple[Any, int, float]], start: int, kind: int = -1
    ) -> None:
        """Note the figure of each context.

        With *kind* it is the last of its metric, too.
        """
        noted = 0
        for context, _, value in taken:
            track: Track | None = context.track
            if track is not None:
                context.add_time(start)
                context.add_values(value)
                noted += 1
                if kind >= 0:
                    metric = track.metric
                    metric.last = value
                    metric.last_kind = kind
        self.memory.points += noted * VALUE_BYTES

    def _note_counts(self, taken: Sequence[tuple[Any, int, float]], start: int) -> None:
        """Note the figure of each counter, and what those of a metric have together."""
        noted = 0
        for context, _, value in taken:
            track: Track | None = context.track
            if track is not None:
                context.add_time(start)
                context.add_values(value)
                noted += 1
                metric = track.metric
                if metric.last_start == start and metric.last_kind == COUNTER:
                    metric.last = (metric.last or 0.0) + value
                else:
                    metric.last = value
                    metric.last_kind = COUNTER
                    metric.last_start = start
        self.memory.points += noted * VALUE_BYTES

    def _note_bands(
        self,
        taken: Sequence[tuple[Any, int, Sequence[float]]],
        start: int,
        *,
        is_fine: bool,
    ) -> None:
        """Note the figures of some histograms, timers or distributions."""
        noted = 0
        for context, _, row in taken:
            track: Track | None = context.track
            # A row is empty where no value could be kept.
            if track is not None and row:
                greatest, count, p50, p95, p99 = row
                context.add_time(start)
                context.add_values((count, p50, p95, p99, greatest))
                noted += 1
                if is_fine:
                    metric = track.metric
                    metric.last = p50
                    metric.last_greatest = greatest
                    metric.last_kind = track.kind
        self.memory.points += noted * BAND_BYTES

    def _count_lines(self, start: int) -> Iterator[None]:
        """Count the lines of the second that began at *start*, by metric."""
        counts, self._raw_counts = self._raw_counts, Counter()
        self.lines_last_second = self.lines - self._lines_before
        self._lines_before = self.lines
        for index, (raw, count) in enumerate(counts.items(), 1):
            metric = self._of_raw.get(raw)
            if metric is not None:
                metric.add_lines(count, start)
            if index % _STEP_NAMES == 0:
                yield

    def _free_garbage(self) -> Iterator[None]:
        while self._garbage:
            metrics = self._garbage.pop()
            while metrics:
                _, metric = metrics.popitem()
                while metric.tracks:
                    _, track = metric.tracks.popitem()
                    for context in track.contexts:
                        context.track = None
                    if len(metric.tracks) % 50 == 0:
                        yield

    def _take_line(
        self, measuring: _Measuring, piece: ReceivedLines, line: bytes
    ) -> None:
        """Measure a line that the engine of *measuring* does not know."""
        if line in self._parsed:
            parsed = self._parsed[line]
        else:
            parsed = self._parsed[line] = self._read_line(line, piece)
        if parsed is None:
            return
        sample, track = parsed
        context = None
        if track is not None:
            context = track.contexts[measuring.index]
            measuring.add(track, sample)
        elif self._rules.apply(sample) is not None:
            # There was no room, but there may be the next time: it is not learnt.
            return
        if sample.timestamp or sample.unknown_fields or sample.is_repaired:
            return
        if sample.sample_rate >= MIN_LEARNT_RATE:
            kind = KINDS[sample.type]
            engine_kind = HISTOGRAM if IS_BAND[kind] else kind
            measuring.engine.learn(line, engine_kind, context, sample.sample_rate)

    def _read_line(
        self, line: bytes, piece: ReceivedLines
    ) -> tuple[Sample, Track | None] | None:
        """Return the sample in *line*, as sent, and what is remembered of its context.

        None for what is no metric; no track where the rules filter it, or there is no
        room.
        """
        try:
            message = parse_message(line, use_timestamps=self._use_timestamps)
        except ParseError:
            return None
        if not isinstance(message, Sample):
            return None
        kept = self._rules.apply(message)
        if kept is None:
            return message, None
        track = self._find_track(kept, piece.time)
        if track is None:
            self.untracked_lines += 1
            return message, None
        metric = track.metric
        metric.keep_line(line, piece.sender, piece.time)
        self._keep_raw(metric, line.partition(b":")[0])
        if KINDS[kept.type] in {GAUGE, SET} and b"|@" in line:
            metric.rate_on_gauge = True
        if track.first_seen == piece.time and len(metric.tracks) <= _WARNED_CONTEXTS:
            text = line.decode(errors="replace").removesuffix("\r")
            for warning in find_line_warnings(text, message, now=piece.time):
                metric.warnings[warning.code.value] = warning.text
        return message, track

    def _take_sample(self, measuring: _Measuring, piece: _TakenSample) -> None:
        track = self._find_track(piece.sample, piece.time)
        if track is not None:
            measuring.add(track, piece.sample)
            self._keep_raw(track.metric, piece.sample.name.encode())

    def _keep_raw(self, metric: Metric, raw: bytes) -> None:
        """Note that lines call *metric* so."""
        if len(metric.raw_names) < _MAX_RAW_NAMES:
            metric.raw_names.add(raw)
            self._of_raw[raw] = metric

    def _find_track(self, sample: Sample, now: float) -> Track | None:
        """Find or make what is remembered of the context; None without room."""
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

    def _sweep(self) -> Iterator[None]:
        now = int(self._wall_clock())
        steps = 0
        for metric in list(self.metrics.values()):
            for track in list(metric.tracks.values()):
                for points in (track.fine, track.coarse):
                    self.memory.points -= points.trim(now) * points.point_bytes
                if not track.points and track.last_seen < now - 2 * COARSE_STEP:
                    self._forget_track(track)
                steps += 1
                if steps % 50 == 0:
                    yield

    def _forget_track(self, track: Track) -> None:
        metric = track.metric
        metric.remove_track(track)
        self.memory.remove_track(track)
        for measuring in self._measurings:
            measuring.forget(track.contexts[measuring.index])
        if not metric.tracks and self.metrics.pop(metric.name, None) is not None:
            self.memory.metrics -= METRIC_BYTES + 2 * len(metric.name)
            for raw in metric.raw_names:
                self._of_raw.pop(raw, None)


def _count_metric_lines(lines: bytes) -> int:
    return len(_NAME.findall(lines))
