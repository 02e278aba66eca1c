"""Parse addresses as people write them into what a socket needs."""

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


class Address(NamedTuple):
    """Where to send: host and port for UDP and TCP, a path for the other schemes."""

    transport: Transport
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        where = self.path or format_host_port(self.host, self.port)
        # People write `unix`, as the Datadog clients do.
        scheme = "unix" if self.transport == "unixgram" else self.transport
        return f"{scheme}://{where}"


def format_host_port(host: str, port: int) -> str:
    """Return *host* and *port* as in a URL, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_address(text: str) -> Address:
    r"""Parse a URL such as ``udp://localhost:8125`` or ``unix:///run/dsd.socket``.

    ``host:port`` alone means UDP, a path that starts with ``/`` a Unix datagram socket,
    and a path that starts with ``\\.\pipe\`` a named pipe. Without a port it is 8125,
    and without a host, as in ``9125`` or ``tcp://:9125``, it is ``localhost``.

    Raises:
        ValueError: if *text* is not an address; the message says what is wrong.
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
        raise ValueError(f"{text!r}: {scheme} must be one of {', '.join(_SCHEMES)}")
    if transport not in {"udp", "tcp"}:
        if not rest or "\0" in rest:
            raise ValueError(f"{text!r}: it has no path")
        return Address(transport, path=rest)
    if _PORT.fullmatch(rest):
        rest = f"localhost:{rest.lstrip(':')}"
    found = _HOST_PORT.fullmatch(rest)
    if found is None:
        raise ValueError(f"{text!r}: expected HOST:PORT, an IPv6 host in brackets")
    port = int(found[3] or _DEFAULT_PORT)
    if not 0 < port < 65536:
        raise ValueError(f"{text!r}: a port must be from 1 to 65535")
    return Address(transport, host=found[1] or found[2], port=port)
