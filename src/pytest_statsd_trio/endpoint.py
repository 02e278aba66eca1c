"""Where a server listens: its bound addresses in, what a client needs to know out."""

import contextlib
import itertools
import socket
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

import attrs


class SocketPaths(NamedTuple):
    """Where Unix sockets shall be; None where the system has none."""

    datagram: str | None
    stream: str | None


@attrs.frozen
class Endpoint:
    """The addresses of one server.

    Attributes:
        address: of UDP.
    """

    address: tuple[str, int]
    paths: SocketPaths

    @property
    def url(self) -> str:
        """The UDP address as ``DD_DOGSTATSD_URL`` has it."""
        return "udp://{}:{}".format(*self.address)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that clients read, with these addresses."""
        host, port = self.address
        return {
            "DD_AGENT_HOST": host,
            "DD_DOGSTATSD_PORT": str(port),
            "DD_DOGSTATSD_URL": self.url,
            "STATSD_HOST": host,
            "STATSD_PORT": str(port),
        }


@contextlib.contextmanager
def open_socket_folder() -> Generator[Iterator[SocketPaths]]:
    """Make a folder and yield ever new paths in it; the folder goes at the end.

    Its name is short, since a Unix socket's path may have about a hundred bytes,
    which pytest's ``tmp_path`` easily exceeds.
    """
    if not hasattr(socket, "AF_UNIX"):
        yield itertools.repeat(SocketPaths(None, None))
        return
    with tempfile.TemporaryDirectory(prefix="dogstatsd-") as name:
        folder = Path(name)
        yield (
            SocketPaths(
                str(folder / f"{number}.sock"), str(folder / f"{number}.stream")
            )
            for number in itertools.count(1)
        )
