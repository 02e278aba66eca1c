"""Clients in processes of their own, which are started, and report at their end."""

from typing import Any, Final

import attrs

from attacks.children.asking import Answers, Asking
from attacks.children.stream_sender import StreamSending, StreamSent
from benchmarks.child import ChildProcess
from benchmarks.sender import Sending, Sent

# To build the packets and to connect; and to end, after the time for sending is up.
_START_SECONDS: Final = 90.0
_END_SECONDS: Final = 60.0


class _Client:
    """What all kinds of clients do."""

    def __init__(self, module: str, order: dict[str, Any], max_seconds: float) -> None:
        self._max_seconds = max_seconds
        self._child = ChildProcess(module, order)
        # Its packets are built then, and it is connected.
        self._child.read(_START_SECONDS)

    def go(self) -> None:
        """Begin."""
        self._child.write("go\n")

    def close(self) -> None:
        """End the process, and its connections."""
        self._child.close()

    def _read_report(self) -> dict[str, Any]:
        return self._child.read(self._max_seconds + _END_SECONDS)


class DatagramSender(_Client):
    """Sends over UDP or a Unix datagram socket."""

    def __init__(self, sending: Sending, target: object) -> None:
        # An attacker shares the cores with the server.
        sending = attrs.evolve(sending, is_awake=False)
        super().__init__(
            "benchmarks.sender",
            {**attrs.asdict(sending), "target": target},
            sending.delay_seconds + sending.max_seconds,
        )

    def wait(self) -> Sent:
        """Wait until everything is sent, and return how much that was."""
        return Sent(**self._read_report())


class StreamSender(_Client):
    """Sends over TCP or a Unix stream."""

    def __init__(self, sending: StreamSending, target: object) -> None:
        super().__init__(
            "attacks.children.stream_sender",
            {**attrs.asdict(sending), "target": target},
            sending.max_seconds,
        )

    def wait(self) -> StreamSent:
        """Wait until everything is sent, and return how much that was."""
        return StreamSent(**self._read_report())


class ViewClients(_Client):
    """Asks for a view of the server."""

    def __init__(self, asking: Asking, target: tuple[str, int]) -> None:
        super().__init__(
            "attacks.children.asking",
            {**attrs.asdict(asking), "target": target},
            asking.seconds,
        )

    def wait(self) -> Answers:
        """Wait until their time is up, and return the answers."""
        return Answers(**self._read_report())
