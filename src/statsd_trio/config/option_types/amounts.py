"""The types of options that are a number with a unit: sizes and durations."""

import math
import re
from typing import Final

from statsd_trio.config.option_types.base import OptionType
from statsd_trio.config.option_types.scalars import check_least

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


class Bytes(OptionType):
    """A size of at least *least* bytes."""

    words = "bytes; `8MiB` and `10MB` are understood"
    metavar = "BYTES"

    def __init__(self, least: int = 0) -> None:
        self._least = least

    def make_schema(self) -> dict[str, object]:
        return {"type": ["integer", "string"]}

    def parse(self, raw: object) -> int:
        size = _parse_amount(raw, _SIZES, "not a size, such as 8192, 8MiB or 10MB")
        if not size.is_integer():
            raise ValueError("not a whole number of bytes")
        return int(size)

    def check(self, value: int) -> None:
        check_least(value, self._least)


class Seconds(OptionType):
    """A duration of more than 0 seconds."""

    words = "seconds; `500ms` and `5m` are understood"
    metavar = "SECONDS"

    def make_schema(self) -> dict[str, object]:
        return {"type": ["number", "string"]}

    def parse(self, raw: object) -> float:
        message = "not a duration, such as 10, 10s or 500ms"
        return _parse_amount(raw, _DURATIONS, message)

    def check(self, value: float) -> None:
        if not math.isfinite(value) or value <= 0:
            raise ValueError("must be more than 0")


class SecondsOrZero(Seconds):
    """A duration that may be 0 seconds."""

    def check(self, value: float) -> None:
        if not math.isfinite(value) or value < 0:
            raise ValueError("must be 0 or more")


class WholeSeconds(OptionType):
    """A duration of at least one second, without a fraction."""

    words = "whole seconds"
    metavar = "SECONDS"

    def make_schema(self) -> dict[str, object]:
        return {"type": ["integer", "string"]}

    def parse(self, raw: object) -> int:
        seconds = Seconds().parse(raw)
        if not seconds.is_integer():
            raise ValueError("not a whole number of seconds")
        return int(seconds)

    def check(self, value: int) -> None:
        check_least(value, 1)


def _parse_amount(raw: object, units: dict[str, float], message: str) -> float:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        if not math.isfinite(raw) or abs(raw) > 1e18:
            raise ValueError(message)
        return float(raw)
    match = _AMOUNT.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None:
        raise ValueError(message)
    number, unit = match.groups()
    for known, factor in units.items():
        if not unit or unit.lower() == known.lower():
            return float(number) * (factor if unit else 1)
    raise ValueError(f"unknown unit {unit!r}; known are {', '.join(units)}")
