"""Talk to a service manager: take over its sockets, and notify it.

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

# More than any unit file lists; a larger number is for another program.
_MAX_DESCRIPTORS: Final = 1024


class SystemdNotifier:
    """Notifies a service manager that we are ready, alive, or stopping.

    Without a service manager it does nothing.
    """

    def __init__(self, address: str = "", watchdog_seconds: float = math.inf) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._watchdog_seconds = watchdog_seconds

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], pid: int) -> Self:
        """Return the notifier for the manager that started process *pid*, if any."""
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        microseconds = environ.get("WATCHDOG_USEC", "")
        is_ours = environ.get("WATCHDOG_PID", str(pid)) == str(pid)
        if is_ours and microseconds.isdecimal() and int(microseconds[:18]) > 0:
            return cls(address, int(microseconds[:18]) / 1e6)
        return cls(address)

    def notify(self, *lines: str) -> None:
        """Send *lines* without ever waiting.

        It does not matter if the manager is gone.
        """
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            logger.debug("could not tell the service manager %s: %s", lines, error)

    async def keep_alive(self) -> None:
        """Notify that we are alive, twice in each interval of the watchdog.

        This task shows that Trio's loop works: if something holds up the loop, it does
        not run.
        """
        while True:
            await trio.sleep(self._watchdog_seconds / 2)
            self.notify("WATCHDOG=1")


def take_sockets(environ: Mapping[str, str], pid: int) -> tuple[socket.socket, ...]:
    """Take over the sockets that were bound for process *pid*, if there are any.

    Raises:
        OSError: if a descriptor is not a socket.
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
            message = (
                f"LISTEN_FDS={count}: {descriptor} is not a socket: {error.strerror}"
            )
            raise OSError(error.errno, message) from error
    return tuple(sockets)
