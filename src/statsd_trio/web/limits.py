"""What bounds a server, and what lets so many through in a second."""

import math

import attrs
import trio


@attrs.frozen(kw_only=True)
class Limits:
    """What bounds a server; nothing by default.

    Attributes:
        max_connections: a further one takes the place of the one that has waited
            longest for a request, and is closed if none does.
        max_body_bytes: of a request; a longer one is answered with a 413, and its
            connection is closed.
        idle_seconds: how long a connection may take to send the head of a request,
            and after that each piece of its body.
        write_seconds: how long a client may take to read an answer, or each piece of
            one that is sent in pieces.
        connections_per_second: taken from the kernel, all together.
        answers_per_second: all together. After a pause, as many come at once as were
            left out, but no more than those of one second.
    """

    max_connections: float = math.inf
    max_body_bytes: float = math.inf
    idle_seconds: float = math.inf
    write_seconds: float = math.inf
    connections_per_second: float = math.inf
    answers_per_second: float = math.inf


class Turnstile:
    """Lets so many through in a second."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._next_time = -math.inf

    async def pass_through(self) -> None:
        """Wait for a turn; what is left over of the last second is not lost."""
        earliest = trio.current_time() - 1
        self._next_time = max(self._next_time + self._interval, earliest)
        await trio.sleep_until(self._next_time)
