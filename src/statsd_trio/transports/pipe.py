"""Bind a named pipe, in the form that the operating system has."""

import sys

from statsd_trio.transports.listener import Listener


def bind_pipe(
    name: str,
    *,
    buffer_size: int,
    max_connections: int,
    frame_timeout_seconds: float,
) -> Listener:
    r"""Open the pipe *name*: ``\\.\pipe\name`` on Windows, a FIFO's path elsewhere.

    *max_connections* does not apply to a FIFO, which has no connections.

    Raises:
        OSError: if the pipe is taken or forbidden; the message names it.
    """
    if sys.platform == "win32":
        from statsd_trio.transports.named_pipe import (  # noqa: PLC0415 - exists there only
            NamedPipeListener,
        )

        return NamedPipeListener(
            name,
            buffer_size=buffer_size,
            max_connections=max_connections,
            frame_timeout_seconds=frame_timeout_seconds,
        )
    else:  # noqa: RET505 - so that type checkers of each system skip the other's
        from statsd_trio.transports.fifo import FifoListener  # noqa: PLC0415 - as above

        return FifoListener(
            name, buffer_size=buffer_size, frame_timeout_seconds=frame_timeout_seconds
        )
