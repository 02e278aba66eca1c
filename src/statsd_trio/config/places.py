"""The kinds of value that lead to other machines: keys, URLs, addresses."""

import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Final, cast

import attrs

from statsd_trio.config.kinds import (
    FILLED_TEXT,
    STRINGS,
    Kind,
    choices,
    optional_text,
    unless_none,
)
from statsd_trio.config.secret import Secret, hide_credentials, mask_credentials
from statsd_trio.config.units import (
    parse_json,
    parse_strings,
    parse_text,
    split_address,
)


def _parse_secret(raw: object) -> Secret | None:
    text = parse_text(raw)
    return Secret(text) if text else None


def _check_secret(value: object) -> None:
    if not isinstance(value, Secret):
        return
    key = value.reveal()
    if key.startswith("ENC["):
        raise ValueError("is a handle of the Agent's secret backend, which we lack")
    if not key.isascii() or not key.isprintable() or " " in key:
        # It goes into a header.
        raise ValueError("has a character that no key has")


def _hide(_text: str) -> str:
    return "***"


SECRET: Final = Kind(
    words="text, never shown but for its last four characters",
    metavar="KEY",
    schema={"type": "string"},
    parse=_parse_secret,
    check=_check_secret,
    mask=_hide,
)


def _parse_url(raw: object) -> Secret | None:
    text = optional_text(raw)
    return None if text is None else hide_credentials(text)


def _check_url(value: Secret) -> None:
    url = value.reveal()
    if not url.isprintable() or " " in url:
        raise ValueError("not a URL: has a space or a character that does not print")
    try:
        parts = urllib.parse.urlsplit(url)
        is_usable = parts.scheme in {"http", "https"} and parts.hostname
        # Asked for because it may be no number, or one that is too large.
        _ = parts.port
    except ValueError:
        is_usable = False
    if not is_usable:
        hint = "; a password in it is percent-encoded" if "@" in url else ""
        raise ValueError(f"not a URL, such as https://example.com{hint}")


URL: Final = Kind(
    words="URL; its credentials are never shown",
    metavar="URL",
    schema={"type": "string", "format": "uri"},
    parse=_parse_url,
    check=unless_none(_check_url),
    mask=mask_credentials,
)


def _parse_proxy(raw: object) -> Secret | None:
    text = optional_text(raw)
    if text is None:
        return None
    return hide_credentials(text if "://" in text else f"http://{text}")


PROXY: Final = attrs.evolve(URL, parse=_parse_proxy)


def _parse_hosts(raw: object) -> tuple[str, ...]:
    if isinstance(raw, str) and not raw.lstrip().startswith("["):
        raw = raw.replace(",", " ")
    return parse_strings(raw)


# Source: datadog-agent, pkg/config/setup/config.go: DD_PROXY_NO_PROXY is split at
# spaces and commas, and NO_PROXY at commas.
HOSTS: Final = attrs.evolve(
    STRINGS,
    words="list of hosts, separated by commas, spaces or both",
    parse=_parse_hosts,
)


def _check_site(value: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", value):
        raise ValueError("not a site, such as datadoghq.eu")


SITE: Final = attrs.evolve(FILLED_TEXT, check=_check_site)


def _parse_endpoints(raw: object) -> dict[Secret, tuple[Secret, ...]]:
    value = parse_json(raw) if isinstance(raw, str) else raw
    if not isinstance(value, Mapping):
        raise ValueError("not a table of URLs, each with a list of keys")  # noqa: TRY004 - the file's mistake, not ours
    endpoints: dict[Secret, tuple[Secret, ...]] = {}
    for url, keys in cast("Mapping[object, object]", value).items():
        # As in the Agent: each key counts once, and there may be none.
        unique = dict.fromkeys(parse_strings([] if keys is None else keys))
        endpoints[hide_credentials(parse_text(url))] = tuple(map(Secret, unique))
    return endpoints


def _check_endpoints(value: Mapping[Secret, Sequence[Secret]]) -> None:
    for url, keys in value.items():
        try:
            _check_url(url)
            for key in keys:
                _check_secret(key)
        except ValueError as error:
            raise ValueError(f"{url}: {error}") from None


ENDPOINTS: Final = Kind(
    words="table of URLs, each with a list of keys; in one variable, as JSON",
    metavar="JSON",
    schema={
        "type": "object",
        "additionalProperties": {"type": "array", "items": {"type": "string"}},
    },
    parse=_parse_endpoints,
    check=_check_endpoints,
    mask=_hide,
)


# What is sent to an intake, the most important first.
ROUTE_NAMES: Final = ("series", "sketches", "service_checks", "events")

_ANY_ROUTES: Final = choices(*ROUTE_NAMES)


def _check_routes(value: Sequence[str]) -> None:
    _ANY_ROUTES.check(value)
    if not value:
        raise ValueError("is empty; to send nothing, take datadog out of the sinks")


ROUTES: Final = attrs.evolve(_ANY_ROUTES, check=_check_routes)


def _parse_routes_of(raw: object) -> dict[Secret, tuple[str, ...]]:
    value = parse_json(raw) if isinstance(raw, str) else raw
    if not isinstance(value, Mapping):
        raise ValueError("not a table of URLs, each with a list of routes")  # noqa: TRY004 - the file's mistake, not ours
    return {
        hide_credentials(parse_text(url)): ROUTES.parse(routes)
        for url, routes in cast("Mapping[object, object]", value).items()
        # What is present but empty counts as absent.
        if routes not in (None, "", [])
    }


def _check_routes_of(value: Mapping[Secret, Sequence[str]]) -> None:
    for url, routes in value.items():
        try:
            _check_url(url)
            _check_routes(routes)
        except ValueError as error:
            raise ValueError(f"{url}: {error}") from None


ROUTES_OF_ENDPOINTS: Final = Kind(
    words="table of URLs, each with a list of routes; in one variable, as JSON",
    metavar="JSON",
    schema={"type": "object", "additionalProperties": ROUTES.schema},
    parse=_parse_routes_of,
    check=_check_routes_of,
)


def strip_credentials(url: Secret) -> str:
    """Return *url* without its credentials, and without a slash at its end."""
    scheme, _, rest = url.reveal().partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].rstrip('/')}"


def _parse_address(raw: object) -> str | None:
    text = optional_text(raw)
    if text is None:
        return None
    host, port = split_address(text)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _check_address(value: str) -> None:
    split_address(value)


ADDRESS: Final = Kind(
    words="`HOST:PORT`; a port alone is one of the loopback address",
    metavar="HOST:PORT",
    schema={"type": ["string", "integer"]},
    parse=_parse_address,
    check=unless_none(_check_address),
)
