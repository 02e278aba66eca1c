"""What a person wrote, in; a number, a fact or a list out.

Each function takes text, or the value that TOML or YAML made of it, and raises
`ValueError` with words that fit behind ``NAME=value:``.
"""

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Final, cast

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_AMOUNT: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([A-Za-zµ]*)")

_SIZES: Final = {
    "B": 1.0,
    "kB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "KiB": 1024.0,
    "MiB": 1024.0**2,
    "GiB": 1024.0**3,
}
_DURATIONS: Final = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}

# Go's strconv.ParseBool, which the Agent reads them with, and what people write.
_TRUE: Final = frozenset({"1", "t", "true", "y", "yes", "on"})
_FALSE: Final = frozenset({"0", "f", "false", "n", "no", "off"})


def parse_text(raw: object) -> str:
    """Read text; a number that YAML made of it is text again."""
    if isinstance(raw, str):
        return raw.strip()
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return str(raw)
    raise ValueError("not text")


def parse_whole(raw: object) -> int:
    """Read a whole number."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and _WHOLE.fullmatch(raw.strip()):
        return int(raw)
    raise ValueError("not a whole number")


def parse_fact(raw: object) -> bool:
    """Read true or false, as Go does, or yes, no, on, off."""
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower() if isinstance(raw, str | int) else ""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("neither true nor false")


def parse_bytes(raw: object) -> int:
    """Read a size in bytes: ``8192``, ``8MiB``, ``10MB``."""
    size = _parse_amount(raw, _SIZES, "not a size, such as 8192, 8MiB or 10MB")
    if not size.is_integer():
        raise ValueError("not a whole number of bytes")
    return int(size)


def parse_seconds(raw: object) -> float:
    """Read a duration in seconds: ``10``, ``2.5s``, ``500ms``, ``5m``."""
    return _parse_amount(raw, _DURATIONS, "not a duration, such as 10, 10s or 500ms")


def parse_whole_seconds(raw: object) -> int:
    """Read a duration that is a whole number of seconds."""
    seconds = parse_seconds(raw)
    if not seconds.is_integer():
        raise ValueError("not a whole number of seconds")
    return int(seconds)


def _parse_amount(raw: object, units: dict[str, float], refusal: str) -> float:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        if not math.isfinite(raw) or abs(raw) > 1e18:
            raise ValueError(refusal)
        return float(raw)
    match = _AMOUNT.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None:
        raise ValueError(refusal)
    number, unit = match.groups()
    for known, factor in units.items():
        if not unit or unit.lower() == known.lower():
            return float(number) * (factor if unit else 1)
    raise ValueError(f"unknown unit {unit!r}; known are {', '.join(units)}")


def parse_strings(raw: object) -> tuple[str, ...]:
    """Read a list: JSON, or separated by commas, or else by spaces.

    Items that are empty, or null, are left out.
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
    """Return *values* without null and empty text, which are as good as absent."""
    return [value for value in values if value not in (None, "")]


def parse_json(raw: str) -> object:
    """Read JSON that stands in one environment variable."""
    try:
        return cast("object", json.loads(raw))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None


def parse_port(raw: object) -> int | None:
    """Read a port as the Agent does: 0 is none, ``__random__`` is any free one."""
    if raw == "__random__":
        return 0
    try:
        port = parse_whole(raw)
    except ValueError:
        raise ValueError("not a port") from None
    return port or None


def split_address(address: str, default_host: str = "127.0.0.1") -> tuple[str, int]:
    """Split ``HOST:PORT``, ``[::1]:PORT``, ``:PORT`` or ``PORT``.

    Raises:
        ValueError: if it is none of these.
    """
    host, colon, port = address.rpartition(":")
    if not colon:
        host = ""
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address needs brackets, as in [::1]:8126")
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("not HOST:PORT")
    return host or default_host, int(port)
