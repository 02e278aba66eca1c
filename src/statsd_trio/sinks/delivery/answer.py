"""The result of one request, in a form that may be shown to people."""

import re
from collections.abc import Collection, Mapping
from typing import Final

import attrs

# How much of an answer that refuses a payload is kept, and how much of it is shown.
_MAX_EXCERPT_BYTES: Final = 4096
_MAX_EXCERPT_CHARACTERS: Final = 200
# A shorter word in a header, such as "Basic", is not a secret.
_LEAST_SECRET_CHARACTERS: Final = 6


@attrs.frozen
class Answer:
    """The result of one request.

    Attributes:
        status: None if there was no answer.
        error: why there was no answer, as text for people without any secret.
        is_lost: whether the request may have arrived although there was no answer.
        retry_after: how many seconds the intake asks us to wait.
        text: the start of the intake's refusal, printable and without the secrets of
            the request.
        body: the start of the intake's answer, if it accepted the payload.
        rejected: how many points it did not accept of a payload that it accepted.
    """

    status: int | None
    error: str = ""
    is_lost: bool = False
    retry_after: float | None = None
    text: str = ""
    body: bytes = attrs.field(default=b"", repr=False)
    rejected: int = 0

    def describe(self) -> str:
        """Describe the result of the request in a few words."""
        if self.status is None:
            return self.error
        return f"answered {self.status}" + (f": {self.text}" if self.text else "")


def make_excerpt(
    body: bytes, headers: Mapping[str, str], secrets: Collection[str]
) -> str:
    """Return the start of an answer's *body* as one printable line.

    The secrets in the *headers* of the request, which have the names in *secrets*, are
    masked, because some servers send back what they were sent.
    """
    text = body[:_MAX_EXCERPT_BYTES].decode(errors="replace")
    if len(body) >= _MAX_EXCERPT_BYTES:
        # The last word may be a part of a secret, which could not be recognized.
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
