"""A queue with one reader's end, for tests of a single listener."""

from statsd_trio.counters import ListenerCounters
from statsd_trio.transports.packet_queue import PacketQueue, PacketSendChannel


def open_queue(
    counters: ListenerCounters, capacity: int
) -> tuple[PacketSendChannel, PacketQueue]:
    queue = PacketQueue(capacity)
    return queue.open_send_channel(counters), queue
