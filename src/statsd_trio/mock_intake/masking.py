"""Hide keys and cookies in what is kept of a request."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode

_SECRET_HEADERS: Final = frozenset(
    {
        "authorization",
        "cookie",
        "dd-api-key",
        "dd-application-key",
        "proxy-authorization",
    }
)
_SECRET_PARAMETERS: Final = frozenset({"api_key", "application_key"})


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return *headers*, whose names are in lower case, with their secrets masked."""
    return {
        name: _mask(value) if name in _SECRET_HEADERS else value
        for name, value in headers.items()
    }


def mask_query(query: str) -> str:
    """Return a query string with its secrets masked."""
    return urlencode(
        [
            (name, _mask(value) if name in _SECRET_PARAMETERS else value)
            for name, value in split_query(query)
        ],
        safe="*",
    )


def split_query(query: str) -> list[tuple[str, str]]:
    """Return the names and values in a query string, decoded."""
    return parse_qsl(query, keep_blank_values=True)


def _mask(secret: str) -> str:
    """Keep only the last four characters, as the Agent's log does, of a longer text."""
    return f"***{secret[-4:]}" if len(secret) >= 12 else "***"
