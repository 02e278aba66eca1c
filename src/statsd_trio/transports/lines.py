"""Bytes of one pipe in, packets of whole lines in the channel."""

import trio

from statsd_trio.ledger import ListenerCounters
from statsd_trio.transports.framing import LineFramer
from statsd_trio.transports.packet import Origin, Packet
from statsd_trio.transports.queueing import wait_for_room


class LineFeed:
    """Queues the lines of one writer; a line too long is left out and counted.

    The end of a line that has begun is kept for the next bytes.
    """

    def __init__(
        self, buffer_size: int, origin: Origin, counters: ListenerCounters
    ) -> None:
        self._framer = LineFramer(buffer_size)
        self._origin = origin
        self._counters = counters

    async def add(
        self, data: bytes | memoryview, channel: trio.MemorySendChannel[Packet]
    ) -> None:
        """Queue what *data* completes, waiting for room without being cancelled."""
        counters = self._counters
        framer = self._framer
        dropped_before = framer.dropped
        framer.add(data)
        while packets := framer.take_packets():
            for lines in packets:
                packet = Packet(lines, self._origin)
                counters.packets += 1
                counters.bytes += len(lines)
                try:
                    channel.send_nowait(packet)
                except trio.WouldBlock:
                    await wait_for_room(channel, packet, counters)
        if framer.dropped > dropped_before:
            counters.refused["line_too_long"] += framer.dropped - dropped_before

    def end(self) -> None:
        """Take note that the writer is gone; half a line is counted and forgotten."""
        if self._framer.has_rest:
            self._counters.refused["half_frame"] += 1
            self._framer.drop_rest()
