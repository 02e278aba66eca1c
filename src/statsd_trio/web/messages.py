"""What a client is answered; pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

import attrs


@attrs.frozen(kw_only=True)
class Answer:
    """A status, headers and a body, which many clients may be given.

    Attributes:
        pieces: the body; in several pieces where one would take long to put together.
        headers: further ones, by names in lower case; they replace those that are
            sent anyway.
    """

    status: int = 200
    media_type: str = "text/plain; charset=utf-8"
    pieces: Sequence[bytes] = ()
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])

    @classmethod
    def text(cls, text: str, status: int = 200) -> Self:
        """Make an answer of text, for a person."""
        return cls(status=status, pieces=(text.encode(),))

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Self:
        """Make an answer of JSON."""
        written = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        # Half a surrogate pair has no bytes; its escape is JSON too.
        pieces = (written.encode("utf-8", "backslashreplace"),)
        return cls(status=status, media_type="application/json", pieces=pieces)
