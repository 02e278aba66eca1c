"""What every transport offers: a bound listener that feeds the channel."""

from typing import Protocol

from statsd_trio.counters import ListenerCounters
from statsd_trio.transports.packet_queue import PacketSendChannel

# What a client gives its socket: ``(host, port)``, or a path.
BoundAddress = tuple[str, int] | str


class Listener(Protocol):
    """A bound socket (or pipe) and the counts of what came in."""

    @property
    def address(self) -> BoundAddress:
        """What a client gives its socket: ``(host, port)`` or a path."""
        ...

    @property
    def counters(self) -> ListenerCounters:
        """Counts, filled while receiving."""
        ...

    async def receive(self, channel: PacketSendChannel) -> None:
        """Feed *channel* until cancelled, then take what waits and close it.

        Where the channel has no room it waits, and holds nothing that has no place.
        Closes *channel* and itself in every case.
        """
        ...

    async def end_rest(self) -> None:
        """Have a reader that rests read at once, and wait until it has."""
        ...

    def refresh_counters(self) -> None:
        """Ask the system for what only it knows, such as the kernel's drops."""
        ...

    def warn_of_losses(self) -> None:
        """Log one WARNING for each cause of a loss since the last call."""
        ...

    def close(self) -> None:
        """Release the socket; for a listener whose `receive` never ran."""
        ...
