"""The interface of every transport: a bound listener that feeds a channel."""

from typing import Protocol

from statsd_trio.counters import ListenerCounters
from statsd_trio.transports.packet_queue import PacketSendChannel

# What a client passes to its socket: ``(host, port)``, or a path.
BoundAddress = tuple[str, int] | str


class Listener(Protocol):
    """A bound socket or pipe, with the counts of what arrived."""

    @property
    def address(self) -> BoundAddress:
        """What a client passes to its socket: ``(host, port)``, or a path."""
        ...

    @property
    def counters(self) -> ListenerCounters:
        """The counts so far; they grow while `receive` runs."""
        ...

    async def receive(self, channel: PacketSendChannel) -> None:
        """Feed *channel* until cancelled, then read what waits and close.

        While the channel has no room, it waits without holding a packet. It closes
        *channel* and itself in every case.
        """
        ...

    async def end_rest(self) -> None:
        """Wake up the reader if it rests, and wait until it has read."""
        ...

    def refresh_counters(self) -> None:
        """Update the counts that only the system knows, such as the kernel's drops."""
        ...

    def warn_of_losses(self) -> None:
        """Log one WARNING for each cause of loss since the last call."""
        ...

    def close(self) -> None:
        """Close the socket of a listener whose `receive` was never called."""
        ...
