"""Counts in messages."""

import pytest

from statsd_trio.plural import describe_count


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 lines"), (1, "1 line"), (2, "2 lines"), (-1, "-1 lines")],
)
def test_noun_is_in_the_plural_unless_there_is_one(count: int, shown: str) -> None:
    assert describe_count(count, "line") == shown


def test_plural_may_be_another_word() -> None:
    assert describe_count(1, "entry", "entries") == "1 entry"
    assert describe_count(2, "entry", "entries") == "2 entries"
