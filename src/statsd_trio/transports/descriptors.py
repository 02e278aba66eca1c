"""How many files the process may open in; how many connections that leaves out."""

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

# Where there is no /dev/fd: Python's own, Trio's, some listening sockets.
_USUALLY_OPEN: Final = 32


def fit_connections(listeners: Iterable[Listener], reserved: int) -> None:
    """Lower `max_connections` of *listeners* to what the limit of open files allows.

    Else idle connections could use up every descriptor, and nothing could be delivered
    any more. The limit is raised first, as far as it must and may be.

    Args:
        listeners: bound; all of them open.
        reserved: how many files the process must be able to open beside connections.
    """
    streams = [each for each in listeners if isinstance(each, StreamListener)]
    if sys.platform == "win32" or not streams:
        return
    kept = _count_open() + reserved
    limit = _raise_limit(kept + sum(stream.max_connections for stream in streams))
    # At least one each, even if that is more than there is room for.
    share = max(1, int(limit - kept) // len(streams))
    for stream in streams:
        if stream.max_connections > share:
            logger.warning(
                "%s: max_connections lowered from %d to %d: the process may open %d "
                "files, and %d are kept for all that is no connection. Raise the limit "
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
        """Raise the limit of open files to *needed*, and return what it then is."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY or soft >= needed:
            return needed
        wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            # The system has a limit of its own, as macOS has.
            return soft
        if wanted > soft:
            logger.info("limit of open files raised from %d to %d", soft, wanted)
        return wanted

    def _count_open() -> int:
        try:
            return len(os.listdir("/dev/fd"))  # noqa: PTH208 - names are enough
        except OSError:
            return _USUALLY_OPEN
