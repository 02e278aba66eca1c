"""Write JSON in small pieces."""

import json
import math
from collections.abc import Iterator
from typing import Final, TypeAlias, Union

Json: TypeAlias = Union[  # noqa: UP007 - a name of its own inside it
    dict[str, "Json"], list["Json"], str, float, bool, None
]

# A list of at most this many numbers or texts is written at once, which takes some 10
# us.
_SHORT: Final = 100

_ENCODER: Final = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def write_json(value: Json, pieces: list[str]) -> Iterator[None]:
    """Write *value* as JSON into *pieces*; yields after each small step.

    A number that is not finite becomes null.
    """
    match value:
        case dict():
            if not all(_is_short(each) for each in value.values()):
                for index, (key, each) in enumerate(value.items()):
                    pieces.append(f"{',' if index else '{'}{json.dumps(key)}:")
                    yield from write_json(each, pieces)
                pieces.append("}")
                return
        case list():
            if not _is_short(value) and isinstance(value[0], dict | list):
                for index, each in enumerate(value):
                    pieces.append("," if index else "[")
                    yield from write_json(each, pieces)
                pieces.append("]")
                return
        case _:
            pass
    try:
        pieces.append(_ENCODER.encode(value))
    except ValueError:
        pieces.append(_ENCODER.encode(_make_finite(value)))
    yield


def _is_short(value: Json) -> bool:
    """Return whether *value* can be written quickly."""
    match value:
        case dict():
            return not value
        case list():
            return not value or (
                len(value) <= _SHORT and not isinstance(value[0], dict | list)
            )
        case _:
            return True


def _make_finite(value: Json) -> Json:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _make_finite(each) for key, each in value.items()}
        case list():
            return [_make_finite(each) for each in value]
        case _:
            return value
