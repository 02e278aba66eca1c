"""Packets in, accumulated values out: the one hot path.

A line's text apart from its value (``name:...|type|...``) decides its context and
weight. Once that text is known, a line costs two lookups and two appends: its value is
kept as the bytes that were sent, and converted in bulk when the aggregator folds.

* *hot* maps suffix and name to where values of that text go. It dies with the slots of
  the aggregator, after a second at most.
* `Memo` maps the same text to its `Spelling` for longer. A line that misses *hot* but
  not the memo is not parsed again.
* All else (a text never seen, an event, a timestamp, garbage) is parsed.

The memo changes no result: with it off, every line takes the slow path and ends in the
same lane, or in the same rejection.
"""

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Final, Protocol

import trio

from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.aggregation.builder import SnapshotBuilder
from statsd_trio.aggregation.cells import Cell
from statsd_trio.aggregation.context import KINDS, Context
from statsd_trio.aggregation.conversion import read_values
from statsd_trio.aggregation.openbucket import Slot
from statsd_trio.errors import ParseError, Reason
from statsd_trio.ingest.memo import Memo, Spelling
from statsd_trio.ingest.refusals import Refusals
from statsd_trio.ingest.stale import Stale
from statsd_trio.ledger import LineCounters
from statsd_trio.protocol.messages import Event, Sample, ServiceCheck
from statsd_trio.protocol.parser import parse_message
from statsd_trio.rules import Rules
from statsd_trio.transports.packet import Origin, Packet

# How long the processor works before it lets others run.
SLICE_SECONDS: Final = 0.0005

# Lines between two looks at the clock: at 6 us, the cost of one never seen before, this
# is under a millisecond. A name that takes the mapper longer leaves room for fewer, but
# the rules bound that to about 1 ms.
LINES_PER_LOOK: Final = 128
_LINE_SECONDS: Final = 6e-6
_FEWEST_LINES_PER_LOOK: Final = 4

# What may wait to be folded when a slice ends: bytes of packets, and lines that were
# hot. Few enough to be folded at once, where the ledger or the edge of a second asks
# for it, in 0.5 ms (4 ms if all are bad, or packed), and to stay in the processor's
# cache.
MAX_WAITING_BYTES: Final = 16 * 1024
MAX_WAITING_LINES: Final = 1024

# A slice ends here in any case, however fast it was: what is to be folded after it,
# with chances for others to run, are a thousand lines as they are sent, or thirty
# thousand packed values.
BYTES_PER_SLICE: Final = 64 * 1024

# Texts in the hot dictionaries: 15 MB.
MAX_HOT_TEXTS: Final = 32_768

# Names of one suffix that may be freed together with it; more are a group.
FEW_NAMES: Final = 64

# Texts unused for this long (at least; twice that at most) are forgotten.
MEMO_SECONDS: Final = 30.0

# The name in `eol_required` that the Agent gives to each transport.
_AGENT_TRANSPORTS: Final = {
    "udp": "udp",
    "unixgram": "uds",
    "unixstream": "uds",
    "pipe": "named_pipe",
}


# By suffix: the cells by name, and the lane's `add_cell` and `add_raw`.
Hot = dict[
    bytes,
    tuple[dict[bytes, Cell], Callable[[Cell], None], Callable[[bytes], None]],
]


class PacketSource(Protocol):
    """What packets are taken from, such as a memory channel of Trio."""

    def receive_nowait(self) -> Packet:
        """Take a packet.

        Raises:
            trio.WouldBlock: if there is none now.
            trio.EndOfChannel: if there will be none any more.
        """
        ...

    def __aiter__(self) -> AsyncIterator[Packet]: ...

    async def __aenter__(self) -> object: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...


class Ingest:
    """Takes packets, parses, applies the rules, adds to the aggregator, and counts."""

    def __init__(
        self,
        aggregator: Aggregator,
        rules: Rules,
        lines: LineCounters,
        refusals: Refusals,
        *,
        wall_clock: Callable[[], float],
        monotonic_clock: Callable[[], float],
        eol_required: frozenset[str] = frozenset(),
        use_timestamps: bool = True,
        max_memo_entries: int = 200_000,
        on_sample: Callable[[Sample], Sample | None] | None = None,
        on_event: Callable[[Event | ServiceCheck], None] | None = None,
        forward: Callable[[bytes], None] | None = None,
    ) -> None:
        """Join the stages.

        Args:
            wall_clock: unix seconds; says which bucket a value belongs to.
            monotonic_clock: seconds; paces the slices of work.
            eol_required: the Agent's names of transports whose last line must end
                in a newline.
            max_memo_entries: 0 turns the memo off.
            on_sample: sees each metric line and may change or drop it; without a
                memo then, since it may answer differently each time.
            on_event: sees each event and service check.
            forward: sees each packet, unchanged.
        """
        self._aggregator = aggregator
        self._rules = rules
        self._lines_per_look = count_lines_per_look(rules)
        self._lines = lines
        self._refusals = refusals
        self._wall_clock = wall_clock
        self._monotonic_clock = monotonic_clock
        self._eol_required = eol_required
        self._use_timestamps = use_timestamps
        self._on_sample = on_sample
        self._on_event = on_event
        self._forward = forward
        self._uses_memo = max_memo_entries > 0 and on_sample is None
        self._stale = Stale()
        self._memo = Memo(max_memo_entries, self._stale)
        self._memo_rotates_at = 0.0
        self._hot: Hot = {}
        self._hot_groups: list[dict[bytes, Cell]] = []
        self._hot_texts = 0
        self._generation = aggregator.generation
        self._waiting_bytes = 0
        self._waiting_lines = 0
        self._packets_done = 0
        self._waiting = trio.lowlevel.ParkingLot()

    async def run(self, queue: PacketSource) -> None:
        """Process packets until *queue* ends, and close it however this ends.

        Awaits once a slice, not once a packet.
        """
        clock = self._monotonic_clock
        receive_nowait = queue.receive_nowait
        async with queue:
            async for first in queue:
                packet = first
                self.advance()
                deadline = clock() + SLICE_SECONDS
                while True:
                    lines = self.split_packet(packet)
                    step = self._lines_per_look
                    if len(lines) <= step:
                        self.insert_lines(lines, packet.origin)
                    else:
                        for start in range(0, len(lines), step):
                            stop = start + step
                            self.insert_lines(lines[start:stop], packet.origin)
                            if clock() >= deadline:
                                await self._end_slice()
                                await trio.lowlevel.checkpoint()
                                self.advance()
                                deadline = clock() + SLICE_SECONDS
                    self._packets_done += 1
                    if clock() >= deadline or self._waiting_bytes >= BYTES_PER_SLICE:
                        break
                    try:
                        packet = receive_nowait()
                    except (trio.WouldBlock, trio.EndOfChannel):
                        break
                await self._end_slice()
                self._waiting.unpark_all()

    async def wait_processed(self, packets: int) -> None:
        """Wait until *packets* were processed since the start."""
        while self._packets_done < packets:
            await self._waiting.park()

    def process_packet(self, packet: Packet) -> None:
        """Take in the whole of one packet."""
        self.insert_lines(self.split_packet(packet), packet.origin)

    def split_packet(self, packet: Packet) -> list[bytes]:
        """Split *packet* into its lines; count what is cut or lacks its newline."""
        if self._forward is not None:
            self._forward(packet.data)
        self._waiting_bytes += len(packet.data)
        lines = packet.data.split(b"\n")
        last = lines.pop()
        if packet.is_truncated:
            self._reject_unparsed(Reason.TRUNCATED, last, packet.origin)
        elif last:
            agent_name = _AGENT_TRANSPORTS.get(packet.origin.transport)
            if agent_name in self._eol_required:
                self._reject_unparsed(Reason.UNTERMINATED, last, packet.origin)
            else:
                lines.append(last)
        return lines

    def insert_lines(self, lines: list[bytes], origin: Origin) -> None:
        """Insert what *lines* say; a bad one is counted and spoils no other."""
        hot = self._hot
        missed = 0
        for line in lines:
            name, _, rest = line.partition(b":")
            value, _, suffix = rest.partition(b"|")
            try:
                cells, add_cell, add_raw = hot[suffix]
                add_cell(cells[name])
                add_raw(value)
            except KeyError:
                missed += 1
                self._insert_missed(line, name, value, suffix, origin)
                # It may have brought a rival of what was known.
                self._heed_generation()
                hot = self._hot
        hits = len(lines) - missed
        self._lines.read += hits
        self._lines.metrics += hits
        self._waiting_lines += hits

    def advance(self) -> None:
        """Move to the bucket of the present time."""
        now = self._wall_clock()
        self._aggregator.advance(now)
        self._heed_generation()
        if not 0 <= self._memo_rotates_at - now <= MEMO_SECONDS:
            self._memo_rotates_at = now + MEMO_SECONDS
            self._memo.rotate()

    def replace_rules(self, rules: Rules) -> None:
        """Use *rules* from the next line on, and forget what the old ones said."""
        self.seal()
        self._rules = rules
        self._lines_per_look = count_lines_per_look(rules)
        self._memo.clear()

    def seal(self) -> None:
        """Convert and count what was read, and begin the hot dictionaries anew."""
        self._aggregator.seal()
        self._waiting_bytes = self._waiting_lines = 0
        self._heed_generation()

    def fold(self) -> None:
        """Convert and count all that was read, at once."""
        self._aggregator.fold()
        self._waiting_bytes = self._waiting_lines = 0

    def take_snapshot(self, *, include_open: bool, final: bool) -> SnapshotBuilder:
        """Take what closed, and what is open if asked, once what waits is folded."""
        self.advance()
        builder = self._aggregator.take_snapshot(
            now=self._wall_clock(), include_open=include_open, final=final
        )
        self._heed_generation()
        return builder

    async def _end_slice(self) -> None:
        """Fold what waits, if it is worth it, and free a part of what was forgotten."""
        if (
            self._waiting_bytes >= MAX_WAITING_BYTES
            or self._waiting_lines >= MAX_WAITING_LINES
        ):
            while self._aggregator.fold_some():
                await trio.lowlevel.checkpoint()
            self._waiting_bytes = self._waiting_lines = 0
        if self._hot_texts >= MAX_HOT_TEXTS:
            self.seal()
        self._stale.free_some()

    def _heed_generation(self) -> None:
        """Forget the slots that died since the last call."""
        if self._generation != self._aggregator.generation:
            self._generation = self._aggregator.generation
            for cells in self._hot_groups:
                self._stale.throw(cells)
            self._stale.throw(self._hot)
            self._hot = {}
            self._hot_groups = []
            self._hot_texts = 0

    def _insert_missed(
        self, line: bytes, name: bytes, value: bytes, suffix: bytes, origin: Origin
    ) -> None:
        text = name + b":" + suffix  # a name holds no colon, so this is unambiguous
        spelling = self._memo.get(text) if self._uses_memo else None
        if spelling is not None and self._insert_known(spelling, name, value, suffix):
            return
        if line in {b"", b"\r"}:
            return
        self._lines.read += 1
        try:
            message = parse_message(line, use_timestamps=self._use_timestamps)
        except ParseError as error:
            self._refusals.reject_line(error, line, origin)
            return
        self._lines.unknown_fields += message.unknown_fields
        if message.is_repaired:
            self._refusals.note_repair(line, origin)
        if isinstance(message, Sample):
            self._insert_sample(message, text, value)
            return
        if self._on_event is not None:
            self._on_event(message)
        if isinstance(message, Event):
            self._lines.events += 1
            self._aggregator.add_event(message)
        else:
            self._lines.service_checks += 1
            self._aggregator.add_service_check(message)

    def _insert_sample(self, sample: Sample, text: bytes, value: bytes) -> None:
        kept = self._rules.apply(sample)
        if kept is not None and self._on_sample is not None:
            kept = self._on_sample(kept)
            if kept is not None:
                self._lines.metrics += 1
                self._aggregator.insert(kept)
                return
        if kept is None:
            self._lines.filtered += 1
            if sample.timestamp is None:
                self._remember(text, sample, None)
            return
        self._lines.metrics += 1
        if kept.timestamp is not None or kept.dropped or kept.is_repaired:
            self._aggregator.insert(kept)
            return
        context = self._aggregator.open_context(kept)
        if context is None:
            return
        self._aggregator.put(context, kept.sample_rate, value, kept.values)
        self._remember(text, kept, context)

    def _remember(self, text: bytes, sample: Sample, context: Context | None) -> None:
        # What is counted each time, as unknown fields are, has to be parsed each time.
        if self._uses_memo and not (sample.unknown_fields or sample.is_repaired):
            kind = KINDS[sample.type]
            self._memo.offer(text, Spelling(kind, context, sample.sample_rate))

    def _insert_known(
        self, spelling: Spelling, name: bytes, value: bytes, suffix: bytes
    ) -> bool:
        """Insert a line whose text is remembered; False if its value is not all good.

        Then the parser will say what is wrong, and where in the line.
        """
        try:
            values, dropped = read_values(spelling.kind, value)
        except ParseError:
            return False
        if dropped:
            return False
        self._lines.read += 1
        context = spelling.context
        if context is None:
            self._lines.filtered += 1
            return True
        self._lines.metrics += 1
        slot = self._aggregator.put(context, spelling.sample_rate, value, values)
        if slot is not None:
            self._keep_hot(slot, name, suffix)
        return True

    def _keep_hot(self, slot: Slot, name: bytes, suffix: bytes) -> None:
        # The suffix decides type and rate, so all of its names share one lane.
        lane, cell = slot
        known = self._hot.get(suffix)
        if known is None:
            self._hot[suffix] = ({name: cell}, lane.add_cell, lane.add_raw)
        else:
            cells = known[0]
            cells[name] = cell
            if len(cells) == FEW_NAMES + 1:
                self._hot_groups.append(cells)
        self._hot_texts += 1

    def _reject_unparsed(self, reason: Reason, line: bytes, origin: Origin) -> None:
        self._lines.read += 1
        error = ParseError(reason, len(line), _UNPARSED[reason])
        self._refusals.reject_line(error, line, origin)


def count_lines_per_look(rules: Rules) -> int:
    """Return after how many lines to look at the clock, however long names take."""
    lines = LINES_PER_LOOK * _LINE_SECONDS / (_LINE_SECONDS + rules.worst_seconds)
    return max(_FEWEST_LINES_PER_LOOK, int(lines))


_UNPARSED: Final = {
    Reason.TRUNCATED: (
        "the packet is longer than the server's buffer_size, so its last line is cut; "
        "send smaller packets or raise buffer_size"
    ),
    Reason.UNTERMINATED: (
        "the last line of the packet lacks its newline, which eol_required asks for "
        "on this transport"
    ),
}
