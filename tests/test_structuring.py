"""What documents hold is taken as it is typed, or refused with its place."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import attrs
import cattrs
import pytest

from statsd_trio.structuring import MEMBER, StrictConverter, list_problems


class Point(NamedTuple):
    x: int
    y: float


@attrs.frozen
class Line:
    name: str = attrs.field(metadata={MEMBER: "title"})
    points: tuple[Point, ...] = ()
    labels: Mapping[str, str] = attrs.field(factory=dict[str, str])
    secret: int = attrs.field(default=0, metadata={MEMBER: None})


CONVERTER: Final = StrictConverter(forbid_extra_keys=True)


def find_problems(value: Any) -> list[str]:
    with pytest.raises((cattrs.BaseValidationError, ValueError)) as caught:
        CONVERTER.structure(value, Line)
    return list(list_problems(caught.value, "the line"))


def test_a_document_is_taken_as_it_is_typed() -> None:
    document = {"title": "a", "points": [{"x": 1, "y": 2}], "labels": {"b": "c"}}
    assert CONVERTER.structure(document, Line) == Line(
        "a", (Point(1, 2.0),), {"b": "c"}
    )


def test_null_counts_as_left_out() -> None:
    assert CONVERTER.structure({"title": "a", "points": None}, Line) == Line("a")
    assert find_problems({"title": None}) == ["the line, title: is missing"]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([], "the line: must be a table, not []"),
        ({"title": 1}, "the line, title: must be text, not 1"),
        ({"title": "a", "points": "bc"}, ", points: must be a list, not 'bc'"),
        ({"title": "a", "points": {}}, ", points: must be a list, not {}"),
        ({"title": "a", "points": [[1, 2]]}, "entry 1: must be a table, not [1, 2]"),
        ({"title": "a", "points": [{"x": 1.0, "y": 1}]}, ", x: must be a whole number"),
        ({"title": "a", "points": [{"x": True, "y": 1}]}, ", x: must be a whole numb"),
        ({"title": "a", "points": [{"x": 1, "y": False}]}, ", y: must be a number, n"),
        ({"title": "a", "points": [{"x": 1, "y": 10**400}]}, ", y: is out of range"),
        ({"title": "a", "labels": {"b\x1b": 1}}, r", labels, 'b\x1b': must be text"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(value: Any, problem: str) -> None:
    (told,) = find_problems(value)
    assert problem in told


def test_a_name_that_no_attribute_has_is_named_with_the_nearest() -> None:
    assert find_problems({"title": "a", "titel": "b", 3: "c"}) == [
        "the line: unknown key '3', unknown key 'titel' (did you mean title?)"
    ]


def test_an_attribute_without_a_member_is_not_read() -> None:
    assert find_problems({"title": "a", "secret": 3}) == [
        "the line: unknown key 'secret'"
    ]


def test_a_long_value_is_cut() -> None:
    (told,) = find_problems({"title": ["a" * 10_000]})
    assert len(told) < 100
