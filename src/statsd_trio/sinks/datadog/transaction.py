"""One payload on its way to one endpoint with one key."""

import math

import attrs

from statsd_trio.sinks.datadog.payloads import Payload
from statsd_trio.sinks.datadog.spool import Claim


@attrs.define(eq=False)
class LoadedFile:
    """A claimed file whose payloads are in memory.

    Attributes:
        remaining: payloads of it that are neither delivered nor lost.
    """

    claim: Claim
    remaining: int


@attrs.define(eq=False)
class Transaction:
    """A payload, and what happened to it so far.

    Attributes:
        order: the second of its snapshot, then a serial number.
        not_before: when it may be tried, by Trio's clock.
        errors: how often it failed.
        is_doubtful: an answer was lost, so that it may have arrived.
        had_new_key: it was tried again after a 403.
        had_last_try: it was tried while stopping.
        loaded_from: the spool's file that also holds it.
    """

    payload: Payload
    order: tuple[int, int]
    not_before: float = -math.inf
    errors: int = 0
    is_doubtful: bool = False
    had_new_key: bool = False
    had_last_try: bool = False
    loaded_from: LoadedFile | None = None

    @property
    def size(self) -> int:
        """Bytes held."""
        return len(self.payload.body)
