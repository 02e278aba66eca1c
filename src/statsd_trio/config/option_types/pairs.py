"""The types of options that are names with values, in OpenTelemetry's form.

Source: opentelemetry-specification, resource/sdk.md and protocol/exporter.md:
``key=value,key=value``, in which values, and keys too, may be percent-encoded.
"""

import re
import urllib.parse
from collections.abc import Mapping
from typing import Any, Final, cast

from statsd_trio.config.option_types.base import OptionType
from statsd_trio.config.option_types.scalars import check_text
from statsd_trio.config.parsing import parse_text
from statsd_trio.config.secret import Secret

# Source: RFC 9110, 5.6.2.
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# Headers that every request sets itself.
_OWN_HEADERS: Final = frozenset(
    {"content-encoding", "content-length", "content-type", "host", "transfer-encoding"}
)


class Pairs(OptionType):
    """A table of texts."""

    words = (
        "table of texts; in one variable, `key=value,key=value`, in which special"
        " characters are percent-encoded"
    )
    metavar = "KEY=VALUE,..."

    def make_schema(self) -> dict[str, object]:
        return {"type": "object", "additionalProperties": {"type": "string"}}

    def parse(self, raw: object) -> Mapping[str, Any]:
        if isinstance(raw, Mapping):
            table = cast("Mapping[object, object]", raw)
            return {parse_text(key): parse_text(text) for key, text in table.items()}
        return dict(_split(part) for part in parse_text(raw).split(",") if part.strip())

    def check(self, value: Mapping[str, Any]) -> None:
        for key, text in value.items():
            if not key:
                raise ValueError("has a value without a key")
            check_text(key)
            check_text(text)


class Headers(Pairs):
    """A table of HTTP headers, whose values are never shown."""

    words = f"{Pairs.words}; values are never shown"

    def parse(self, raw: object) -> Mapping[str, Secret]:
        return {name: Secret(text) for name, text in super().parse(raw).items()}

    def check(self, value: Mapping[str, Secret]) -> None:
        for name, secret in value.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not the name of a header")
            if name.lower() in _OWN_HEADERS:
                raise ValueError(f"the header {name} is set by the sink itself")
            text = secret.reveal()
            if not text.isascii() or not text.isprintable():
                raise ValueError(
                    f"the header {name} has a character that is not allowed"
                )

    def mask(self, text: str) -> str:
        return "***"


def _split(part: str) -> tuple[str, str]:
    key, equals, text = part.partition("=")
    if not equals:
        raise ValueError("not key=value,key=value")
    return urllib.parse.unquote(key.strip()), urllib.parse.unquote(text.strip())
