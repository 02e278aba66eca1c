"""Who sent a packet: credentials that the kernel vouches for, and their container."""

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from statsd_trio.transports.packet import Origin

# struct ucred of Linux.
_UCRED: Final = struct.Struct("=3i")

CREDENTIAL_BYTES: Final = _UCRED.size

# Room for one credential: SCM_RIGHTS after it finds none, so that the kernel closes
# the descriptors that a client passes instead of giving them to us.
CREDENTIAL_SPACE: Final = 32

# How long a process is taken to stay in its container, and to be the same process.
# Source: datadog-agent, comp/dogstatsd/listeners/uds_linux.go (one minute).
CONTAINER_LIFETIME_SECONDS: Final = 60.0

# The last part of a cgroup's path: 64 hexadecimal digits (Docker, containerd, CRI-O),
# a task's 32 and a number (ECS), or a UUID (Garden); runtimes add a prefix such as
# `docker-` and systemd a suffix.
_CONTAINER_ID: Final = re.compile(
    r"""(?:[0-9a-f]{64}
        |[0-9a-f]{32}-[0-9]+
        |[0-9a-f]{8}(?:-[0-9a-f]{4}){4,5})
        (?:\.scope)?$""",
    re.VERBOSE,
)


class Credentials(NamedTuple):
    """A process as the kernel knows it; pid 0 is one of another pid namespace."""

    pid: int
    uid: int
    gid: int


def unpack_credentials(raw: bytes) -> Credentials | None:
    """Read what SCM_CREDENTIALS or SO_PEERCRED gave; None if it is not that."""
    return Credentials(*_UCRED.unpack(raw)) if len(raw) == _UCRED.size else None


def identify_process(
    transport: str,
    listener: str,
    credentials: Credentials | None,
    resolve_container: Callable[[int], str | None] | None = None,
) -> Origin:
    """Make the origin of a local process, with its container if it is asked for."""
    if credentials is None or credentials.pid == 0:
        # The Agent takes such packets too, without an origin.
        return Origin(transport, listener)
    pid, uid, gid = credentials
    container_id = resolve_container(pid) if resolve_container else None
    return Origin(transport, listener, f"pid {pid}", pid, uid, gid, container_id)


def parse_container_id(cgroup: str) -> str | None:
    """Find the container in the text of a /proc/PID/cgroup, of version 1 or 2.

    Each line is ``hierarchy:controllers:path``; every hierarchy of a container names
    the same one, so the first that is found is it.
    """
    for line in cgroup.splitlines():
        path = line.rpartition(":")[2]
        found = _CONTAINER_ID.search(path)
        if found:
            return found[0].removesuffix(".scope")
    return None


def read_container_id(pid: int, proc: Path = Path("/proc")) -> str | None:
    """Look up the container of *pid*; None if it has none or it is gone.

    Blocks no longer than procfs does; who calls it keeps the answer.
    """
    try:
        cgroup = (proc / str(pid) / "cgroup").read_text("ascii", "replace")
    except OSError:
        return None
    return parse_container_id(cgroup)
