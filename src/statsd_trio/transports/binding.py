"""A name in, a socket bound to each address that it resolves to out."""

import errno
import logging
import os
import socket
import sys
from typing import Final

import trio

from statsd_trio.transports.addresses import format_host_port

logger = logging.getLogger(__name__)

# The name resolves to it, but this machine has no such address or no such family.
_LACKING_ERRNOS: Final = frozenset(
    {
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
        errno.EPROTONOSUPPORT,
        10047,  # WSAEAFNOSUPPORT
        10049,  # WSAEADDRNOTAVAIL
    }
)

# A number that is free on one address may be taken on the next.
_MAX_PORT_TRIES: Final = 16

# How many connections may wait to be accepted; the system cuts it to its own limit.
LISTEN_BACKLOG: Final = 1024

_Address = tuple[socket.AddressFamily, tuple[str | int | bytes, ...]]


async def bind_name(
    host: str,
    port: int,
    kind: socket.SocketKind,
    *,
    non_local_traffic: bool = False,
) -> list[socket.socket]:
    """Bind every address that *host* resolves to; streams listen.

    With *non_local_traffic* every address of the machine takes the place of *host*;
    with port 0 one free number serves all of them.

    Raises:
        OSError: if an address is taken or forbidden, or the machine has none of
            them; nothing stays bound.
    """
    try:
        found = await trio.socket.getaddrinfo(
            None if non_local_traffic else host,
            port,
            type=kind,
            flags=socket.AI_PASSIVE,
        )
    except socket.gaierror as error:
        raise OSError(
            errno.EADDRNOTAVAIL, f"cannot resolve {host!r}: {error.strerror}"
        ) from error
    # A name may stand in the hosts file more than once.
    addresses: list[_Address] = list(
        dict.fromkeys((family, address) for family, _, _, _, address in found)
    )
    tries = _MAX_PORT_TRIES if port == 0 else 1
    while True:
        tries -= 1
        try:
            return _bind_each(addresses, kind)
        except OSError as error:
            if not (tries and error.errno == errno.EADDRINUSE):
                raise


def _bind_each(
    addresses: list[_Address], kind: socket.SocketKind
) -> list[socket.socket]:
    bound: list[socket.socket] = []
    lacking: OSError | None = None
    try:
        for family, address in addresses:
            host, port, *scope = address
            if port == 0 and bound:
                port = bound[0].getsockname()[1]
            try:
                bound.append(_bind(family, (host, port, *scope), kind))
            except OSError as error:
                where = _describe(str(host), int(port), kind)
                number = error.errno or 0
                lacking = OSError(number, f"cannot listen on {where}: {_why(error)}")
                if number not in _LACKING_ERRNOS:
                    raise lacking from error
                logger.warning("not listening on %s: %s", where, _why(error))
    except BaseException:
        for sock in bound:
            sock.close()
        raise
    if not bound and lacking is not None:
        raise lacking
    return bound


def _bind(
    family: socket.AddressFamily, address: tuple[object, ...], kind: int
) -> socket.socket:
    sock = socket.socket(family, kind)
    try:
        if family == socket.AF_INET6:
            # The IPv4 addresses have sockets of their own, on the same port.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if sys.platform == "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        elif kind == socket.SOCK_STREAM:
            # Else a restart waits for the connections of the last run to expire.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind(address)
        if kind == socket.SOCK_STREAM:
            sock.listen(LISTEN_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _describe(host: str, port: int, kind: int) -> str:
    scheme = "tcp" if kind == socket.SOCK_STREAM else "udp"
    return f"{scheme}://{format_host_port(host, port)}"


def _why(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
