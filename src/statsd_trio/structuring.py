"""Convert JSON, TOML and YAML to attrs classes, and describe what does not fit.

By default, cattrs reads the text ``"5"`` as the number 5, and a text as the list of its
characters. `StrictConverter` accepts each value only as the type that it has.
"""

import reprlib
from collections.abc import Callable, Iterator, Mapping
from types import GenericAlias
from typing import Any, Final, cast, get_args, get_origin

import attrs
import cattrs
from cattrs import cols
from cattrs.gen import make_dict_structure_fn, override

from statsd_trio.suggestion import find_nearest

# Metadata of an attribute: the name of its member in the input, if it is another one;
# None if there is no member for it.
MEMBER: Final = "member"

_WORDS: Final[Mapping[type, str]] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
}

_Structure = Callable[[Any, Any], Any]


class StrictConverter(cattrs.Converter):
    """A converter that accepts every value only as the type that it has.

    A member that is null counts as missing. Named tuples are tables, like attrs
    classes.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for scalar in (str, int, float):
            self.register_structure_hook(scalar, _take)
        self.register_structure_hook_func(_is_collection, self._take_collection)
        self.register_structure_hook_factory(attrs.has, self._make_class_hook)
        self.register_structure_hook_factory(cols.is_namedtuple, self._make_tuple_hook)

    def _take_collection(self, value: Any, cls: Any) -> Any:
        kind: Any = list if get_origin(cls) is tuple else dict
        arguments = get_args(cls)[: 1 if kind is list else 2]
        plain: Any = GenericAlias(kind, arguments)
        taken: Any = self.structure(_take(value, kind), plain)
        return tuple(taken) if kind is list else taken

    def _make_class_hook(self, cls: type[attrs.AttrsInstance]) -> _Structure:
        renamed: dict[str, Any] = {
            field.name: override(rename=member, omit=True if member is None else None)
            for field in attrs.fields(cls)
            if (member := field.metadata.get(MEMBER, field.name)) != field.name
        }
        return _take_members(make_dict_structure_fn(cls, self, **renamed))

    def _make_tuple_hook(self, cls: type[tuple[Any, ...]]) -> _Structure:
        structure = cols.namedtuple_dict_structure_factory(cls, self)  # pyright: ignore[reportUnknownMemberType]
        return _take_members(structure)


def list_problems(error: Exception, *place: str) -> Iterator[str]:
    """Yield what is wrong with a value, each problem with its place.

    Args:
        error: the error of structuring the value.
        place: the names that lead to the value, from the outside in.
    """
    if isinstance(error, cattrs.ClassValidationError):
        noted, others = error.group_exceptions()
        for each, note in noted:
            yield from list_problems(each, *place, _name_member(error.cl, note.name))
    elif isinstance(error, cattrs.IterableValidationError):
        entries, others = error.group_exceptions()
        for each, entry in entries:
            yield from list_problems(each, *place, _name_entry(entry.index))
    else:
        yield ": ".join(filter(None, (", ".join(place), _describe(error))))
        return
    for each in others:
        yield from list_problems(each, *place)


def _name_member(cls: type, name: str) -> str:
    if not attrs.has(cls):
        return name
    return str(attrs.fields_dict(cls)[name].metadata.get(MEMBER, name))


def _name_entry(index: int | str) -> str:
    return f"entry {index + 1}" if isinstance(index, int) else reprlib.repr(index)


def _describe(error: Exception) -> str:
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        known = [_name_member(error.cl, field.name) for field in attrs.fields(error.cl)]
        return ", ".join(
            _describe_unknown(name, known) for name in sorted(error.extra_fields)
        )
    if isinstance(error, KeyError):
        return "is missing"
    # A library may have added objects of its own after the text.
    return str(error.args[0] if error.args else error)


def _describe_unknown(name: str, known: list[str]) -> str:
    near = find_nearest(name, known)
    hint = "" if near is None else f" (did you mean {near}?)"
    return f"unknown key {reprlib.repr(name)}{hint}"


def _is_collection(cls: Any) -> bool:
    origin = get_origin(cls)
    return origin is Mapping or (origin is tuple and get_args(cls)[1:] == (...,))


def _take(value: Any, kind: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and is_number:
        try:
            return float(value)
        except OverflowError:
            raise ValueError("is out of range") from None
    if not isinstance(value, kind) or (kind is int and not is_number):
        raise ValueError(f"must be {_WORDS[kind]}, not {reprlib.repr(value)}")
    return value


def _take_members(structure: _Structure) -> _Structure:
    def take(value: Any, cls: Any) -> Any:
        members = cast("dict[Any, Any]", _take(value, dict))
        # A key may be a number in YAML; cattrs wants text to name it.
        given = {str(name): each for name, each in members.items() if each is not None}
        return structure(given, cls)

    return take
