"""The bytes of one peer or pipe in, its packets in the queue, its losses counted.

Packets are taken out of the stream only where the queue has room for them. Until then
they stay in the framer, so that no cancel loses one, and a stop can say what is left.
"""

import math

import trio

from statsd_trio.transports.framing import MAX_FRAMES_A_CALL, Framer, FramingError
from statsd_trio.transports.losses import Loss, Losses
from statsd_trio.transports.packet import Origin, Packet
from statsd_trio.transports.packet_queue import PacketSendChannel


class StreamFeed:
    """Queues the packets of one byte stream.

    Attributes:
        deadline: when the frame or line that has begun must be complete; infinite
            while none has.
    """

    def __init__(
        self,
        framer: Framer,
        origin: Origin,
        losses: Losses,
        frame_timeout_seconds: float,
    ) -> None:
        self.deadline = math.inf
        self._is_broken = False
        self._framer = framer
        self._origin = origin
        self._losses = losses
        self._frame_timeout_seconds = frame_timeout_seconds
        # Counted by the framer, and told to the losses so far.
        self._empty = self._too_long = self._skipped_bytes = 0

    @property
    def is_in_packet(self) -> bool:
        """Whether a frame or a line has begun and not ended."""
        return self._framer.is_in_packet

    async def add(self, data: bytes | memoryview, channel: PacketSendChannel) -> bool:
        """Queue the packets that *data* completes; False if the stream is at its end.

        It is where a frame or a line breaks a limit: nothing after it can be read.
        A cancel while the queue is full leaves the rest to `queue_complete`.
        """
        if not self._framer.is_in_packet:
            self.deadline = trio.current_time() + self._frame_timeout_seconds
        self._framer.add(data)
        return await self.queue_complete(channel)

    async def queue_complete(self, channel: PacketSendChannel) -> bool:
        """Queue what is complete; False if the stream is at its end."""
        framer = self._framer
        while True:
            await channel.wait_for_room()
            try:
                packets = framer.take_packets(min(channel.room, MAX_FRAMES_A_CALL))
            except FramingError as error:
                self._break(error)
                return False
            finally:
                self._count_left_out()
            channel.put_nowait([Packet(data, self._origin) for data in packets])
            if packets:
                # The time that the queue was full is not the sender's.
                self.deadline = trio.current_time() + self._frame_timeout_seconds
            if not framer.has_more:
                break
            await trio.lowlevel.checkpoint()
        if not framer.is_in_packet:
            self.deadline = math.inf
        return True

    def end(self) -> None:
        """Take note that the stream has ended; half a frame or line is counted."""
        if self._framer.is_in_packet:
            self._lose_rest(Loss.HALF_FRAME, self._framer.describe_rest())

    def expire(self) -> None:
        """Take note that the frame or line that has begun took too long."""
        self._lose_rest(Loss.FRAME_TIMEOUT, self._framer.describe_rest())

    def refuse(self, data: bytes | memoryview) -> bool:
        """Add *data*, and count what is complete as left by a stop.

        Looks at a bounded number of frames; True if there may be more to count, with
        nothing to add.
        """
        if self._is_broken:
            self.lose_unread(len(data))
            return False
        framer = self._framer
        before = framer.rest_bytes + framer.skipped_bytes + len(data)
        framer.add(data)
        try:
            packets = framer.take_packets()
        except FramingError as error:
            self._break(error)
            return False
        finally:
            self._count_left_out()
        self._losses.count(
            Loss.STOP,
            origin=self._origin,
            number=framer.count(packets),
            size=before - framer.rest_bytes - framer.skipped_bytes,
        )
        return framer.has_more

    def lose_unread(self, size: int) -> None:
        """Count what is kept, and *size* bytes that nobody read, as dropped bytes."""
        size += self._framer.drop_rest()
        self._losses.count(Loss.STOP, number=0, size=size)

    def _break(self, error: FramingError) -> None:
        self._is_broken = True
        self._lose_rest(Loss.FRAME_TOO_LONG, str(error))

    def _lose_rest(self, loss: Loss, detail: str) -> None:
        size = self._framer.drop_rest()
        self._losses.count(loss, detail, origin=self._origin, size=size)
        self.deadline = math.inf

    def _count_left_out(self) -> None:
        """Tell the losses what the framer left out since the last call."""
        framer = self._framer
        size = framer.skipped_bytes - self._skipped_bytes
        if not size:
            return
        self._skipped_bytes = framer.skipped_bytes
        empty, self._empty = framer.empty - self._empty, framer.empty
        too_long, self._too_long = framer.too_long - self._too_long, framer.too_long
        self._losses.count(
            Loss.EMPTY_FRAME, origin=self._origin, number=empty, size=size
        )
        self._losses.count(Loss.LINE_TOO_LONG, origin=self._origin, number=too_long)
