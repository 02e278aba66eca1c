"""Process packets: parse their lines and add the values to the open bucket.

A packet is cut into chunks of whole lines. The engine adds every line of a chunk that
it knows, and gives the others back one by one, in their order. Those lines are parsed,
pass the rules, get a context and are added. Then the engine learns what such lines
mean, so that it knows the next one.

Learning does not change any result: without it, every line would take the slow path and
end up in the same place.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, Protocol

import trio

from statsd_trio.aggregation.aggregator import Aggregator
from statsd_trio.aggregation.snapshot import Snapshot
from statsd_trio.aggregation.snapshot_builder import SnapshotBuilder
from statsd_trio.counters import LineCounters
from statsd_trio.errors import ParseError, Reason
from statsd_trio.ingest.last_line import LastLine
from statsd_trio.ingest.line_processor import LineProcessor
from statsd_trio.ingest.rejections import Rejections
from statsd_trio.ingest.watcher import GuardedWatcher, Watcher
from statsd_trio.pace import Pace
from statsd_trio.protocol.messages import Event, Sample, ServiceCheck
from statsd_trio.rules import Rules
from statsd_trio.transports.packet import Origin, Packet

# The bytes processed between two looks at the clock: some 40 lines with tags. At 6 us
# for a line that is parsed, this takes 1 ms if all lines are short. If the mapper takes
# longer for a name, fewer bytes are processed; the rules limit the mapper to about 1
# ms.
CHUNK_BYTES: Final = 2048
_LINE_SECONDS: Final = 6e-6
_LEAST_CHUNK_BYTES: Final = 64

# The cost of a packet besides its lines, expressed in bytes of lines.
_PACKET_BYTES: Final = 16


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
        self._processor = LineProcessor(
            aggregator,
            rules,
            lines,
            rejections,
            use_timestamps=use_timestamps,
            on_sample=on_sample,
            on_event=on_event,
        )
        self._last_line = LastLine(eol_required, self._processor.reject)
        self._chunk_bytes = measure_chunk(rules)
        self._lines = lines
        self._rejections = rejections
        self._wall_clock = wall_clock
        self._pace = Pace(monotonic_clock)
        self._eol_required = eol_required
        self._forward = forward
        self._on_slice = on_slice
        self._watcher: GuardedWatcher | None = None
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
        self._processor.rules = rules
        self._chunk_bytes = measure_chunk(rules)
        self._aggregator.forget_heads()
        if self._watcher is not None:
            self._watcher.see_rules(rules)

    def watch(self, watcher: Watcher | None) -> None:
        """Report everything to *watcher* from now on; None ends the watching."""
        if watcher is None:
            self._watcher = self._processor.watcher = None
            return
        guarded = GuardedWatcher(watcher, self._rejections.note_hook_failure)
        self._watcher = self._processor.watcher = guarded
        guarded.see_rules(self._processor.rules)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Report *snapshot* to the watcher."""
        if self._watcher is not None:
            self._watcher.see_snapshot(snapshot)

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
        processor = self._processor
        # Other tasks may have run meanwhile, but no other task processes packets.
        processor.origin = origin
        before = processor.processed
        metrics, filtered, _ = self._aggregator.take(chunk, processor.process)
        lines = self._lines
        lines.read += metrics + filtered
        lines.metrics += metrics
        lines.filtered += filtered
        if self._aggregator.engine_failures != self._engine_failures:
            self._engine_failures = self._aggregator.engine_failures
            taken = metrics + filtered + processor.processed - before
            self._reject_rest(chunk, taken, origin)
        if self._watcher is not None:
            self._watcher.see_lines(chunk, origin)
        processor.raise_failure()

    def _reject_rest(self, chunk: bytes, taken: int, origin: Origin) -> None:
        """Reject the lines after the first *taken* ones, because the engine failed."""
        lines = [line for line in chunk.split(b"\n") if line not in {b"", b"\r"}]
        for line in lines[taken:]:
            self._processor.reject(_BROKE_OFF, line, origin)

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
            return self._last_line.cut_off(packet)
        return packet.data


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
