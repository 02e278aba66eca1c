"""Find out who sent a packet: kernel-verified credentials, and their container."""

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from statsd_trio.transports.packet import Origin

# Linux: struct ucred
_UCRED: Final = struct.Struct("=3i")

CREDENTIAL_BYTES: Final = _UCRED.size

# Room for one credential only. There is no room for SCM_RIGHTS after it, so the kernel
# closes descriptors that a client passes instead of giving them to us.
CREDENTIAL_SPACE: Final = 32

# How long a process id is assumed to be the same process in the same container. Source:
# datadog-agent, comp/dogstatsd/listeners/uds_linux.go (one minute).
CONTAINER_LIFETIME_SECONDS: Final = 60.0

# The last part of a cgroup's path: 64 hexadecimal digits (Docker, containerd, CRI-O), a
# task's 32 digits and a number (ECS), or a UUID (Garden). Runtimes add a prefix such as
# `docker-`, and systemd adds a suffix.
_CONTAINER_ID: Final = re.compile(
    r"""(?:[0-9a-f]{64}
        |[0-9a-f]{32}-[0-9]+
        |[0-9a-f]{8}(?:-[0-9a-f]{4}){4,5})
        (?:\.scope)?$""",
    re.VERBOSE,
)


class Credentials(NamedTuple):
    """A process as the kernel knows it; pid 0 means another pid namespace."""

    pid: int
    uid: int
    gid: int


def unpack_credentials(raw: bytes) -> Credentials | None:
    """Unpack what SCM_CREDENTIALS or SO_PEERCRED returned; None if it is invalid."""
    return Credentials(*_UCRED.unpack(raw)) if len(raw) == _UCRED.size else None


def identify_process(
    transport: str,
    listener: str,
    credentials: Credentials | None,
    resolve_container: Callable[[int], str | None] | None = None,
) -> Origin:
    """Return the origin of a local process, with its container if that is wanted."""
    if credentials is None or credentials.pid == 0:
        # The Agent also accepts such packets, without an origin.
        return Origin(transport, listener)
    pid, uid, gid = credentials
    container_id = resolve_container(pid) if resolve_container else None
    return Origin(transport, listener, f"pid {pid}", pid, uid, gid, container_id)


def parse_container_id(cgroup: str) -> str | None:
    """Return the container named in a /proc/PID/cgroup file of version 1 or 2.

    Each line is ``hierarchy:controllers:path``. Every hierarchy of a container names
    the same container, so the first one found is returned.
    """
    for line in cgroup.splitlines():
        path = line.rpartition(":")[2]
        found = _CONTAINER_ID.search(path)
        if found:
            return found[0].removesuffix(".scope")
    return None


def read_container_id(pid: int, proc: Path = Path("/proc")) -> str | None:
    """Return the container of *pid*; None if it has none or the process is gone.

    This blocks only as long as procfs does. Callers should remember the answer.
    """
    try:
        cgroup = (proc / str(pid) / "cgroup").read_text("ascii", "replace")
    except OSError:
        return None
    return parse_container_id(cgroup)
