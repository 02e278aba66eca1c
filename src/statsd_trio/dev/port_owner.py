"""Which process has a UDP port: what Linux tells of it in ``/proc``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_TABLES: Final = ("net/udp", "net/udp6")
_SHOWN_CHARACTERS: Final = 100


class PortOwner(NamedTuple):
    """A process that has a port.

    Attributes:
        command: its command line, as far as it may be read.
    """

    pid: int
    command: str


def find_udp_owner(port: int, proc: Path = Path("/proc")) -> PortOwner | None:
    """Return who has the UDP port *port*; None where the system does not tell.

    It does not tell who may not look into that process, and only Linux tells.
    """
    inodes = {f"socket:[{inode}]" for inode in _list_inodes(port, proc)}
    if not inodes:
        return None
    for process in proc.glob("[0-9]*"):
        try:
            if any(
                str(each.readlink()) in inodes for each in (process / "fd").iterdir()
            ):
                return PortOwner(int(process.name), _read_command(process))
        except OSError:
            # It is another user's, or has just ended.
            continue
    return None


def _list_inodes(port: int, proc: Path) -> Iterator[str]:
    """Yield the inodes of the sockets that are bound to *port*.

    Source: Linux, Documentation/networking/proc_net_tcp.rst: the second column is
    address and port in hexadecimal, the tenth is the inode.
    """
    for table in _TABLES:
        try:
            rows = (proc / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            columns = row.split()
            if len(columns) > 9 and columns[1].rpartition(":")[2] == f"{port:04X}":
                yield columns[9]


def _read_command(process: Path) -> str:
    raw = (process / "cmdline").read_bytes()
    command = raw.replace(b"\0", b" ").decode(errors="backslashreplace").strip()
    if not command:
        command = (process / "comm").read_text(errors="backslashreplace").strip()
    return command[:_SHOWN_CHARACTERS]
