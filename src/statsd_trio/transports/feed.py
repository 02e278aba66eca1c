"""Turn the bytes of one stream into packets in the queue, and count its losses.

Packets are only taken out of the stream when the queue has room for them. Until then
they stay in the framer, so that a cancel cannot lose them, and a stop can count what is
left.
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
        deadline: when the frame or line that has begun must be complete; infinite while
            none has begun.
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
        # What the framer had counted when the losses were last updated.
        self._empty = self._too_long = self._skipped_bytes = 0

    @property
    def is_in_packet(self) -> bool:
        """Whether a frame or a line has begun and is not complete."""
        return self._framer.is_in_packet

    async def add(self, data: bytes | memoryview, channel: PacketSendChannel) -> bool:
        """Queue the packets that *data* completes; return False to end the stream.

        The stream must end if a frame or a line breaks a limit, because nothing after
        it can be read. After a cancel while the queue is full, the rest of *data* is
        kept for `queue_complete`.
        """
        if not self._framer.is_in_packet:
            self.deadline = trio.current_time() + self._frame_timeout_seconds
        self._framer.add(data)
        return await self.queue_complete(channel)

    async def queue_complete(self, channel: PacketSendChannel) -> bool:
        """Queue the complete packets; return False if the stream must end."""
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
                # The time in which the queue was full is not counted against the
                # sender.
                self.deadline = trio.current_time() + self._frame_timeout_seconds
            if not framer.has_more:
                break
            await trio.lowlevel.checkpoint()
        if not framer.is_in_packet:
            self.deadline = math.inf
        return True

    def end(self) -> None:
        """Note that the stream has ended.

        Count a frame or line that was not complete.
        """
        if self._framer.is_in_packet:
            self._lose_rest(Loss.HALF_FRAME, self._framer.describe_rest())

    def expire(self) -> None:
        """Count the frame or line that has begun as lost, because it took too long."""
        self._lose_rest(Loss.FRAME_TIMEOUT, self._framer.describe_rest())

    def refuse(self, data: bytes | memoryview) -> bool:
        """Add *data*, and count what is complete as lost to a stop.

        Only a bounded number of frames is looked at. Returns True if there may be more
        to count; call it again with no data then.
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
        """Count what is kept, and *size* unread bytes, as dropped bytes."""
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
        """Count what the framer has left out since the last call."""
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
