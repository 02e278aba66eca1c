"""Addresses as people and systemd write them: text in, what a socket takes out."""

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

Transport = Literal["udp", "unixgram", "unixstream", "tcp", "pipe"]

# `unix` is a datagram socket, as in the URLs of the Datadog clients.
_SCHEMES: Final[Mapping[str, Transport]] = {
    "udp": "udp",
    "unix": "unixgram",
    "unixgram": "unixgram",
    "unixstream": "unixstream",
    "tcp": "tcp",
    "pipe": "pipe",
}
_DEFAULT_PORT: Final = 8125
_PORT: Final = re.compile(r":?[0-9]{1,5}/?")
_HOST_PORT: Final = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+))(?::([0-9]{1,5}))?/?")

# Source: sd_listen_fds(3).
_FIRST_DESCRIPTOR: Final = 3
_MAX_DESCRIPTORS: Final = 4096


class Address(NamedTuple):
    """Where to send: host and port for udp and tcp, a path for the others."""

    transport: Transport
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        where = self.path or format_host_port(self.host, self.port)
        return f"{self.transport}://{where}"


class InheritedDescriptor(NamedTuple):
    """A descriptor that systemd opened, and its name; "" if it has none."""

    number: int
    name: str


def format_host_port(host: str, port: int) -> str:
    """Write *host* and *port* as in a URL, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_address(text: str) -> Address:
    r"""Read a URL such as ``udp://localhost:8125`` or ``unix:///run/dsd.socket``.

    ``host:port`` alone is UDP, a path that starts with ``/`` a Unix datagram socket
    and one with ``\\.\pipe\`` a named pipe. A port left out is 8125, and a host left
    out, as in ``9125`` or ``tcp://:9125``, is ``localhost``.

    Raises:
        ValueError: if it is none of these; the message says what is wrong with it.
    """
    scheme, separator, rest = text.partition("://")
    if not separator:
        rest = text
        scheme = "udp"
        if text.startswith("/"):
            scheme = "unix"
        elif text.startswith("\\\\"):
            scheme = "pipe"
    transport = _SCHEMES.get(scheme.lower())
    if transport is None:
        raise ValueError(f"{text!r}: {scheme} is none of {', '.join(_SCHEMES)}")
    if transport not in {"udp", "tcp"}:
        if not rest or "\0" in rest:
            raise ValueError(f"{text!r}: it names no path")
        return Address(transport, path=rest)
    if _PORT.fullmatch(rest):
        rest = f"localhost:{rest.lstrip(':')}"
    found = _HOST_PORT.fullmatch(rest)
    if found is None:
        raise ValueError(f"{text!r}: expected HOST:PORT, an IPv6 host in brackets")
    port = int(found[3] or _DEFAULT_PORT)
    if not 0 < port < 65536:
        raise ValueError(f"{text!r}: a port is from 1 to 65535")
    return Address(transport, host=found[1] or found[2], port=port)


def parse_listen_fds(
    environ: Mapping[str, str], pid: int
) -> tuple[InheritedDescriptor, ...]:
    """Tell which descriptors systemd opened for the process *pid*.

    None where LISTEN_PID is another process: the variables were inherited too.

    Raises:
        ValueError: if LISTEN_FDS or LISTEN_PID is no number.

    Source: sd_listen_fds(3).
    """
    count_text, pid_text = environ.get("LISTEN_FDS"), environ.get("LISTEN_PID")
    if not count_text or not pid_text:
        return ()
    for name, text in (("LISTEN_PID", pid_text), ("LISTEN_FDS", count_text)):
        if not (text.isascii() and text.isdigit() and len(text) <= 10):
            raise ValueError(f"{name}: {text!r} is not a number")
    if int(pid_text) != pid:
        return ()
    count = int(count_text)
    if count > _MAX_DESCRIPTORS:
        raise ValueError(f"LISTEN_FDS: {count} descriptors are not to be believed")
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    names += [""] * (count - len(names))
    return tuple(
        InheritedDescriptor(_FIRST_DESCRIPTOR + index, names[index])
        for index in range(count)
    )
