"""Bind a socket to each address that a name resolves to."""

import errno
import ipaddress
import logging
import os
import socket
import sys
from contextlib import ExitStack
from typing import Final

import trio

from statsd_trio.transports.addresses import format_host_port

logger = logging.getLogger(__name__)

# The name resolves to the address, but this machine lacks the address or its family.
_LACKING_ERRNOS: Final = frozenset(
    {
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
        errno.EPROTONOSUPPORT,
        10047,  # WSAEAFNOSUPPORT
        10049,  # WSAEADDRNOTAVAIL
    }
)

# A port that is free on one address may be taken on the next one.
_MAX_PORT_TRIES: Final = 16

# How many connections may wait to be accepted; the system cuts this to its own limit.
LISTEN_BACKLOG: Final = 1024

_Address = tuple[socket.AddressFamily, tuple[str | int | bytes, ...]]


async def bind_name(
    host: str,
    port: int,
    kind: socket.SocketKind,
    *,
    scheme: str,
    non_local_traffic: bool = False,
) -> list[socket.socket]:
    """Bind every address that *host* resolves to; stream sockets also listen.

    With *non_local_traffic*, or if *host* is a wildcard, every address of the machine
    is bound instead: both ``0.0.0.0`` and ``::`` stand for all addresses of both
    families, as they do for Go's ``net.ListenUDP("udp", ...)``. With port 0, one free
    port is used for all of them.

    Args:
        host: a name or an address.
        port: 0 picks a free port.
        kind: the kind of the sockets.
        scheme: the scheme shown in the log and in errors, as in
            ``udp://127.0.0.1:8125``.
        non_local_traffic: whether to ignore *host* and bind every address.

    Raises:
        OSError: if an address is taken or forbidden, or the machine has none of them.
            No socket stays open then.

    Source: Go, net/ipsock_posix.go, favoriteAddrFamily.
    """
    addresses = await _resolve(None if non_local_traffic else host, port, kind)
    is_wildcard = any(map(_is_wildcard, addresses))
    if is_wildcard and not non_local_traffic:
        addresses = await _resolve(None, port, kind)
    # If nobody asked for IPv6, a machine without it is not worth a warning.
    level = logging.INFO if is_wildcard else logging.WARNING
    tries = _MAX_PORT_TRIES if port == 0 else 1
    while True:
        tries -= 1
        try:
            return _bind_each(addresses, kind, scheme, level)
        except OSError as error:
            if not (tries and error.errno == errno.EADDRINUSE):
                raise


async def _resolve(
    host: str | None, port: int, kind: socket.SocketKind
) -> list[_Address]:
    """Return each address of *host*, or of the whole machine if it is None."""
    try:
        found = await trio.socket.getaddrinfo(
            host, port, type=kind, flags=socket.AI_PASSIVE
        )
    except socket.gaierror as error:
        raise OSError(
            errno.EADDRNOTAVAIL, f"cannot resolve {host!r}: {error.strerror}"
        ) from error
    # The hosts file may contain a name more than once.
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _is_wildcard(address: _Address) -> bool:
    host, _, zone = str(address[1][0]).partition("%")
    return not zone and ipaddress.ip_address(host).is_unspecified


def _bind_each(
    addresses: list[_Address], kind: socket.SocketKind, scheme: str, level: int
) -> list[socket.socket]:
    bound: list[socket.socket] = []
    lacking: OSError | None = None
    with ExitStack() as stack:
        for family, address in addresses:
            host, port, *scope = address
            if port == 0 and bound:
                port = bound[0].getsockname()[1]
            try:
                sock = _bind(family, (host, port, *scope), kind)
            except OSError as error:
                where = f"{scheme}://{format_host_port(str(host), int(port))}"
                number = error.errno or 0
                lacking = OSError(number, f"cannot listen on {where}: {_why(error)}")
                if number not in _LACKING_ERRNOS:
                    raise lacking from error
                logger.log(level, "not listening on %s: %s", where, _why(error))
            else:
                bound.append(stack.enter_context(sock))
        stack.pop_all()
    if not bound and lacking is not None:
        raise lacking
    return bound


def _bind(
    family: socket.AddressFamily, address: tuple[object, ...], kind: int
) -> socket.socket:
    with ExitStack() as stack:
        sock = stack.enter_context(socket.socket(family, kind))
        if family == socket.AF_INET6:
            # The IPv4 addresses get sockets of their own, on the same port.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if sys.platform == "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        elif kind == socket.SOCK_STREAM:
            # Otherwise a restart would have to wait until the connections of the last
            # run expire.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind(address)
        if kind == socket.SOCK_STREAM:
            sock.listen(LISTEN_BACKLOG)
        stack.pop_all()
    return sock


def _why(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
