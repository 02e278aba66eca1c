"""Parse the parameters of a view from the query of its URL."""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from statsd_trio.dev.history import TYPE_NAMES

MAX_ROWS: Final = 500
_DEFAULT_ROWS: Final = 100
# As long as a packet; the head of a request has a limit of its own.
_MAX_TEXT: Final = 65_536
_MAX_TAGS: Final = 10
SORTS: Final = ("name", "type", "contexts", "lines", "last", "seen")
MINUTES: Final = (1, 5, 30)


class QueryError(Exception):
    """A parameter cannot be used; the message says which one and why."""


@attrs.frozen(kw_only=True)
class Query:
    """What a view is asked for; each view uses the parameters that concern it.

    A query is hashable, so that an answer can be kept for the next client that asks the
    same.
    """

    q: str = ""
    type: str = ""
    tags: tuple[str, ...] = ()
    sort: str = "name"
    is_descending: bool = False
    offset: int = 0
    limit: int = _DEFAULT_ROWS
    name: str = ""
    minutes: int = 5
    by: str = ""
    kind: str = ""


def read_query(parameters: Mapping[str, Sequence[str]]) -> Query:
    """Parse *parameters*; parameters that no view has are ignored.

    Raises:
        QueryError: if a parameter cannot be used.
    """

    def read_text(name: str) -> str:
        text = (parameters.get(name) or [""])[-1]
        if len(text) > _MAX_TEXT:
            raise QueryError(f"{name} has more than {_MAX_TEXT} characters")
        return text

    def read_choice(name: str, choices: Sequence[str], default: str) -> str:
        text = read_text(name) or default
        if text and text not in choices:
            raise QueryError(f"{name} must be one of {', '.join(choices)}")
        return text

    def read_number(name: str, default: int, least: int, most: int) -> int:
        text = read_text(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise QueryError(f"{name} is not a whole number")
        return min(max(int(text), least), most)

    tags = [tag for tag in parameters.get("tag", ()) if tag]
    if len(tags) > _MAX_TAGS or any(len(tag) > _MAX_TEXT for tag in tags):
        raise QueryError(f"there are more than {_MAX_TAGS} tags, or one is too long")
    minutes = int(read_choice("minutes", [str(each) for each in MINUTES], "5"))
    return Query(
        q=read_text("q").lower(),
        type=read_choice("type", tuple(TYPE_NAMES.values()), ""),
        tags=tuple(tags),
        sort=read_choice("sort", SORTS, "name"),
        is_descending=read_choice("order", ("asc", "desc"), "asc") == "desc",
        offset=read_number("offset", 0, 0, 10_000_000),
        limit=read_number("limit", _DEFAULT_ROWS, 0, MAX_ROWS),
        name=read_text("name"),
        minutes=minutes,
        by=read_text("by"),
        kind=read_choice("kind", ("event", "service_check"), ""),
    )
