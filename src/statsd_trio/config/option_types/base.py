"""The base of all types of options."""

from collections.abc import Sequence
from typing import Any

from statsd_trio.config.parsing import parse_strings
from statsd_trio.config.secret import mask_urls


class OptionType:
    """A type of value: how to read, check, mask and describe it.

    `parse` and `check` raise `ValueError` with a text that fits after ``NAME=value:``,
    or `ConfigError` with several such lines.

    Attributes:
        words: the description of the type in the documentation.
        metavar: the placeholder for a value in a command's help.
        is_list: whether its flag can be repeated.
        known: the words that may be chosen; empty if any word is possible.
        items: the class of the items, if `parse` returns them as tables.
    """

    words: str
    metavar: str
    is_list: bool = False
    known: tuple[str, ...] = ()
    items: type | None = None

    def make_schema(self) -> dict[str, object]:
        """Return the JSON Schema of the type."""
        raise NotImplementedError

    def parse(self, raw: object) -> Any:
        """Read a value: text, or what TOML or YAML turned it into."""
        raise NotImplementedError

    def check(self, value: Any) -> None:
        """Raise an error for a value that no server can use, whatever its source."""

    def mask(self, text: str) -> str:
        """Return a value, as it was written, with its secret parts hidden."""
        return mask_urls(text)


class CheckedList(OptionType):
    """A list whose unknown items the Agent ignores."""

    is_list = True

    def check_item(self, item: str) -> None:
        """Raise an error if *item* is not allowed."""
        raise NotImplementedError

    def parse(self, raw: object) -> tuple[str, ...]:
        """Read a list: JSON, or items separated by commas, or only by spaces."""
        return parse_strings(raw)

    def check(self, value: Sequence[str]) -> None:
        """Raise an error if one of the items is not allowed."""
        for item in value:
            self.check_item(item)
