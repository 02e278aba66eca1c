"""The types of option that lead to other machines: keys, URLs, addresses."""

import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar, cast

from statsd_trio.config.option_types.base import OptionType
from statsd_trio.config.option_types.lists import Choices
from statsd_trio.config.option_types.scalars import FilledText, optional_text
from statsd_trio.config.parsing import (
    parse_json,
    parse_strings,
    parse_text,
    split_address,
)
from statsd_trio.config.secret import Secret, hide_credentials, mask_credentials

T = TypeVar("T")

# What is sent to an intake, the most important first.
ROUTE_NAMES: Final = ("series", "sketches", "service_checks", "events")


class SecretText(OptionType):
    """A key."""

    words = "text, never shown but for its last four characters"
    metavar = "KEY"

    def make_schema(self) -> dict[str, object]:
        return {"type": "string"}

    def parse(self, raw: object) -> Secret | None:
        text = parse_text(raw)
        return Secret(text) if text else None

    def check(self, value: object) -> None:
        if not isinstance(value, Secret):
            return
        key = value.reveal()
        if key.startswith("ENC["):
            raise ValueError("is a handle of the Agent's secret backend, which we lack")
        if not key.isascii() or not key.isprintable() or " " in key:
            # It goes into a header.
            raise ValueError("has a character that no key has")

    def mask(self, text: str) -> str:
        return "***"


class Url(OptionType):
    """A URL of HTTP, or None."""

    words = "URL; its credentials are never shown"
    metavar = "URL"

    def make_schema(self) -> dict[str, object]:
        return {"type": "string", "format": "uri"}

    def parse(self, raw: object) -> Secret | None:
        text = optional_text(raw)
        return None if text is None else hide_credentials(text)

    def check(self, value: Secret | None) -> None:
        if value is not None:
            _check_url(value)

    def mask(self, text: str) -> str:
        return mask_credentials(text)


class ProxyUrl(Url):
    """A URL whose scheme may be left out."""

    def parse(self, raw: object) -> Secret | None:
        text = optional_text(raw)
        if text is None:
            return None
        return hide_credentials(text if "://" in text else f"http://{text}")


class Site(FilledText):
    """A site of Datadog's, such as ``datadoghq.eu``."""

    def check(self, value: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", value):
            raise ValueError("not a site, such as datadoghq.eu")


class Address(OptionType):
    """An address to listen on, or None."""

    words = "`HOST:PORT`; a port alone is one of the loopback address"
    metavar = "HOST:PORT"

    def make_schema(self) -> dict[str, object]:
        return {"type": ["string", "integer"]}

    def parse(self, raw: object) -> str | None:
        text = optional_text(raw)
        if text is None:
            return None
        host, port = split_address(text)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def check(self, value: str | None) -> None:
        if value is not None:
            split_address(value)


class Routes(Choices):
    """What is sent to an intake; at least one of the routes."""

    def __init__(self) -> None:
        super().__init__(*ROUTE_NAMES)

    def check(self, value: Sequence[str]) -> None:
        super().check(value)
        if not value:
            raise ValueError("is empty; to send nothing, take datadog out of the sinks")


class Endpoints(OptionType):
    """Further intakes, each with its keys."""

    words = "table of URLs, each with a list of keys; in one variable, as JSON"
    metavar = "JSON"

    def make_schema(self) -> dict[str, object]:
        keys = {"type": "array", "items": {"type": "string"}}
        return {"type": "object", "additionalProperties": keys}

    def parse(self, raw: object) -> dict[Secret, tuple[Secret, ...]]:
        endpoints: dict[Secret, tuple[Secret, ...]] = {}
        for url, keys in _parse_table(raw, "keys").items():
            # As in the Agent: each key counts once, and there may be none.
            unique = dict.fromkeys(parse_strings([] if keys is None else keys))
            endpoints[hide_credentials(parse_text(url))] = tuple(map(Secret, unique))
        return endpoints

    def check(self, value: Mapping[Secret, Sequence[Secret]]) -> None:
        def check_keys(keys: Sequence[Secret]) -> None:
            for key in keys:
                SecretText().check(key)

        _check_table(value, check_keys)

    def mask(self, text: str) -> str:
        return "***"


class EndpointRoutes(OptionType):
    """What is sent to further intakes."""

    words = "table of URLs, each with a list of routes; in one variable, as JSON"
    metavar = "JSON"

    def make_schema(self) -> dict[str, object]:
        return {"type": "object", "additionalProperties": Routes().make_schema()}

    def parse(self, raw: object) -> dict[Secret, tuple[str, ...]]:
        return {
            hide_credentials(parse_text(url)): Routes().parse(routes)
            for url, routes in _parse_table(raw, "routes").items()
            # What is present but empty counts as absent.
            if routes not in (None, "", [])
        }

    def check(self, value: Mapping[Secret, Sequence[str]]) -> None:
        _check_table(value, Routes().check)


def _parse_table(raw: object, items: str) -> Mapping[object, object]:
    value = parse_json(raw) if isinstance(raw, str) else raw
    if not isinstance(value, Mapping):
        raise ValueError(f"not a table of URLs, each with a list of {items}")  # noqa: TRY004 - the file's mistake, not ours
    return cast("Mapping[object, object]", value)


def _check_table(
    value: Mapping[Secret, Sequence[T]], check_items: Callable[[Sequence[T]], None]
) -> None:
    for url, items in value.items():
        try:
            _check_url(url)
            check_items(items)
        except ValueError as error:
            raise ValueError(f"{url}: {error}") from None


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
    if "?" in url or "#" in url:
        # Routes are appended to it, and a query might hold a key.
        raise ValueError("has a query or a fragment; give the part before it alone")
