"""The limits of a server, and a turnstile that enforces a rate."""

import math

import attrs
import trio


@attrs.frozen(kw_only=True)
class Limits:
    """The limits of a server; by default there are none.

    Attributes:
        max_connections: a further connection replaces the one that has waited longest
            for a request, and is closed if none waits.
        max_body_bytes: the largest body of a request; a larger one is answered with a
            413, and its connection is closed.
        idle_seconds: how long a connection may take to send the head of a request, and
            after that each piece of its body.
        write_seconds: how long a client may take to read an answer, or each piece of an
            answer that is sent in pieces.
        connections_per_second: how many connections are accepted, all together.
        answers_per_second: how many answers are given, all together. After a pause the
            answers that were not used may be given at once, but not more than those of
            one second.
    """

    max_connections: float = math.inf
    max_body_bytes: float = math.inf
    idle_seconds: float = math.inf
    write_seconds: float = math.inf
    connections_per_second: float = math.inf
    answers_per_second: float = math.inf


class RateLimiter:
    """Lets a limited number of tasks pass per second."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._next_time = -math.inf

    async def wait_turn(self) -> None:
        """Wait for a turn; unused turns of the last second are not lost."""
        earliest = trio.current_time() - 1
        self._next_time = max(self._next_time + self._interval, earliest)
        await trio.sleep_until(self._next_time)
