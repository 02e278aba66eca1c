"""What a reader does when the queue is full: it waits, and says so in the ledger."""

import trio

from statsd_trio.ledger import ListenerCounters
from statsd_trio.transports.packet import Packet


async def wait_for_room(
    channel: trio.MemorySendChannel[Packet],
    packet: Packet,
    counters: ListenerCounters,
) -> None:
    """Queue *packet* however long it takes, without regard to cancellation.

    A cancel would lose the packet, since it was taken already. Whoever takes from
    the channel must close it at its end, so that this ends too.
    """
    counters.waits += 1
    started = trio.current_time()
    with trio.CancelScope(shield=True):
        await channel.send(packet)
    waited = trio.current_time() - started
    counters.longest_wait_seconds = max(counters.longest_wait_seconds, waited)
