"""The service manager's side: what it hands over, and what it is told.

Source: systemd, sd_notify(3), sd_watchdog_enabled(3) and sd_listen_fds(3).
"""

import logging
import math
import os
import socket
from collections.abc import Mapping
from typing import Final, Self

import trio

logger = logging.getLogger(__name__)

_FIRST_DESCRIPTOR: Final = 3

# More than any unit file lists; the number is another's.
_MAX_DESCRIPTORS: Final = 1024


class SystemdNotifier:
    """Tells a service manager that we are ready, alive, or stopping.

    Where there is none, nothing is told.
    """

    def __init__(self, address: str = "", watchdog_seconds: float = math.inf) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._watchdog_seconds = watchdog_seconds

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], pid: int) -> Self:
        """Find the one that started process *pid*, if one did."""
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        microseconds = environ.get("WATCHDOG_USEC", "")
        is_ours = environ.get("WATCHDOG_PID", str(pid)) == str(pid)
        if is_ours and microseconds.isdecimal() and int(microseconds[:18]) > 0:
            return cls(address, int(microseconds[:18]) / 1e6)
        return cls(address)

    def notify(self, *lines: str) -> None:
        """Send *lines*, without ever waiting; a manager that is gone is no matter."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            logger.debug("the service manager was not told %s: %s", lines, error)

    async def keep_alive(self) -> None:
        """Say that we live, twice in each of the watchdog's intervals.

        That this task gets to run is the sign of life: it will not if something
        holds up Trio's loop.
        """
        while True:
            await trio.sleep(self._watchdog_seconds / 2)
            self.notify("WATCHDOG=1")


def take_sockets(environ: Mapping[str, str], pid: int) -> tuple[socket.socket, ...]:
    """Take over the sockets that were bound for process *pid*, if there are any.

    Raises:
        OSError: if one is no socket.
    """
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(pid) or not count.isdecimal():
        return ()
    if int(count[:9]) > _MAX_DESCRIPTORS:
        raise OSError(f"LISTEN_FDS={count}: more sockets than anyone passes")
    sockets: list[socket.socket] = []
    for descriptor in range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + int(count)):
        try:
            os.set_inheritable(descriptor, False)
            sockets.append(socket.socket(fileno=descriptor))
        except OSError as error:
            message = f"LISTEN_FDS={count}: {descriptor} is no socket: {error.strerror}"
            raise OSError(error.errno, message) from error
    return tuple(sockets)
