"""Open the queues on disk for one endpoint and key."""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Self

import attrs

from statsd_trio.errors import explain_os_error
from statsd_trio.sinks.delivery.disk_queue import DiskQueue
from statsd_trio.sinks.delivery.payload import Route
from statsd_trio.sinks.delivery.worker_thread import RunInThread, run_in_thread


@attrs.frozen
class Spool:
    """The queues on disk of one endpoint and key.

    Attributes:
        disk: the directory with the queues.
        targets: the name of each route's queue there.
        run_in_thread: calls functions that block.
    """

    disk: DiskQueue
    targets: Mapping[Route, str]
    run_in_thread: RunInThread = run_in_thread

    @classmethod
    def of(
        cls,
        disk: DiskQueue | None,
        endpoint: str,
        key_index: int,
        routes: Iterable[Route],
        run_in_thread: RunInThread,
    ) -> Self | None:
        """Return the queues on *disk* of an endpoint and a key; None without a disk."""
        if disk is None:
            return None
        targets = {route: name_target(endpoint, key_index, route) for route in routes}
        return cls(disk, targets, run_in_thread)


def name_target(endpoint: str, key_index: int, route: Route) -> str:
    """Return the name for files of one endpoint, key and route, without the key."""
    text = f"{endpoint}#{key_index}{route.value}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def open_disk_queue(
    path: str | None, max_bytes: int, resources: ExitStack | None
) -> DiskQueue | None:
    """Open the spool in the folder *path*; return None without a folder.

    Args:
        path: the folder, or None.
        max_bytes: the limit for all files in it.
        resources: closes the spool too, for a server that cannot start.

    Raises:
        OSError: if it cannot be written to; the message names *path*.
    """
    if path is None:
        return None
    with explain_os_error(f"write to the spool folder {path}", "Check spool_path."):
        disk = DiskQueue(path, max_bytes)
    if resources is not None:
        resources.callback(disk.close)
    return disk
