"""Parse texts, lists and addresses that people write.

Each function takes text, or the value that TOML or YAML turned it into, and raises
`ValueError` with a text that fits after ``NAME=value:``.
"""

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import cast


def parse_text(raw: object) -> str:
    """Return text; a number that YAML made of a text becomes text again."""
    if isinstance(raw, str):
        return raw.strip()
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return str(raw)
    raise ValueError("not text")


def parse_strings(raw: object) -> tuple[str, ...]:
    """Parse a list: JSON, or items separated by commas or, without commas, by spaces.

    Empty and null items are left out.
    """
    if isinstance(raw, str):
        if raw.lstrip().startswith("["):
            return parse_strings(parse_json(raw))
        parts = raw.split(",") if "," in raw else raw.split()
        return tuple(part.strip() for part in parts if part.strip())
    if isinstance(raw, list | tuple):
        items = drop_empty(cast("Sequence[object]", raw))
        return tuple(parse_text(item) for item in items)
    raise ValueError("not a list of strings")


def drop_empty(values: Iterable[object]) -> list[object]:
    """Return *values* without null and empty texts, which count as missing."""
    return [value for value in values if value not in (None, "")]


def parse_json(raw: str) -> object:
    """Parse the JSON in an environment variable."""
    try:
        return cast("object", json.loads(raw))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None


def parse_percentile(fraction: str) -> int:
    """Parse a fraction of 1, such as ``0.95``, as percent.

    Source: datadog-agent, pkg/metrics/histogram.go, ParsePercentiles.
    """
    try:
        number = float(fraction)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise ValueError(
            f"{fraction!r} is not a percentile, which is a number from 0 to 1"
        )
    return int(number * 100 + 0.5)


def split_address(address: str, default_host: str = "127.0.0.1") -> tuple[str, int]:
    """Split ``HOST:PORT``, ``[::1]:PORT``, ``:PORT`` or ``PORT``.

    Raises:
        ValueError: if *address* has none of these forms.
    """
    if "://" in address:
        raise ValueError("write HOST:PORT, such as 127.0.0.1:8129, without a scheme")
    host, colon, port = address.rpartition(":")
    if not colon:
        host = ""
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address needs brackets, as in [::1]:8126")
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("not HOST:PORT, such as 127.0.0.1:8129")
    return host or default_host, int(port)
