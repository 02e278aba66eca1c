"""A key or a password, whose text only `Secret.reveal` returns."""

import re
from typing import Final, final

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_CREDENTIALS: Final = re.compile(r"://\S*@")
_QUERY: Final = re.compile(r"(://[^\s?]*\?)\S+")

# The last characters of a shorter secret would give it away.
_SHOWN_CHARACTERS: Final = 4
_LEAST_HIDDEN_CHARACTERS: Final = 15


@final
class Secret:
    """Text that no ``repr``, log line, f-string or dump shows.

    It is not a subclass of `str`, so code that would print it fails, or prints the
    mask.
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
    """Replace the user name, the password and the query in *url* by ``***``.

    Everything between the scheme and the last ``@`` counts as credentials, because a
    password that is not percent-encoded may contain any character. A query may contain
    a key.
    """
    scheme = _SCHEME.match(url)
    start = scheme[0] if scheme else ""
    credentials, at, place = url[len(start) :].rpartition("@")
    place, question, query = place.partition("?")
    shown_query = f"{question}{'***' if query else ''}"
    return f"{start}{'***' if credentials else ''}{at}{place}{shown_query}"


def mask_urls(text: str) -> str:
    """Replace the credentials and the query of every URL in *text* by ``***``."""
    return _QUERY.sub(r"\1***", _CREDENTIALS.sub("://***@", text))


def hide_credentials(url: str | Secret) -> Secret:
    """Return *url* as a `Secret` that shows everything except its credentials."""
    return Secret(url, mask=mask_credentials(url)) if isinstance(url, str) else url


def strip_credentials(url: Secret) -> str:
    """Return *url* without its credentials, and without a final slash."""
    scheme, _, rest = url.reveal().partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].rstrip('/')}"
