"""Process packets: parse their lines and add the values to the open bucket.

A packet is cut into chunks of whole lines. The engine adds every line of a chunk that
it knows, and gives the others back one by one, in their order. Those lines are parsed,
pass the rules, get a context and are added. Then the engine learns what such lines
mean, so that it knows the next one.

Learning does not change any result: without it, every line would take the slow path and
end up in the same place.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, Protocol, TypeVarTuple

import trio

from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.aggregation.snapshot_builder import SnapshotBuilder
from statsd_trio.counters import LineCounters
from statsd_trio.engine.context import KINDS
from statsd_trio.errors import ParseError, Reason
from statsd_trio.ingest.hooks import check_sample, check_values
from statsd_trio.ingest.rejections import Rejections
from statsd_trio.ingest.watcher import Watcher
from statsd_trio.pace import Pace
from statsd_trio.protocol.messages import Event, Sample, ServiceCheck
from statsd_trio.protocol.parser import parse_message
from statsd_trio.rules import Rules
from statsd_trio.transports.packet import Origin, Packet

_Arguments = TypeVarTuple("_Arguments")

# The bytes processed between two looks at the clock: some 40 lines with tags. At 6 us
# for a line that is parsed, this takes 1 ms if all lines are short. If the mapper takes
# longer for a name, fewer bytes are processed; the rules limit the mapper to about 1
# ms.
CHUNK_BYTES: Final = 2048
_LINE_SECONDS: Final = 6e-6
_LEAST_CHUNK_BYTES: Final = 64

# The cost of a packet besides its lines, expressed in bytes of lines.
_PACKET_BYTES: Final = 16

# The Agent's name for each transport, as used in `eol_required`.
_AGENT_TRANSPORTS: Final = {
    "udp": "udp",
    "unixgram": "uds",
    "unixstream": "uds",
    "pipe": "named_pipe",
}


class PacketSource(Protocol):
    """The source of packets, such as a memory channel of Trio."""

    def receive_nowait(self) -> Packet:
        """Take a packet.

        Raises:
            trio.WouldBlock: if there is no packet now.
            trio.EndOfChannel: if no more packets will come.
        """
        ...

    def __aiter__(self) -> AsyncIterator[Packet]: ...


class Ingest:
    """Processes packets: parses lines, applies the rules, aggregates, and counts.

    Attributes:
        dropped_packets: how many packets were not processed, or not completely, because
            a stage failed.
    """

    def __init__(
        self,
        aggregator: Aggregator,
        rules: Rules,
        lines: LineCounters,
        rejections: Rejections,
        *,
        wall_clock: Callable[[], float],
        monotonic_clock: Callable[[], float],
        eol_required: frozenset[str] = frozenset(),
        use_timestamps: bool = True,
        on_sample: Callable[[Sample], Sample | None] | None = None,
        on_event: Callable[[Event | ServiceCheck], None] | None = None,
        forward: Callable[[bytes], None] | None = None,
        on_slice: Callable[[], None] = lambda: None,
    ) -> None:
        """Connect the stages.

        Args:
            aggregator: receives every sample.
            rules: applied to every line that the engine does not know yet.
            lines: counts what became of each line.
            rejections: receives the lines that are rejected.
            wall_clock: returns unix seconds, which decide the bucket of a value.
            monotonic_clock: returns seconds, which limit each slice of work.
            eol_required: the Agent's names of transports whose last line must end in a
                newline.
            use_timestamps: whether the field ``T`` counts.
            on_sample: called with each metric line; it may change or drop the sample.
                Nothing is learnt then, because it may answer differently each time.
            on_event: called with each event and service check.
            forward: called with each packet, unchanged.
            on_slice: called after every half a millisecond of work.
        """
        self._aggregator = aggregator
        self._rules = rules
        self._chunk_bytes = measure_chunk(rules)
        self._lines = lines
        self._rejections = rejections
        self._wall_clock = wall_clock
        self._pace = Pace(monotonic_clock)
        self._eol_required = eol_required
        self._use_timestamps = use_timestamps
        self._on_sample = on_sample
        self._on_event = on_event
        self._forward = forward
        self._on_slice = on_slice
        self._watcher: Watcher | None = None
        self._origin = Origin("", "")
        self._failure: Exception | None = None
        self._given_back = 0
        self._engine_failures = 0
        self._packets_done = 0
        self.dropped_packets = 0
        self._waiting = trio.lowlevel.ParkingLot()

    async def run(self, queue: PacketSource) -> None:
        """Process packets until *queue* ends.

        There is a checkpoint after each slice of work, not after each packet.
        """
        async for packet in queue:
            self._begin_slice()
            self._pace.begin()
            await self._pace.run(
                self._process_waiting(packet, queue), self._begin_slice
            )
            self._waiting.unpark_all()

    def give_up(self, packets: int) -> None:
        """Count as dropped those of the first *packets* that were not processed."""
        self.dropped_packets += packets - self._packets_done
        self._packets_done = packets
        self._waiting.unpark_all()

    async def wait_processed(self, packets: int) -> None:
        """Wait until *packets* packets were processed since the start."""
        while self._packets_done < packets:
            await self._waiting.park()

    def process_packet(self, packet: Packet) -> Iterator[None]:
        """Process one packet; yields after each chunk of it."""
        data = self._open_packet(packet)
        end = 0
        while end < len(data):
            start, end = end, _find_chunk_end(data, end, self._chunk_bytes)
            self._process_chunk(data[start:end], packet.origin)
            yield
            yield from self._tidy()

    def advance(self) -> None:
        """Move to the bucket of the current time."""
        self._aggregator.advance(self._wall_clock())

    def replace_rules(self, rules: Rules) -> None:
        """Apply *rules* from the next line on, and forget what was learnt before."""
        self._rules = rules
        self._chunk_bytes = measure_chunk(rules)
        self._aggregator.forget_heads()
        self._show_rules()

    def watch(self, watcher: Watcher | None) -> None:
        """Report everything to *watcher* from now on; None ends the watching."""
        self._watcher = watcher
        self._show_rules()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Report *snapshot* to the watcher."""
        if self._watcher is not None:
            self._show(self._watcher.see_snapshot, snapshot)

    def take_snapshot(self, *, include_open: bool, final: bool) -> SnapshotBuilder:
        """Take the closed buckets, and the open one if asked."""
        return self._aggregator.take_snapshot(
            now=self._wall_clock(), include_open=include_open, final=final
        )

    def _begin_slice(self) -> None:
        self.advance()
        self._on_slice()
        self._waiting.unpark_all()

    def _process_waiting(self, packet: Packet, queue: PacketSource) -> Iterator[None]:
        """Process *packet*, and all others that *queue* has ready.

        Small packets are joined into one chunk, and the generator yields after each
        chunk. Consecutive packets of one sender are one call of the engine.
        """
        receive_nowait = queue.receive_nowait
        room = self._chunk_bytes
        small: list[bytes] = []
        origin = packet.origin
        while True:
            size = len(packet.data) + _PACKET_BYTES
            if size > room or packet.origin is not origin:
                self._process_small(small, origin)
                origin = packet.origin
            if size > room:
                yield
                yield from self._tidy()
                room = self._chunk_bytes
            room -= size
            if room >= 0:
                small.append(self._open_packet(packet))
            else:
                yield from self.process_packet(packet)
                self._packets_done += 1
            try:
                packet = receive_nowait()
            except (trio.WouldBlock, trio.EndOfChannel):
                break
        self._process_small(small, origin)
        yield from self._tidy()

    def _process_small(self, small: list[bytes], origin: Origin) -> None:
        """Process *small*, the data of packets from one sender, and empty the list.

        If that fails, all of these packets count as dropped.
        """
        if small:
            self._process_chunk(b"\n".join(small), origin)
            self._packets_done += len(small)
            small.clear()

    def _process_chunk(self, chunk: bytes, origin: Origin) -> None:
        # Other tasks may have run meanwhile, but no other task processes packets.
        self._origin = origin
        given_back_before = self._given_back
        metrics, filtered, _ = self._aggregator.take(chunk, self._process_line)
        lines = self._lines
        lines.read += metrics + filtered
        lines.metrics += metrics
        lines.filtered += filtered
        if self._aggregator.engine_failures != self._engine_failures:
            self._engine_failures = self._aggregator.engine_failures
            given_back = self._given_back - given_back_before
            self._reject_rest(chunk, metrics + filtered + given_back)
        if self._watcher is not None:
            self._show(self._watcher.see_lines, chunk, origin)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _reject_rest(self, chunk: bytes, taken: int) -> None:
        """Reject the lines after the first *taken* ones, because the engine failed."""
        lines = [line for line in chunk.split(b"\n") if line not in {b"", b"\r"}]
        for line in lines[taken:]:
            self._lines.read += 1
            self._reject(_BROKE_OFF, line, self._origin)

    def _tidy(self) -> Iterator[None]:
        while self._aggregator.tidy():
            yield

    def _open_packet(self, packet: Packet) -> bytes:
        """Forward *packet*.

        Return its data without a last line that must be rejected.
        """
        if self._forward is not None:
            self._forward(packet.data)
        if self._eol_required or packet.is_truncated:
            return self._cut_end(packet)
        return packet.data

    def _cut_end(self, packet: Packet) -> bytes:
        """Return the data of *packet* without a last line that must be rejected."""
        if packet.is_truncated:
            reason = Reason.TRUNCATED
        elif (
            _AGENT_TRANSPORTS.get(packet.origin.transport) in self._eol_required
            and packet.data[-1:] != b"\n"
            and packet.data
        ):
            reason = Reason.UNTERMINATED
        else:
            return packet.data
        end = packet.data.rfind(b"\n") + 1
        last = packet.data[end:]
        self._lines.read += 1
        error = ParseError(reason, len(last), _UNPARSED[reason])
        self._reject(error, last, packet.origin)
        return packet.data[:end]

    def _process_line(self, line: bytes) -> None:
        """Process a line that the engine does not know; count it if it is rejected.

        It never raises, because the engine must first report what it has added. An
        error is kept and raised after that.
        """
        self._given_back += 1
        try:
            self._parse_line(line)
        except Exception as error:  # noqa: BLE001 - raised by `process_packet`
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
            self._lines.read += 1
            self._reject(error, line, self._origin)
            return
        self._lines.read += 1
        self._lines.unknown_fields += message.unknown_fields
        if message.is_repaired:
            self._rejections.note_repair(line, self._origin)

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
        if self._watcher is not None:
            self._show(self._watcher.see_message, message)

    def _process_sample(self, sample: Sample, line: bytes) -> None:
        """Apply the rules to *sample*, add it, and let the engine learn the line.

        Raises:
            ParseError: if a hook set values that cannot be aggregated.
        """
        kept = self._rules.apply(sample)
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
                if self._watcher is not None:
                    self._show(self._watcher.see_sample, kept)
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

    def _reject(self, error: ParseError, line: bytes, origin: Origin) -> None:
        self._rejections.reject_line(error, line, origin)
        if self._watcher is not None:
            self._show(self._watcher.see_rejected, error, line, origin)

    def _show_rules(self) -> None:
        if self._watcher is not None:
            self._show(self._watcher.see_rules, self._rules)

    def _show(
        self, see: Callable[[*_Arguments], None], *arguments: *_Arguments
    ) -> None:
        try:
            see(*arguments)
        except Exception as error:  # noqa: BLE001 - it changes nothing for the server
            self._rejections.note_hook_failure("watcher", error)


def measure_chunk(rules: Rules) -> int:
    """Return how many bytes to process at once; fewer if names take the rules long."""
    share = _LINE_SECONDS / (_LINE_SECONDS + rules.worst_seconds)
    return max(_LEAST_CHUNK_BYTES, int(CHUNK_BYTES * share))


def _find_chunk_end(data: bytes, start: int, size: int) -> int:
    """Return the end of the chunk of *size* bytes from *start*: after a newline."""
    if len(data) - start <= size:
        return len(data)
    end = data.rfind(b"\n", start, start + size) + 1
    # A line that is longer than a chunk is a chunk of its own.
    return end or data.find(b"\n", start + size) + 1 or len(data)


_BROKE_OFF: Final = ParseError(
    Reason.ENGINE_FAILED,
    0,
    "the engine failed before this line, because of a bug in the server; the "
    "plain engine has taken over",
)

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
