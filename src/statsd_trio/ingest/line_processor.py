"""Process lines that the engine does not know, from the text to the aggregator."""

from collections.abc import Callable

from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.counters import LineCounters
from statsd_trio.engine.context import KINDS
from statsd_trio.errors import ParseError
from statsd_trio.ingest.hooks import check_sample, check_values
from statsd_trio.ingest.rejections import Rejections
from statsd_trio.ingest.watcher import GuardedWatcher
from statsd_trio.protocol.messages import Event, Sample, ServiceCheck
from statsd_trio.protocol.parser import parse_message
from statsd_trio.rules import Rules
from statsd_trio.transports.packet import Origin


class LineProcessor:
    """Parses a line, applies the rules, adds it to the aggregator, and counts it.

    Attributes:
        rules: applied to every line.
        watcher: sees what a line became; None if nobody watches.
        origin: the sender of the lines that are being processed.
        processed: how many lines were processed so far, good and bad.
    """

    def __init__(
        self,
        aggregator: Aggregator,
        rules: Rules,
        lines: LineCounters,
        rejections: Rejections,
        *,
        use_timestamps: bool,
        on_sample: Callable[[Sample], Sample | None] | None,
        on_event: Callable[[Event | ServiceCheck], None] | None,
    ) -> None:
        """Start with nothing processed; the arguments are those of `Ingest`."""
        self._aggregator = aggregator
        self._lines = lines
        self._rejections = rejections
        self._use_timestamps = use_timestamps
        self._on_sample = on_sample
        self._on_event = on_event
        self._failure: Exception | None = None
        self.rules = rules
        self.watcher: GuardedWatcher | None = None
        self.origin = Origin("", "")
        self.processed = 0

    def process(self, line: bytes) -> None:
        """Process a line that the engine does not know; count it if it is rejected.

        It never raises, because the engine must first report what it has added. An
        error is kept and raised after that.
        """
        self.processed += 1
        try:
            self._parse_line(line)
        except Exception as error:  # noqa: BLE001 - raised by `raise_failure`
            self._failure = self._failure or error

    def _parse_line(self, line: bytes) -> None:
        # The kind of a line and the line itself are counted together, once the kind is
        # known.
        try:
            message = parse_message(line, use_timestamps=self._use_timestamps)
            if isinstance(message, Sample):
                self._process_sample(message, line)
            else:
                self._process_message(message)
        except ParseError as error:
            self.reject(error, line, self.origin)
            return
        self._lines.read += 1
        self._lines.unknown_fields += message.unknown_fields
        if message.is_repaired:
            self._rejections.note_repair(line, self.origin)

    def _process_message(self, message: Event | ServiceCheck) -> None:
        if isinstance(message, Event):
            self._aggregator.add_event(message)
            self._lines.events += 1
        else:
            self._aggregator.add_service_check(message)
            self._lines.service_checks += 1
        if self._on_event is not None:
            try:
                self._on_event(message)
            except Exception as error:  # noqa: BLE001 - the host program's own
                self._rejections.note_hook_failure("on_event", error)
        if self.watcher is not None:
            self.watcher.see_message(message)

    def _process_sample(self, sample: Sample, line: bytes) -> None:
        """Apply the rules to *sample*, add it, and let the engine learn the line.

        Raises:
            ParseError: if a hook set values that cannot be aggregated.
        """
        kept = self.rules.apply(sample)
        if kept is not None and self._on_sample is not None:
            try:
                kept = check_sample(self._on_sample(kept))
            except Exception as error:  # noqa: BLE001 - the host program's own
                self._rejections.note_hook_failure("on_sample", error)
                self._aggregator.drop(sample, "hook_failed")
                self._lines.metrics += 1
                return
            if kept is not None:
                self._aggregator.insert(check_values(kept))
                self._lines.metrics += 1
                if self.watcher is not None:
                    self.watcher.see_sample(kept)
                return
        if kept is None:
            self._lines.filtered += 1
            context = None
        else:
            context = self._aggregator.insert(kept)
            self._lines.metrics += 1
            if context is None:
                return
        # A line with something that is counted each time, such as unknown fields, must
        # be parsed each time.
        if self._on_sample is None and not (
            sample.timestamp or sample.unknown_fields or sample.is_repaired
        ):
            self._aggregator.learn(
                line, KINDS[sample.type], context, sample.sample_rate
            )

    def reject(self, error: ParseError, line: bytes, origin: Origin) -> None:
        """Count *line* as rejected because of *error*."""
        self._lines.read += 1
        self._rejections.reject_line(error, line, origin)
        if self.watcher is not None:
            self.watcher.see_rejected(error, line, origin)

    def raise_failure(self) -> None:
        """Raise the first error since the last call, if there was one."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
