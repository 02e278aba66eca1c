"""Sets: the number of different strings counts.

Source: datadog-agent, pkg/metrics/set.go.
"""

from collections.abc import Sequence

import attrs

from statsd_trio.engine.accumulators import NO_TICK, Accumulators
from statsd_trio.engine.context import Context
from statsd_trio.engine.value_text import InDoubt, check_string


@attrs.define
class Room:
    """How many more strings the sets of one bucket may hold, all together."""

    left: int


class StringSet:
    """The different strings of one set in one bucket, as they were sent: UTF-8."""

    __slots__ = ("_room", "context", "last_seen", "strings", "tick")

    def __init__(self, context: Context, room: Room) -> None:
        self.context = context
        self.last_seen = 0
        self.tick = NO_TICK
        self.strings: set[bytes] = set()
        self._room = room

    def add(self, strings: Sequence[bytes]) -> int:
        """Add *strings*; return for how many there was no room."""
        return sum(not self.add_string(string) for string in strings)

    def add_string(self, string: bytes) -> bool:
        """Add *string*; return False if there is no room for it."""
        if string not in self.strings:
            if not self._room.left:
                return False
            self._room.left -= 1
            self.strings.add(string)
        return True


class SetHead:
    """Takes the values of lines that have one head."""

    __slots__ = ("_context", "_set", "_sets")

    def __init__(self, sets: Accumulators[StringSet], context: Context) -> None:
        self._sets = sets
        self._context = context
        self._set = sets.blank

    def add_text(self, text: bytes) -> None:
        """Add the string that *text* is.

        Raises:
            ValueError: if it is in doubt.
        """
        check_string(text)
        strings = self._set
        if strings.tick != self._sets.tick:
            strings = self._set = self._sets.renew(self._context)
        if not strings.add_string(text):
            raise InDoubt
