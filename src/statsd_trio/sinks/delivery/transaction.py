"""One payload on its way to one endpoint with one key."""

import math
from pathlib import Path

import attrs

from statsd_trio.sinks.delivery.payload import Payload


@attrs.define(eq=False)
class SpoolFile:
    """A file that was taken from the spool, and whose payloads are in memory.

    Attributes:
        stem: the part of its name that does not change when it is taken.
        path: where it is now.
        points: the points of all its payloads.
        is_own: whether this process wrote it, and has counted its points.
        is_changed: whether the file no longer says what is in memory, because a payload
            was sent or its answer was lost.
        waiting: the payloads that are not yet delivered, lost, or elsewhere.
    """

    stem: str
    path: Path
    points: int
    is_own: bool
    is_changed: bool
    waiting: set["Transaction"] = attrs.field(factory=set["Transaction"])


@attrs.define(eq=False)
class Transaction:
    """A payload, and what has happened to it so far.

    Attributes:
        order: the second of its snapshot, then a serial number.
        not_before: when it may be tried, by Trio's clock.
        errors: how often it has failed.
        is_doubtful: whether an answer was lost, so that it may have arrived.
        file: the file of the spool that also contains it.
    """

    payload: Payload
    order: tuple[int, int]
    not_before: float = -math.inf
    errors: int = 0
    is_doubtful: bool = False
    file: SpoolFile | None = None

    @property
    def size(self) -> int:
        """The bytes of its body."""
        return len(self.payload.body)

    def doubt(self) -> None:
        """Note that an answer was lost, so that the payload may have arrived."""
        self.is_doubtful = True
        if self.file is not None:
            self.file.is_changed = True
