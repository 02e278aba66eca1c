"""Sets: the number of different strings in a bucket counts.

Source: datadog-agent, pkg/metrics/set.go.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final

import attrs

from statsd_trio.engine.accumulators import NO_TICK, Accumulators
from statsd_trio.engine.context import Context
from statsd_trio.engine.memory import STRING_BYTES, Share
from statsd_trio.engine.value_text import InDoubt, check_string

# Longer strings are replaced by a digest, because only the number of different ones
# counts. Even on purpose nobody can make two strings with the same digest.
LONG_BYTES: Final = 64
_DIGEST_BYTES: Final = 16


@attrs.define
class Room:
    """How many more strings all sets of one bucket may hold together."""

    left: int
    memory: Share


class StringSet:
    """The different strings of one set in one bucket.

    Attributes:
        size: the bytes that the strings take.
        strings: the strings in UTF-8 as they were sent, or their digests.
    """

    __slots__ = ("_room", "context", "last_seen", "size", "strings", "tick")

    def __init__(self, context: Context, room: Room) -> None:
        self.context = context
        self.last_seen = 0
        self.tick = NO_TICK
        self.size = 0
        self.strings: set[bytes] = set()
        self._room = room

    def add(self, strings: Sequence[bytes]) -> Mapping[str, int]:
        """Add *strings*; return how many were dropped for lack of room, by reason."""
        dropped = Counter[str](map(self.add_string, strings))
        del dropped[""]
        return dropped

    def add_string(self, string: bytes) -> str:
        """Add *string*; return "", or the reason if there was no room for it."""
        if string in self.strings:
            return ""
        if len(string) > LONG_BYTES:
            string = blake2b(string, digest_size=_DIGEST_BYTES).digest()
            if string in self.strings:
                return ""
        room = self._room
        size = STRING_BYTES + len(string)
        if not room.left:
            return "set_values"
        if not room.memory.take(size):
            return "memory"
        room.left -= 1
        self.size += size
        self.strings.add(string)
        return ""


class SetHead:
    """Adds the values of all lines that share one head."""

    __slots__ = ("_context", "_set", "_sets")

    def __init__(self, sets: Accumulators[StringSet], context: Context) -> None:
        self._sets = sets
        self._context = context
        self._set = sets.blank

    def add_text(self, text: bytes) -> int:
        """Add the string *text*, and return 1.

        Raises:
            ValueError: if it is in doubt; then it is not added.
        """
        check_string(text)
        strings = self._set
        if strings.tick != self._sets.tick:
            strings = self._set = self._sets.renew(self._context)
        if strings.add_string(text):
            raise InDoubt
        return 1
