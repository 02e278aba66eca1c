"""Count what a listener loses, and log it at most once per interval.

Each cause has a count in the ledger and, at most once per interval, a WARNING that
names the listener, the first sender if it is known, and what to do.
"""

import logging
from enum import StrEnum
from typing import Final

import attrs

from statsd_trio.counters import ListenerCounters
from statsd_trio.plural import describe_count
from statsd_trio.transports.packet import Origin

logger = logging.getLogger(__name__)


class Loss(StrEnum):
    """Why a packet, a part of a stream, or a connection was refused."""

    EMPTY_FRAME = "empty_frame"
    EVICTED_IDLE = "evicted_idle"
    FRAME_TIMEOUT = "frame_timeout"
    FRAME_TOO_LONG = "frame_too_long"
    HALF_FRAME = "half_frame"
    LINE_TOO_LONG = "line_too_long"
    NETWORK_ERROR = "network_error"
    OUT_OF_DESCRIPTORS = "out_of_descriptors"
    OUT_OF_MEMORY = "out_of_memory"
    STOP = "stop"


# For each cause: what happened, and what to do.
_EXPLAINED: Final = {
    Loss.EMPTY_FRAME: (
        "a frame of length 0 was left out",
        "A client that sends these is broken",
    ),
    Loss.EVICTED_IDLE: (
        "an idle connection was closed to make room for a new one",
        "Raise max_connections, or have clients close what they do not use",
    ),
    Loss.FRAME_TIMEOUT: (
        "a frame or a line did not arrive within frame_timeout_seconds, and is lost",
        "Clients must send a frame or a line whole",
    ),
    Loss.FRAME_TOO_LONG: (
        "a connection was closed because a frame or a line is longer than buffer_size",
        "Have clients send smaller packets, or raise buffer_size",
    ),
    Loss.HALF_FRAME: (
        "a stream ended in the middle of a frame or a line, which is lost",
        "Clients must send whole frames, and end every line with a newline",
    ),
    Loss.LINE_TOO_LONG: (
        "a line was left out because it is longer than buffer_size",
        "Have writers send shorter lines, or raise buffer_size",
    ),
    Loss.NETWORK_ERROR: (
        "the system reported an error of the network, or of one packet or connection",
        "A few are harmless",
    ),
    Loss.OUT_OF_DESCRIPTORS: (
        "no connection could be accepted for lack of descriptors",
        "Raise the limit of open files, or lower max_connections",
    ),
    Loss.OUT_OF_MEMORY: (
        "the system was short of memory for its network buffers",
        "Free some memory; what waits in the buffers is read after that",
    ),
    Loss.STOP: (
        "a packet, a frame or a line was not read before the server stopped",
        "Stop the clients first, or send less",
    ),
}
_KERNEL_DROPPED: Final = (
    "%s: the kernel dropped %s because its receive buffer (%s bytes) was full. "
    "Raise so_rcvbuf (on Linux net.core.rmem_max too), or send fewer, larger packets"
)


@attrs.define
class _Cause:
    count: int = 0
    first: str = ""


class Losses:
    """Counts the losses of one listener, and logs them sparingly.

    Attributes:
        counters: the counters of the listener.
    """

    def __init__(self, counters: ListenerCounters) -> None:
        self.counters = counters
        self._causes: dict[Loss, _Cause] = {}
        self._kernel_dropped = 0

    def count(
        self,
        loss: Loss,
        detail: str = "",
        *,
        origin: Origin | None = None,
        number: int = 1,
        size: int = 0,
    ) -> None:
        """Add *number* to the count of *loss*.

        Args:
            detail: a description; shown for the first loss of an interval.
            origin: the sender, if it is known.
            size: how many bytes of a stream were left out.
        """
        self.counters.dropped_bytes += size
        if not number:
            return
        self.counters.refused[loss.value] += number
        cause = self._causes.setdefault(loss, _Cause())
        if not cause.count:
            sender = origin.sender if origin is not None else ""
            cause.first = ": ".join(filter(None, (sender, detail)))
        cause.count += number
        logger.debug("%s: %s: %s: %s", self.counters.name, loss, origin, detail)

    def warn(self) -> None:
        """Log one WARNING for each cause of loss since the last call."""
        causes, self._causes = self._causes, {}
        for loss, cause in causes.items():
            what, advice = _EXPLAINED[loss]
            times = "once" if cause.count == 1 else f"{cause.count} times"
            first = f"The first: {cause.first}. " if cause.first else ""
            logger.warning(
                "%s: %s, %s: %s. %s%s",
                self.counters.name,
                loss,
                times,
                what,
                first,
                advice,
            )
        dropped = self.counters.kernel_dropped or 0
        if dropped > self._kernel_dropped:
            logger.warning(
                _KERNEL_DROPPED,
                self.counters.name,
                describe_count(dropped - self._kernel_dropped, "packet"),
                self.counters.granted_buffer_bytes,
            )
            self._kernel_dropped = dropped
