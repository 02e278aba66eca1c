"""Limit the connections of listeners to the files that the process may open."""

import logging
import os
import sys
from collections.abc import Iterable
from typing import Final

from statsd_trio.transports.listener import Listener
from statsd_trio.transports.stream import StreamListener

if sys.platform != "win32":
    import resource

logger = logging.getLogger(__name__)

# An estimate for systems without /dev/fd: files of Python and Trio, and a few listening
# sockets.
_USUALLY_OPEN: Final = 32


def fit_connections(listeners: Iterable[Listener], reserved: int) -> None:
    """Lower `max_connections` of *listeners* to what the limit of open files allows.

    Without this, idle connections could use up all descriptors, and nothing could be
    delivered any more. The limit of open files is raised first, as far as needed and
    allowed.

    Args:
        listeners: all open listeners, already bound.
        reserved: how many files the process needs besides connections.
    """
    streams = [each for each in listeners if isinstance(each, StreamListener)]
    if sys.platform == "win32" or not streams:
        return
    kept = _count_open() + reserved
    limit = _raise_limit(kept + sum(stream.max_connections for stream in streams))
    # Each listener gets at least one connection, even if there is no room for it.
    share = max(1, int(limit - kept) // len(streams))
    for stream in streams:
        if stream.max_connections > share:
            logger.warning(
                "%s: max_connections lowered from %d to %d: the process may open %d "
                "files, and %d are kept for other uses. Raise the limit "
                "of open files (ulimit -n, LimitNOFILE= of systemd)",
                stream.counters.name,
                stream.max_connections,
                share,
                limit,
                kept,
            )
            stream.max_connections = share


if sys.platform != "win32":

    def _raise_limit(needed: int) -> int:
        """Raise the limit of open files to *needed*; return the limit after that."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY or soft >= needed:
            return needed
        wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            # Some systems, such as macOS, have another limit of their own.
            return soft
        if wanted > soft:
            logger.info("limit of open files raised from %d to %d", soft, wanted)
        return wanted

    def _count_open() -> int:
        try:
            return len(os.listdir("/dev/fd"))  # noqa: PTH208 - names are enough
        except OSError:
            return _USUALLY_OPEN
