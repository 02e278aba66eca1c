"""What came of one request, in a form that may be shown to a person."""

import re
from collections.abc import Collection, Mapping
from typing import Final

import attrs

# Of an answer that refuses a payload, so much is kept, and so much is shown.
_MAX_EXCERPT_BYTES: Final = 4096
_MAX_EXCERPT_CHARACTERS: Final = 200
# A shorter word of a header, such as "Basic", says nothing.
_LEAST_SECRET_CHARACTERS: Final = 6


@attrs.frozen
class Answer:
    """What came of one request.

    Attributes:
        status: None if there was no answer.
        error: for a person, where there was none; holds nothing secret.
        is_lost: the request may have arrived, though there was no answer.
        retry_after: seconds that the intake asks us to wait.
        text: the start of what the intake said of its refusal; printable, and
            without what was secret in the request.
        body: the start of what it said when it took the payload.
        rejected: how many points of a payload that it took it did not take.
    """

    status: int | None
    error: str = ""
    is_lost: bool = False
    retry_after: float | None = None
    text: str = ""
    body: bytes = attrs.field(default=b"", repr=False)
    rejected: int = 0

    def describe(self) -> str:
        """Say in a few words what came of the request."""
        if self.status is None:
            return self.error
        return f"answered {self.status}" + (f": {self.text}" if self.text else "")


def make_excerpt(
    body: bytes, headers: Mapping[str, str], secrets: Collection[str]
) -> str:
    """Return the start of an answer's *body* in one printable line.

    What was secret in the *headers* of the request, under the names in *secrets*, is
    masked: some servers send back what they were sent.
    """
    text = body[:_MAX_EXCERPT_BYTES].decode(errors="replace")
    if len(body) >= _MAX_EXCERPT_BYTES:
        # The last word may be half of a secret, which nothing would recognise.
        text = text.rpartition(" ")[0]
    for name in secrets:
        for secret in headers.get(name, "").split():
            if len(secret) >= _LEAST_SECRET_CHARACTERS:
                text = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)
    words = "".join(char if char.isprintable() else " " for char in text).split()
    excerpt = " ".join(words)
    if len(excerpt) > _MAX_EXCERPT_CHARACTERS:
        excerpt = excerpt[: _MAX_EXCERPT_CHARACTERS - 3] + "..."
    return excerpt
