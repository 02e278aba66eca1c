"""What every type of option has in common."""

from collections.abc import Sequence
from typing import Any

from statsd_trio.config.parsing import parse_strings
from statsd_trio.config.secret import mask_urls


class OptionType:
    """A type of value: how it is read, checked, masked and described.

    `parse` and `check` raise `ValueError` with words that fit behind ``NAME=value:``,
    or `ConfigError` with several lines of them.

    Attributes:
        words: what the documentation says of it.
        metavar: what stands for a value in a command's help.
        is_list: whether its flag can be repeated.
        known: the words that a value is one of, or any of; empty if there are others.
        items: the class of the items, where `parse` leaves them tables.
    """

    words: str
    metavar: str
    is_list: bool = False
    known: tuple[str, ...] = ()
    items: type | None = None

    def make_schema(self) -> dict[str, object]:
        """Return what JSON Schema says of it."""
        raise NotImplementedError

    def parse(self, raw: object) -> Any:
        """Read what a source gives: text, or what TOML or YAML made of it."""
        raise NotImplementedError

    def check(self, value: Any) -> None:
        """Refuse a value that no server can use, wherever it came from."""

    def mask(self, text: str) -> str:
        """Hide in a value, as somebody wrote it, what nobody else may see."""
        return mask_urls(text)


class CheckedList(OptionType):
    """A list of which the Agent leaves out the items that it does not know."""

    is_list = True

    def check_item(self, item: str) -> None:
        """Refuse one item."""
        raise NotImplementedError

    def parse(self, raw: object) -> tuple[str, ...]:
        """Read a list: JSON, or separated by commas, or else by spaces."""
        return parse_strings(raw)

    def check(self, value: Sequence[str]) -> None:
        """Refuse a list if one of its items is refused."""
        for item in value:
            self.check_item(item)
