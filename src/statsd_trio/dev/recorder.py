"""Measure by the second what a server receives.

The server aggregates as if nobody watched; the recorder only keeps a reference to its
lines. Twice a second, two engines of the recorder process these lines: one closes its
bucket every second, the other every ten. A known line therefore costs what an engine
takes for it, a fraction of a microsecond for each engine, and the figures of ten
seconds, such as percentiles and sizes of sets, are exact.
"""

import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, NamedTuple

from statsd_trio.dev.bucket_figures import note_bucket
from statsd_trio.dev.history import COARSE_STEP, IS_BAND
from statsd_trio.dev.interval_engine import IntervalEngine
from statsd_trio.dev.memory import Memory
from statsd_trio.dev.metric_table import MetricTable
from statsd_trio.dev.metrics import Metric, Track
from statsd_trio.dev.received import Received, ReceivedLines
from statsd_trio.engine.context import GAUGE, HISTOGRAM, KINDS, SET
from statsd_trio.engine.engine import MIN_LEARNT_RATE, MakeEngine
from statsd_trio.errors import ParseError
from statsd_trio.explain.line_warnings import find_line_warnings
from statsd_trio.protocol.messages import Sample
from statsd_trio.protocol.parser import parse_message
from statsd_trio.rules import Rules
from statsd_trio.transports.packet import Origin

# The start of a line of a metric.
_NAME: Final = re.compile(rb"^[^:\n]+:", re.MULTILINE)

_STEP_PIECES: Final = 5

# How much may wait to be measured: at half a second, some 200 000 lines per second.
MAX_WAITING_BYTES: Final = 8 * 1024 * 1024
_SAMPLE_BYTES: Final = 500

# How much one engine processes before the other one does: the lines are still in the
# processor's cache, and those given back are parsed only once.
_BATCH_BYTES: Final = 256 * 1024

# Warnings are only looked for in the first lines of a metric, because later lines
# rarely have others.
_WARNED_CONTEXTS: Final = 5

# How far the clock may be set back before everything is forgotten.
_MAX_SET_BACK_SECONDS: Final = 60


class _TakenSample(NamedTuple):
    """What a hook of the program returned for a line."""

    time: float
    sample: Sample


class Recorder:
    """Measures every metric, within a limit of memory.

    Attributes:
        received: the latest lines.
        lines: how many lines were measured since the last `clear`.
        lines_last_second: how many of these came in the last complete second.
        untracked_lines: metric lines of new contexts for which there was no room.
        is_paused: whether recording is paused.
        missed_lines: how many lines arrived during a pause.
        unmeasured_lines: how many lines arrived faster than they could be measured,
            since the last `clear`.
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
        """Start without any records.

        Args:
            make_engine: makes the two engines.
            hostname: the host of samples that do not name one.
            tags: added to every metric.
            wall_clock: returns unix seconds.
            limit_bytes: how much memory the history may take.
            received_bytes: how much memory the latest lines may take.
            use_timestamps: whether the field ``T`` counts.
            is_exact: whether `take_sample` is called with every sample.
        """
        self._make_engine = make_engine
        self._wall_clock = wall_clock
        self._use_timestamps = use_timestamps
        self._is_exact = is_exact
        self._rules = Rules()
        self._generation = 0
        self._table = MetricTable(hostname, tags, limit_bytes)
        self._changes = 0
        self.received = Received(received_bytes)
        self.is_paused = False
        self.clear()

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Every known metric, by name."""
        return self._table.metrics

    @property
    def memory(self) -> Memory:
        """How much memory the history takes, and may take."""
        return self._table.memory

    @property
    def contexts(self) -> int:
        """How many contexts are remembered."""
        return self.memory.tracks

    @property
    def revision(self) -> int:
        """A number that grows with each change."""
        return self._changes + self._table.revision

    def touch(self) -> None:
        """Let `revision` grow, because something shown with the metrics has changed."""
        self._changes += 1

    @property
    def second(self) -> int:
        """The first second without complete figures, in unix seconds."""
        return self._engines[0].start

    @property
    def _is_behind(self) -> bool:
        """Whether as much waits to be measured as may wait."""
        return self._waiting_bytes > MAX_WAITING_BYTES

    def clear(self) -> None:
        """Forget everything."""
        # Work that is in progress stops here.
        self._generation += 1
        now = self._wall_clock()
        self._engines = (
            IntervalEngine(self._make_engine, 0, 1, now),
            IntervalEngine(self._make_engine, 1, COARSE_STEP, now),
        )
        self._waiting: deque[ReceivedLines | _TakenSample] = deque()
        self._waiting_bytes = 0
        self._parsed: dict[bytes, tuple[Sample, Track | None] | None] = {}
        self._raw_counts: Counter[bytes] = Counter()
        self._table.clear()
        self.received.clear()
        self.lines = 0
        self.lines_last_second = 0
        self._lines_before = 0
        self.untracked_lines = 0
        self.missed_lines = 0
        self.unmeasured_lines = 0
        self.touch()

    def replace_rules(self, rules: Rules) -> None:
        """Apply *rules* from the next line on."""
        self._rules = rules
        self._table.forget_raw_names()
        for engine in self._engines:
            engine.engine.forget_heads()

    def replace_tags(self, tags: tuple[str, ...]) -> None:
        """Add *tags* to every context made from now on."""
        self._table.replace_tags(tags)

    def take(self, lines: bytes, origin: Origin) -> None:
        """Keep *lines*, some of which may be bad, for `work` to measure."""
        if self.is_paused:
            self.missed_lines += _count_metric_lines(lines)
            return
        if self._is_behind:
            # If a program has a hook, `take_sample` counts each sample instead.
            if not self._is_exact:
                self.unmeasured_lines += _count_metric_lines(lines)
            return
        piece = ReceivedLines(self._wall_clock(), lines, origin)
        self._waiting.append(piece)
        self._waiting_bytes += len(lines)
        self.received.add(piece)

    def take_sample(self, sample: Sample) -> None:
        """Keep *sample*, which a hook of the program returned, for `work`."""
        if self.is_paused:
            return
        if self._is_behind:
            self.unmeasured_lines += 1
            return
        self._waiting.append(_TakenSample(self._wall_clock(), sample))
        self._waiting_bytes += _SAMPLE_BYTES

    def work(self) -> Iterator[None]:
        """Measure what was received, and record the figures of each complete second.

        Yields after each small step.
        """
        yield from self._until_cleared(self._work())

    def sweep(self) -> Iterator[None]:
        """Forget what is too old to be shown; yields after each small step."""
        now = int(self._wall_clock())
        yield from self._until_cleared(self._table.sweep(self._engines, now))

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
        yield from self._table.free()
        yield from self._table.make_room(self._engines, now)

    def _take_batch(self) -> list[ReceivedLines | _TakenSample]:
        """Take the oldest of what waits, all of one second."""
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
        for engine in self._engines:
            take = engine.engine.take
            for piece in batch:
                known = len(self._parsed)
                if isinstance(piece, _TakenSample):
                    self._take_sample(engine, piece)
                elif not self._is_exact:
                    take(piece.lines, partial(self._take_line, engine, piece))
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
        """Record the figures of all buckets that ended before *now*."""
        fine = self._engines[0]
        if fine.find_start(now) < fine.start - _MAX_SET_BACK_SECONDS:
            # What was recorded is in the future, so the times would no longer be in
            # order.
            self.clear()
            yield
        if fine.find_start(now) > fine.start:
            counts, self._raw_counts = self._raw_counts, Counter()
            self.lines_last_second = self.lines - self._lines_before
            self._lines_before = self.lines
            yield from self._table.count_lines(counts, fine.start)
        for engine in self._engines:
            if engine.find_start(now) > engine.start:
                start = engine.start
                bucket = engine.close(now)
                is_fine = engine is fine
                yield from note_bucket(bucket, start, self.memory, is_fine=is_fine)
                while engine.engine.tidy():
                    yield
                self.touch()

    def _take_line(
        self, engine: IntervalEngine, piece: ReceivedLines, line: bytes
    ) -> None:
        """Measure a line that *engine* does not know."""
        if line in self._parsed:
            parsed = self._parsed[line]
        else:
            parsed = self._parsed[line] = self._read_line(line, piece)
        if parsed is None:
            return
        sample, track = parsed
        context = None
        if track is not None:
            context = track.contexts[engine.index]
            engine.add(track, sample)
        elif self._rules.apply(sample) is not None:
            # There was no room, but there may be the next time, so nothing is learnt.
            return
        if sample.timestamp or sample.unknown_fields or sample.is_repaired:
            return
        if sample.sample_rate >= MIN_LEARNT_RATE:
            kind = KINDS[sample.type]
            engine_kind = HISTOGRAM if IS_BAND[kind] else kind
            engine.engine.learn(line, engine_kind, context, sample.sample_rate)

    def _read_line(
        self, line: bytes, piece: ReceivedLines
    ) -> tuple[Sample, Track | None] | None:
        """Return the sample in *line*, as sent, and the track of its context.

        This is None if the line is not a metric. The track is None if the rules filter
        the line, or there is no room.
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
        track = self._table.find_track(kept, piece.time)
        if track is None:
            self.untracked_lines += 1
            return message, None
        metric = track.metric
        metric.keep_line(line, piece.sender, piece.time)
        self._table.keep_raw_name(metric, line.partition(b":")[0])
        if KINDS[kept.type] in {GAUGE, SET} and b"|@" in line:
            metric.rate_on_gauge = True
        if track.first_seen == piece.time and len(metric.tracks) <= _WARNED_CONTEXTS:
            text = line.decode(errors="replace").removesuffix("\r")
            for warning in find_line_warnings(text, message, now=piece.time):
                metric.warnings[warning.code.value] = warning.text
        return message, track

    def _take_sample(self, engine: IntervalEngine, piece: _TakenSample) -> None:
        track = self._table.find_track(piece.sample, piece.time)
        if track is not None:
            engine.add(track, piece.sample)
            self._table.keep_raw_name(track.metric, piece.sample.name.encode())


def _count_metric_lines(lines: bytes) -> int:
    return len(_NAME.findall(lines))
