"""A key or a password, which only `Secret.reveal` shows."""

from typing import Final, final

# The Agent's status shows as many; a shorter secret would be given away by them.
_SHOWN_CHARACTERS: Final = 5
_LEAST_HIDDEN_CHARACTERS: Final = 15


@final
class Secret:
    """Text that no ``repr``, log line, f-string or dump shows.

    Not a kind of `str`, so that what would print it fails, or prints the mask.
    """

    __slots__ = ("_mask", "_text")

    def __init__(self, text: str, *, mask: str | None = None) -> None:
        self._text = text
        self._mask = mask or _mask(text)

    def reveal(self) -> str:
        """Return the text itself, for the one place that needs it."""
        return self._text

    def __str__(self) -> str:
        return self._mask

    def __repr__(self) -> str:
        return f"Secret({self._mask!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def _mask(text: str) -> str:
    if len(text) < _SHOWN_CHARACTERS + _LEAST_HIDDEN_CHARACTERS:
        return "***"
    return f"***{text[-_SHOWN_CHARACTERS:]}"


def mask_credentials(url: str) -> str:
    """Hide what stands between ``//`` and ``@`` in *url*."""
    start, slashes, rest = url.rpartition("//")
    credentials, at, place = rest.rpartition("@")
    return f"{start}{slashes}{'***' if credentials else ''}{at}{place}"
