"""Reject the last line of a packet if it may be incomplete."""

from collections.abc import Callable
from typing import Final

from statsd_trio.errors import ParseError, Reason
from statsd_trio.transports.packet import Origin, Packet

# The Agent's name for each transport, as used in `eol_required`.
_AGENT_TRANSPORTS: Final = {
    "udp": "udp",
    "unixgram": "uds",
    "unixstream": "uds",
    "pipe": "named_pipe",
}

_UNPARSED: Final = {
    Reason.TRUNCATED: (
        "the packet is longer than the server's buffer_size, so its last line is cut; "
        "send smaller packets or raise buffer_size"
    ),
    Reason.UNTERMINATED: (
        "the last line of the packet lacks its newline, which eol_required asks for "
        "on this transport"
    ),
}


class LastLine:
    """Rejects the last line of a packet if it may be incomplete."""

    def __init__(
        self,
        eol_required: frozenset[str],
        reject: Callable[[ParseError, bytes, Origin], None],
    ) -> None:
        """Reject nothing yet.

        Args:
            eol_required: as for `Ingest`.
            reject: called with what is wrong with a line, the line, and its origin.
        """
        self._eol_required = eol_required
        self._reject = reject

    def cut_off(self, packet: Packet) -> bytes:
        """Return the data of *packet* without a last line that must be rejected."""
        if packet.is_truncated:
            reason = Reason.TRUNCATED
        elif (
            _AGENT_TRANSPORTS.get(packet.origin.transport) in self._eol_required
            and packet.data[-1:] != b"\n"
            and packet.data
        ):
            reason = Reason.UNTERMINATED
        else:
            return packet.data
        end = packet.data.rfind(b"\n") + 1
        last = packet.data[end:]
        error = ParseError(reason, len(last), _UNPARSED[reason])
        self._reject(error, last, packet.origin)
        return packet.data[:end]
