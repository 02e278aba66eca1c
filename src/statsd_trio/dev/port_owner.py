"""Find the process that has a port, from Linux's ``/proc``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

# The state of a socket that listens for connections.
_LISTENING: Final = "0A"
_SHOWN_CHARACTERS: Final = 100


class PortOwner(NamedTuple):
    """A process that has a port.

    Attributes:
        command: its command line, as far as it may be read.
    """

    pid: int
    command: str


def find_port_owner(
    port: int, protocol: Literal["tcp", "udp"], proc: Path = Path("/proc")
) -> PortOwner | None:
    """Return the process that has bound *port*, or listens on it.

    This is None if the system does not say. Only Linux does, and only to the user of
    that process and to root.
    """
    inodes = {f"socket:[{inode}]" for inode in _list_inodes(port, protocol, proc)}
    if not inodes:
        return None
    for process in proc.glob("[0-9]*"):
        try:
            if any(
                str(each.readlink()) in inodes for each in (process / "fd").iterdir()
            ):
                return PortOwner(int(process.name), _read_command(process))
        except OSError:
            # It belongs to another user, or has just ended.
            continue
    return None


def _list_inodes(port: int, protocol: str, proc: Path) -> Iterator[str]:
    """Yield the inodes of the sockets that are bound to *port*, or listen on it.

    Source: Linux, Documentation/networking/proc_net_tcp.rst: the second column is
    address and port in hexadecimal, the fourth is the state, the tenth is the inode.
    """
    for table in (protocol, f"{protocol}6"):
        try:
            rows = (proc / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            columns = row.split()
            if len(columns) <= 9 or columns[1].rpartition(":")[2] != f"{port:04X}":
                continue
            # A connection to the port has the same port number.
            if protocol == "udp" or columns[3] == _LISTENING:
                yield columns[9]


def _read_command(process: Path) -> str:
    raw = (process / "cmdline").read_bytes()
    command = raw.replace(b"\0", b" ").decode(errors="backslashreplace").strip()
    if not command:
        command = (process / "comm").read_text(errors="backslashreplace").strip()
    return command[:_SHOWN_CHARACTERS]
