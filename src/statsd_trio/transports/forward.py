"""Forward packets unchanged to another server over UDP, without ever waiting."""

import logging
import socket
from contextlib import ExitStack
from typing import Final

import trio

from statsd_trio.counters import ForwardCounters
from statsd_trio.errors import describe_os_error
from statsd_trio.transports.addresses import format_host_port

logger = logging.getLogger(__name__)

_SEND_BUFFER_BYTES: Final = 1024 * 1024


class Forwarder:
    """Sends packets to one address; failures are counted and never raised.

    Args:
        sock: connected and non-blocking, owned from now on; None if the address could
            not be found, in which case every packet counts as refused.

    Attributes:
        counters: how many packets were forwarded, and refused by reason.
    """

    def __init__(self, sock: socket.socket | None, counters: ForwardCounters) -> None:
        self._sock = sock
        self.counters = counters

    def forward_nowait(self, data: bytes) -> None:
        """Send *data*, or count why it could not be sent."""
        counters = self.counters
        if self._sock is None:
            counters.refused["not_connected"] += 1
            return
        try:
            try:
                self._sock.send(data)
            except ConnectionRefusedError:
                # The error answers an earlier packet, and was reported instead of
                # sending this one.
                counters.bounced += 1
                self._sock.send(data)
        except BlockingIOError:
            counters.refused["buffer_full"] += 1
        except OSError as error:
            counters.refused[error.strerror or type(error).__name__] += 1
        else:
            counters.packets += 1
            counters.bytes += len(data)

    def close(self) -> None:
        """Close the socket; packets forwarded after that count as refused."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None


async def open_forwarder(host: str, port: int) -> Forwarder:
    """Connect to the first address of *host* that accepts it.

    If there is none, this is logged as an error and every packet counts as refused. The
    server still receives and delivers metrics.
    """
    counters = ForwardCounters(f"udp://{format_host_port(host, port)}")
    sock: socket.socket | None = None
    failure: OSError | None = None
    try:
        found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except OSError as error:
        found, failure = [], error
    for family, kind, protocol, _, address in found:
        try:
            sock = _connect(family, kind, protocol, address)
        except OSError as error:
            failure = error
        else:
            break
    if sock is None:
        reason = "no address" if failure is None else describe_os_error(failure)
        logger.error(
            "not forwarding to %s: %s. Check forward_host and forward_port.",
            counters.name,
            reason,
        )
    return Forwarder(sock, counters)


def _connect(
    family: socket.AddressFamily,
    kind: socket.SocketKind,
    protocol: int,
    address: tuple[object, ...],
) -> socket.socket:
    with ExitStack() as stack:
        sock = stack.enter_context(socket.socket(family, kind, protocol))
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        sock.connect(address)
        stack.pop_all()
    return sock
