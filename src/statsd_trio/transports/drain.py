"""Read streams for the last time when the server stops.

All streams of a listener are read in turn, a piece of each at a time, until one common
deadline. What is left then is counted as lost: as frames or lines, as far as a second,
shorter deadline allows, and as bytes in any case. A stop therefore takes no longer for
a thousand connections than for one.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final, Protocol

import attrs
import trio

from statsd_trio.transports.feed import StreamFeed
from statsd_trio.transports.packet_queue import PacketSendChannel

# How long streams may still be read.
MAX_STOP_SECONDS: Final = 2.0

# How long the remaining frames and lines may be counted. For a hundred MiB of short
# frames this is too short; their rest is only counted in bytes.
MAX_COUNT_SECONDS: Final = 0.5

# Enough for four of the longest packets, and few enough to split in a millisecond.
READ_BYTES: Final = 32 * 1024


class StreamSource(Protocol):
    """A stream that can be read without blocking."""

    @property
    def feed(self) -> StreamFeed:
        """Takes the bytes that are read."""
        ...

    def read(self, max_bytes: int) -> bytes:
        """Read what waits; return nothing if the stream has ended.

        Raises:
            OSError: if nothing waits, or the stream is broken.
        """
        ...

    def measure_waiting(self) -> int:
        """Return how many bytes wait."""
        ...

    def refuse_more(self) -> None:
        """Let the sender know, if possible, that nobody will read any more."""
        ...

    def close(self) -> None:
        """Close the stream."""
        ...


@attrs.define
class _Rest:
    """A stream, and how many bytes of it are still to be read."""

    source: StreamSource
    waiting: int

    def read(self) -> bytes:
        """Read a piece; return nothing if everything was read."""
        if self.waiting <= 0:
            return b""
        try:
            data = self.source.read(min(self.waiting, READ_BYTES))
        except OSError:
            # Either nothing waits any more, or the peer is gone and its data with it.
            data = b""
        self.waiting = self.waiting - len(data) if data else 0
        return data


async def drain_streams(
    sources: Iterable[StreamSource], channel: PacketSendChannel
) -> None:
    """Queue what *sources* hold now, and close them.

    Whatever arrives meanwhile is not read. Returns after `MAX_STOP_SECONDS` plus
    `MAX_COUNT_SECONDS` at the latest, even if nobody takes from the queue. A cancel
    does not end it earlier.
    """
    rests: deque[_Rest] = deque()
    for source in sources:
        source.refuse_more()
        rests.append(_Rest(source, source.measure_waiting()))
    with trio.move_on_after(MAX_STOP_SECONDS, shield=True):
        await _queue_rests(rests, channel)
    with trio.move_on_after(MAX_COUNT_SECONDS, shield=True):
        while rests:
            await _count_rest(rests[0])
            rests.popleft()
    for rest in rests:
        rest.source.feed.lose_unread(rest.source.measure_waiting())
        rest.source.close()


async def _queue_rests(rests: deque[_Rest], channel: PacketSendChannel) -> None:
    """Queue a piece of each in turn; remove finished ones from *rests*."""
    while rests:
        rest = rests[0]
        feed = rest.source.feed
        data = rest.read()
        goes_on = True
        if data or feed.is_in_packet:
            try:
                goes_on = await feed.add(data, channel)
            except trio.BrokenResourceError:
                # Nobody takes packets any more, so everything left is counted as lost.
                return
        if goes_on and rest.waiting:
            rests.rotate(-1)
        else:
            await _count_rest(rest)
            rests.popleft()
        await trio.lowlevel.checkpoint()


async def _count_rest(rest: _Rest) -> None:
    """Count what the stream still holds as lost, and close it."""
    feed = rest.source.feed
    rest.waiting = rest.source.measure_waiting()
    more = feed.refuse(b"")
    while more or rest.waiting:
        more = feed.refuse(b"" if more else rest.read())
        await trio.lowlevel.checkpoint()
    feed.end()
    rest.source.close()
