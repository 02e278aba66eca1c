"""The types of options about other machines: keys, URLs, addresses."""

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

# What can be sent to an intake, the most important first.
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
            raise ValueError(
                "is a handle of the Agent's secret backend, which is not supported here"
            )
        if not key.isascii() or not key.isprintable() or " " in key:
            # It is sent in a header.
            raise ValueError("has a character that cannot be in a key")

    def mask(self, text: str) -> str:
        return "***"


class Url(OptionType):
    """An HTTP URL, or None."""

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
    """A URL that may be given without its scheme."""

    def parse(self, raw: object) -> Secret | None:
        text = optional_text(raw)
        if text is None:
            return None
        return hide_credentials(text if "://" in text else f"http://{text}")


class Site(FilledText):
    """A Datadog site, such as ``datadoghq.eu``."""

    def check(self, value: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", value):
            raise ValueError("not a site, such as datadoghq.eu")


class Address(OptionType):
    """An address to listen on, or None."""

    words = "`HOST:PORT`; a port alone means the loopback address"
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
    """What is sent to an intake: one route or more."""

    def __init__(self) -> None:
        super().__init__(*ROUTE_NAMES)

    def check(self, value: Sequence[str]) -> None:
        super().check(value)
        if not value:
            raise ValueError("is empty; to send nothing, take datadog out of the sinks")


class Endpoints(OptionType):
    """Additional intakes, each with its keys."""

    words = "table of URLs, each with a list of keys; in one variable, as JSON"
    metavar = "JSON"

    def make_schema(self) -> dict[str, object]:
        keys = {"type": "array", "items": {"type": "string"}}
        return {"type": "object", "additionalProperties": keys}

    def parse(self, raw: object) -> dict[Secret, tuple[Secret, ...]]:
        endpoints: dict[Secret, tuple[Secret, ...]] = {}
        for url, keys in _parse_table(raw, "keys").items():
            # As in the Agent, a repeated key counts once, and there may be no keys at
            # all.
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
    """What is sent to each additional intake."""

    words = "table of URLs, each with a list of routes; in one variable, as JSON"
    metavar = "JSON"

    def make_schema(self) -> dict[str, object]:
        return {"type": "object", "additionalProperties": Routes().make_schema()}

    def parse(self, raw: object) -> dict[Secret, tuple[str, ...]]:
        return {
            hide_credentials(parse_text(url)): Routes().parse(routes)
            for url, routes in _parse_table(raw, "routes").items()
            # A setting that is present but empty counts as not set.
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
        # `port` is read because it may not be a number, or may be too large.
        _ = parts.port
    except ValueError:
        is_usable = False
    if not is_usable:
        hint = "; a password in it must be percent-encoded" if "@" in url else ""
        raise ValueError(f"not a URL, such as https://example.com{hint}")
    if "?" in url or "#" in url:
        # Routes are appended to the URL, and a query might contain a key.
        raise ValueError("has a query or a fragment; give only the part before it")
