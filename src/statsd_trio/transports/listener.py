"""What every transport offers: a bound listener that feeds the channel."""

from typing import Protocol

import trio

from statsd_trio.ledger import ListenerCounters
from statsd_trio.transports.packet import Packet


class Listener(Protocol):
    """A bound socket (or pipe) and the counts of what came in."""

    @property
    def address(self) -> object:
        """What a client gives its socket: ``(host, port)`` or a path."""
        ...

    @property
    def counters(self) -> ListenerCounters:
        """Counts, filled while receiving."""
        ...

    async def receive(self, channel: trio.MemorySendChannel[Packet]) -> None:
        """Feed *channel* until cancelled, then take what waits and close it.

        When the channel is full it waits, shielded: a packet once taken is held
        until it is queued. Closes *channel* and itself in every case.
        """
        ...

    def refresh_counters(self) -> None:
        """Ask the system for what only it knows, such as the kernel's drops."""
        ...

    def close(self) -> None:
        """Release the socket; for a listener whose `receive` never ran."""
        ...
