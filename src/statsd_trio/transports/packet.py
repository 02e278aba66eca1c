"""What a transport hands on: a packet, and where it came from."""

from typing import NamedTuple


class Origin(NamedTuple):
    """Where a packet came from.

    Attributes:
        transport: ``udp``, ``unixgram``, ``unixstream``, ``tcp``, ``pipe`` or
            ``inproc``.
        listener: the name of the listener, as in the ledger.
        sender: the peer as text for a person, such as ``127.0.0.1:40112`` or
            ``pid 812``; "" where the transport does not know.
        pid: the sender's process on this machine, where credentials were passed.
        uid: its user.
        gid: its group.
        container_id: what *pid* resolved to, where that was asked for.
    """

    transport: str
    listener: str
    sender: str = ""
    pid: int | None = None
    uid: int | None = None
    gid: int | None = None
    container_id: str | None = None


class Packet(NamedTuple):
    """One datagram, or one frame of a stream: newline separated lines.

    A named tuple, because one is made for each packet on the hot path.

    Attributes:
        data: at most the configured buffer size, cut to it where *is_truncated*.
        origin: shared by the packets of one sender.
        is_truncated: the sender's packet was longer, so its last line is cut.
    """

    data: bytes
    origin: Origin
    is_truncated: bool = False
