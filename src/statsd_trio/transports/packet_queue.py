"""Queue the packets of all readers, and hand them out in fair turns.

Each reader has a channel of its own with room for a limited number of packets, so a
flooded reader leaves the room of the others alone. The processor takes turns among the
channels that hold packets, and takes a share of bytes from each: packets of 8 KiB get
no larger share than packets of one line. An empty channel costs nothing.

A reader waits for room *before* it reads. It therefore never holds a packet that it
cannot queue, and a cancel loses nothing.
"""

from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import trio

from statsd_trio.counters import ListenerCounters
from statsd_trio.ki import protect_from_ki
from statsd_trio.transports.packet import Packet

# The share of one turn: two of the longest packets of the default buffer_size, or the
# work of about a millisecond.
TURN_BYTES: Final = 16 * 1024

# The cost of reading and handing on a packet, expressed in bytes of lines that could be
# processed in the same time: 3 us for a packet, and 1 us for a line of 20 to 30 bytes.
PACKET_COST_BYTES: Final = 100


class PacketSendChannel:
    """One reader's end of the queue, made by `PacketQueue.open_send_channel`.

    Attributes:
        counters: the listener's counters; its packets, bytes and waits are counted
            here.
        taken: how many of its packets were taken so far.
        peak: the most packets that it ever held.
    """

    def __init__(self, queue: "PacketQueue", counters: ListenerCounters) -> None:
        self.counters = counters
        self.taken = 0
        self.peak = 0
        self.packets: deque[Packet] = deque()
        self.credit = 0
        self.room_awaited = trio.lowlevel.ParkingLot()
        self.is_awaited = False
        self._queue = queue
        self._is_closed = False

    @property
    def room(self) -> int:
        """How many more packets fit now."""
        return self._queue.capacity - len(self.packets)

    @protect_from_ki
    def put_nowait(self, packets: Sequence[Packet]) -> None:
        """Queue all of *packets* and count them, or none.

        Raises:
            trio.WouldBlock: if there is not enough room.
            trio.BrokenResourceError: if nobody takes packets from the queue any more.
            trio.ClosedResourceError: if this end is closed.
        """
        if self._is_closed:
            raise trio.ClosedResourceError
        if self._queue.is_closed:
            raise trio.BrokenResourceError
        waiting = self.packets
        if len(waiting) + len(packets) > self._queue.capacity:
            raise trio.WouldBlock
        if not packets:
            return
        counters = self.counters
        counters.packets += len(packets)
        counters.bytes += sum([len(packet.data) for packet in packets])
        was_empty = not waiting
        waiting += packets
        self.peak = max(self.peak, len(waiting))
        if was_empty:
            self._queue.add_ready(self)

    async def wait_for_room(self) -> None:
        """Wait until a packet fits, and count the wait.

        If there is room already, this is not a checkpoint.

        Raises:
            trio.BrokenResourceError: if nobody takes packets from the queue any more.
        """
        queue = self._queue
        if queue.is_closed:
            raise trio.BrokenResourceError
        if self.room > 0:
            return
        counters = self.counters
        counters.waits += 1
        started = trio.current_time()
        try:
            while self.room <= 0:
                self.is_awaited = True
                await self.room_awaited.park()
                if queue.is_closed:
                    raise trio.BrokenResourceError
        finally:
            waited = trio.current_time() - started
            counters.longest_wait_seconds = max(counters.longest_wait_seconds, waited)

    def close(self) -> None:
        """Announce that no more packets follow; the queued ones stay.

        Closing it again does nothing.
        """
        if not self._is_closed:
            self._is_closed = True
            self._queue.end_sender()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class PacketQueue:
    """The processor's end of the queue, which owns the ends of all readers.

    Attributes:
        capacity: how many packets each send channel holds.
        is_closed: whether the queue was closed, so that nobody takes packets any more.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.is_closed = False
        self._channels: list[PacketSendChannel] = []
        self._open_channels = 0
        # The channels that hold packets; it is the turn of the first one.
        self._ready: deque[PacketSendChannel] = deque()
        self._arrival = trio.lowlevel.ParkingLot()
        self._taken = trio.lowlevel.ParkingLot()
        self._is_watched = False

    def open_send_channel(self, counters: ListenerCounters) -> PacketSendChannel:
        """Return a new end for a reader."""
        channel = PacketSendChannel(self, counters)
        self._channels.append(channel)
        self._open_channels += 1
        return channel

    @property
    def used(self) -> int:
        """How many packets the fullest channel holds."""
        return max((len(channel.packets) for channel in self._channels), default=0)

    @property
    def peak(self) -> int:
        """The most packets that any channel ever held."""
        return max((channel.peak for channel in self._channels), default=0)

    @property
    def taken(self) -> int:
        """How many packets of all channels were taken so far."""
        return sum(channel.taken for channel in self._channels)

    @protect_from_ki
    def receive_nowait(self) -> Packet:
        """Take the next packet of the channel whose turn it is.

        Raises:
            trio.WouldBlock: if there is no packet now.
            trio.EndOfChannel: if there is no packet, and every send channel is closed.
            trio.ClosedResourceError: if the queue is closed.
        """
        ready = self._ready
        if not ready:
            if self.is_closed:
                raise trio.ClosedResourceError
            if not self._open_channels:
                raise trio.EndOfChannel
            raise trio.WouldBlock
        channel = ready[0]
        packets = channel.packets
        packet = packets.popleft()
        channel.taken += 1
        channel.credit -= len(packet.data) + PACKET_COST_BYTES
        if not packets:
            ready.popleft()
            # An unused share is not saved up, but what was taken beyond a share is
            # owed.
            channel.credit = min(channel.credit, 0)
            if ready:
                self._begin_turn()
        elif channel.credit <= 0:
            ready.rotate(-1)
            self._begin_turn()
        if channel.is_awaited:
            channel.is_awaited = False
            channel.room_awaited.unpark_all()
        if self._is_watched:
            self._is_watched = False
            self._taken.unpark_all()
        return packet

    @protect_from_ki
    async def receive(self) -> Packet:
        """Wait for a packet, and take it; this is always a checkpoint.

        A cancel takes no packet.

        Raises:
            trio.EndOfChannel: as `receive_nowait`.
            trio.ClosedResourceError: as `receive_nowait`.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._ready:
            packet = self.receive_nowait()
            await trio.lowlevel.cancel_shielded_checkpoint()
            return packet
        while True:
            try:
                return self.receive_nowait()
            except trio.WouldBlock:
                await self._arrival.park()

    async def wait_taken(self) -> None:
        """Wait until everything that is queued now has been taken."""
        marks = [
            (channel, channel.taken + len(channel.packets))
            for channel in self._channels
        ]
        while any(channel.taken < mark for channel, mark in marks):
            if self.is_closed:
                raise trio.ClosedResourceError
            self._is_watched = True
            await self._taken.park()

    def close(self) -> None:
        """Stop taking packets, and wake up whoever waits.

        Closing again does nothing.
        """
        self.is_closed = True
        self._ready.clear()
        for channel in self._channels:
            channel.room_awaited.unpark_all()
        self._taken.unpark_all()
        self._arrival.unpark_all()

    async def aclose(self) -> None:
        """Close the queue; this is the asynchronous form that Trio's channels have."""
        self.close()
        await trio.lowlevel.checkpoint()

    def add_ready(self, channel: PacketSendChannel) -> None:
        """Put *channel*, which was empty, at the end of the line for a turn."""
        self._ready.append(channel)
        if len(self._ready) == 1:
            self._begin_turn()
            self._arrival.unpark_all()

    def end_sender(self) -> None:
        """Count one send channel less; the queue ends when none is left."""
        self._open_channels -= 1
        if not self._open_channels:
            self._arrival.unpark_all()

    def _begin_turn(self) -> None:
        """Give the first channel its share.

        Skip channels that owe more than a share.
        """
        ready = self._ready
        ready[0].credit += TURN_BYTES
        while ready[0].credit <= 0:
            ready.rotate(-1)
            ready[0].credit += TURN_BYTES

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Packet:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
