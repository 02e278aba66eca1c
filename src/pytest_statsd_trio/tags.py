"""The tags that an assertion asks for, as a mapping or as tags."""

from collections.abc import Iterable, Mapping
from typing import cast
from unittest.mock import ANY

import attrs

Tags = Mapping[str, object] | Iterable[str] | None


@attrs.frozen
class WantedTag:
    """One tag that a message must have; others do not matter.

    Attributes:
        value: None for a tag without a colon, ANY for any value.
    """

    key: str
    value: object = None

    def __str__(self) -> str:
        if self.value is None:
            return self.key
        return f"{self.key}:{'*' if self.value is ANY else self.value}"

    def matches(self, tag: str) -> bool:
        """Tell whether *tag*, as sent, is this one."""
        if self.value is ANY:
            return tag.startswith(f"{self.key}:")
        return tag == str(self)


def read_tags(tags: Tags) -> tuple[WantedTag, ...]:
    """Read what a test wrote: ``{"env": "test"}`` or ``["env:test", "canary"]``.

    Raises:
        TypeError: if *tags* is one string, whose characters would be taken for tags.
    """
    if tags is None:
        return ()
    if isinstance(tags, str):
        raise TypeError(f"tags are a mapping or a list, not the string {tags!r}")
    if isinstance(tags, Mapping):
        pairs = cast("Mapping[str, object]", tags).items()
        return tuple(WantedTag(key, value) for key, value in pairs)
    wanted: list[WantedTag] = []
    for tag in tags:
        key, colon, value = tag.partition(":")
        wanted.append(WantedTag(key, value if colon else None))
    return tuple(wanted)


def find_missing(
    wanted: tuple[WantedTag, ...], tags: tuple[str, ...]
) -> list[WantedTag]:
    """Find which of *wanted* are not among *tags*."""
    return [each for each in wanted if not any(map(each.matches, tags))]
