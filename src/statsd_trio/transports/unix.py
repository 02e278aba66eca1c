"""Receive datagrams or frames from Unix sockets."""

import math
import socket
import sys
from collections.abc import Hashable
from functools import partial
from pathlib import Path
from typing import Final

from statsd_trio.counters import ListenerCounters
from statsd_trio.transports.buffer import PACKET_OVERHEAD_BYTES
from statsd_trio.transports.datagram import DatagramReader, DrainLimit
from statsd_trio.transports.framing import FrameFramer
from statsd_trio.transports.losses import Losses
from statsd_trio.transports.origin import (
    CONTAINER_LIFETIME_SECONDS,
    CREDENTIAL_BYTES,
    CREDENTIAL_SPACE,
    identify_process,
    read_container_id,
    unpack_credentials,
)
from statsd_trio.transports.pacing import ReadingPace
from statsd_trio.transports.packet import Origin
from statsd_trio.transports.packet_queue import PacketSendChannel
from statsd_trio.transports.receiving import (
    ManyAtOnce,
    NativeReceive,
    OneByOne,
    ReceiveMany,
)
from statsd_trio.transports.stream import StreamListener
from statsd_trio.transports.unix_path import OwnedPath, bind_path

# How many datagrams a socket holds, however large its buffer is; then senders wait.
_QUEUE_LENGTH_FILE: Final = Path("/proc/sys/net/unix/max_dgram_qlen")


class UnixDatagramListener:
    """One bound Unix datagram socket.

    Args:
        sock: a bound socket, owned from now on.
        path: the path to remove at the end; None for a socket that was handed in.
        max_rest_seconds: how long the reader may rest between two readings.
        native_receive: reads many datagrams at once; None to read one by one.
        detects_containers: whether to look up the container of each sender.

    Attributes:
        address: the path that the socket is bound to.
        counters: the counts so far; the kernel drops nothing here, because senders
            wait.
    """

    def __init__(
        self,
        sock: socket.socket,
        path: OwnedPath | None = None,
        *,
        buffer_size: int,
        max_rest_seconds: float = 0,
        native_receive: NativeReceive | None = None,
        detects_containers: bool = False,
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._path = path
        self.address = str(path or sock.getsockname())
        self.counters = ListenerCounters(f"unixgram://{self.address}")
        self._losses = Losses(self.counters)
        self._detects_containers = detects_containers
        self._reader = DatagramReader[Hashable](
            sock,
            buffer_size=buffer_size,
            losses=self._losses,
            receive_many=_choose_receive(sock, buffer_size + 1, native_receive),
            identify=self._identify,
            begin_stop=self._begin_stop,
            pace=ReadingPace(
                # If the length of the queue is unknown, the reader does not rest.
                capacity=_read_queue_length() or 0,
                packet_cost=1,
                byte_cost=0,
                max_rest_seconds=max_rest_seconds,
            ),
            origin_lifetime_seconds=(
                CONTAINER_LIFETIME_SECONDS if detects_containers else math.inf
            ),
        )

    async def receive(self, channel: PacketSendChannel) -> None:
        """Feed *channel* until cancelled, then read what waits and close."""
        try:
            await self._reader.receive(channel)
        finally:
            self.close()

    async def end_rest(self) -> None:
        """Wake up the reader if it rests, and wait until it has read."""
        await self._reader.end_rest()

    def refresh_counters(self) -> None:
        """Do nothing: senders wait, so the system has no counts of its own."""

    def warn_of_losses(self) -> None:
        """Log one WARNING for each cause of loss since the last call."""
        self._losses.warn()

    def close(self) -> None:
        """Close the socket, and remove the path if it is still this server's."""
        if self._path is not None:
            self._path.remove()
        self._sock.close()

    def _identify(self, sender: Hashable) -> Origin:
        credentials = unpack_credentials(sender) if isinstance(sender, bytes) else None
        return identify_process(
            "unixgram",
            self.counters.name,
            credentials,
            read_container_id if self._detects_containers else None,
        )

    def _begin_stop(self) -> DrainLimit:
        is_handed_in = self._path is None
        if self._path is not None:
            # From here on senders get EPIPE, so none believes that something was
            # delivered which nobody will read. What was sent before can still be read
            # completely.
            self._path.remove()
            if sys.platform == "linux":
                # Other systems throw away what waits in the socket.
                self._sock.shutdown(socket.SHUT_RD)
                return DrainLimit()
        # A socket that was handed in is also held by somebody else.
        packets = _read_queue_length()
        if packets is not None:
            # What waits is charged to its senders, so only the number of datagrams is
            # known.
            return DrainLimit(packets=packets, leaves_rest=is_handed_in)
        return DrainLimit(
            bytes=self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
            overhead_bytes=PACKET_OVERHEAD_BYTES,
            leaves_rest=is_handed_in,
        )


def _read_queue_length() -> int | None:
    """Return how many datagrams a socket holds; None if their number is not limited."""
    try:
        # The kernel accepts one more than its limit.
        return int(_QUEUE_LENGTH_FILE.read_text("ascii")) + 1
    except (OSError, ValueError):
        return None


def _choose_receive(
    sock: socket.socket, max_bytes: int, native_receive: NativeReceive | None
) -> ReceiveMany[Hashable]:
    """Have the kernel name the sender of each datagram, if it can."""
    if sys.platform != "linux":
        return OneByOne(sock.recvfrom, max_bytes)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    if native_receive is not None:
        return ManyAtOnce(sock, native_receive, max_bytes, CREDENTIAL_SPACE)
    recvmsg = sock.recvmsg

    def read_with_credentials(size: int) -> tuple[bytes, Hashable]:
        data, ancillary, _, _ = recvmsg(size, CREDENTIAL_SPACE)
        return data, ancillary[0][2] if ancillary else b""

    return OneByOne(read_with_credentials, max_bytes)


def bind_unix_datagram(
    path: str,
    *,
    buffer_size: int,
    max_rest_seconds: float = 0,
    native_receive: NativeReceive | None = None,
    detects_containers: bool = False,
) -> UnixDatagramListener:
    """Bind a datagram socket to *path*.

    Raises:
        OSError: as `bind_path`.
    """
    sock, bound = bind_path(path, socket.SOCK_DGRAM)
    return UnixDatagramListener(
        sock,
        bound,
        buffer_size=buffer_size,
        max_rest_seconds=max_rest_seconds,
        native_receive=native_receive,
        detects_containers=detects_containers,
    )


def open_unix_stream_listener(
    sock: socket.socket,
    path: OwnedPath | None = None,
    *,
    buffer_size: int,
    max_connections: int,
    frame_timeout_seconds: float,
    detects_containers: bool = False,
) -> StreamListener:
    """Make a listener of *sock*, which already listens; the listener owns it.

    Without *path* the socket was handed in, and somebody else also has it.
    """
    address = str(path or sock.getsockname())
    counters = ListenerCounters(f"unixstream://{address}")

    def identify(peer: socket.socket) -> Origin:
        credentials = None
        if sys.platform == "linux":
            credentials = unpack_credentials(
                peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIAL_BYTES)
            )
        return identify_process(
            "unixstream",
            counters.name,
            credentials,
            read_container_id if detects_containers else None,
        )

    return StreamListener(
        sock,
        address=address,
        counters=counters,
        make_framer=partial(FrameFramer, buffer_size),
        identify=identify,
        max_connections=max_connections,
        frame_timeout_seconds=frame_timeout_seconds,
        path=path,
        is_handed_in=path is None,
    )


def bind_unix_stream(
    path: str,
    *,
    buffer_size: int,
    max_connections: int,
    frame_timeout_seconds: float,
    detects_containers: bool = False,
) -> StreamListener:
    """Bind a stream socket to *path*.

    Raises:
        OSError: as `bind_path`.
    """
    sock, bound = bind_path(path, socket.SOCK_STREAM)
    return open_unix_stream_listener(
        sock,
        bound,
        buffer_size=buffer_size,
        max_connections=max_connections,
        frame_timeout_seconds=frame_timeout_seconds,
        detects_containers=detects_containers,
    )
