"""What a transport hands on: packets, and where they came from."""

from typing import NamedTuple


class Origin(NamedTuple):
    """Where a packet came from.

    Attributes:
        transport: ``udp``, ``unixgram``, ``unixstream``, ``tcp``, ``pipe`` or
            ``inproc``.
        listener: the name of the listener, as in the ledger.
        sender: the peer as text for people, such as ``127.0.0.1:40112`` or ``pid 812``;
            "" if the transport does not know it.
        pid: the sender's process on this machine, if credentials were passed.
        uid: the user of that process.
        gid: the group of that process.
        container_id: the container of that process, if it was looked up.
    """

    transport: str
    listener: str
    sender: str = ""
    pid: int | None = None
    uid: int | None = None
    gid: int | None = None
    container_id: str | None = None


class Packet(NamedTuple):
    """One datagram, or one frame of a stream: lines separated by newlines.

    This is a named tuple because one is made for each packet on the hot path.

    Attributes:
        data: at most as many bytes as the configured buffer size.
        origin: shared by the packets of one sender.
        is_truncated: whether the packet was longer than the buffer size, so that its
            last line is cut.
    """

    data: bytes
    origin: Origin
    is_truncated: bool = False
