"""Convert what a program passes to `Config` into what its fields hold."""

import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs

from statsd_trio.config.secret import Secret, hide_credentials
from statsd_trio.rules.mapper import MapperProfile
from statsd_trio.rules.tag_filter import TagFilterEntry

logger = logging.getLogger(__name__)


def replace_zero(value: int | None, field: "attrs.Attribute[Any]") -> int:
    """Return the default of *field* if *value* is 0 or None; 0 is logged as an error.

    The Rust reference does the same: it does not use a 0, and starts nevertheless.
    """
    if value:
        return value
    default: Any = field.default
    if value == 0:
        logger.error("%s is 0; using the default, %d", field.name, default)
    return int(default)


def to_strings(values: Iterable[str]) -> tuple[str, ...]:
    """Return *values* as a tuple.

    Raises:
        TypeError: if *values* is one string, whose characters would each be taken for a
            string.
    """
    if isinstance(values, str):
        raise TypeError(f"expected a tuple of strings, not the string {values!r}")
    return tuple(values)


def to_sockets(values: Iterable[socket.socket]) -> tuple[socket.socket, ...]:
    """Return *values* as a tuple."""
    return tuple(values)


def to_profiles(values: Iterable[MapperProfile]) -> tuple[MapperProfile, ...]:
    """Return *values* as a tuple."""
    return tuple(values)


def to_tag_filters(values: Iterable[TagFilterEntry]) -> tuple[TagFilterEntry, ...]:
    """Return *values* as a tuple."""
    return tuple(values)


def to_key(
    value: str | Secret | Callable[[], Awaitable[str]] | None,
) -> Secret | Callable[[], Awaitable[str]] | None:
    """Hide a key; return None if it is empty, for example from an unset variable."""
    if isinstance(value, str):
        return Secret(value) if value.strip() else None
    return value


def to_url(value: str | Secret | None) -> Secret | None:
    """Hide the credentials in a URL; return None if it is empty, like `to_key`."""
    return hide_credentials(value) if value else None


def to_pairs(value: Mapping[str, str]) -> Mapping[str, str]:
    """Return a copy of *value* as a dict."""
    return dict(value)


def to_headers(
    value: Mapping[str, str] | Mapping[str, Secret],
) -> Mapping[str, Secret]:
    """Hide the values of headers."""
    return {
        name: text if isinstance(text, Secret) else Secret(text)
        for name, text in value.items()
    }


def to_endpoints(
    value: Mapping[str, Iterable[str | Secret]]
    | Mapping[Secret, Iterable[str | Secret]],
) -> Mapping[Secret, tuple[Secret, ...]]:
    """Hide the keys of each endpoint, and the credentials in its URL."""

    def hide(keys: Iterable[str | Secret]) -> Iterator[Secret]:
        for key in keys:
            secret = key if isinstance(key, Secret) else Secret(key)
            # An empty key counts as missing, as in `to_key`.
            if secret.reveal().strip():
                yield secret

    return {hide_credentials(url): tuple(hide(keys)) for url, keys in value.items()}


def to_routes_of_endpoints(
    value: Mapping[str | Secret, Iterable[str]],
) -> Mapping[Secret, tuple[str, ...]]:
    """Hide the credentials in the URL of each endpoint."""
    return {hide_credentials(url): to_strings(routes) for url, routes in value.items()}
