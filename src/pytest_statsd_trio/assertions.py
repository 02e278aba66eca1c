"""Assertions as values: what a test wrote in, an `Expectation` out."""

from collections.abc import Iterable
from typing import cast
from unittest.mock import ANY

from pytest_statsd_trio.expectations import (
    MetricExpectation,
    check_last,
    check_members,
    check_total,
    check_values,
    describe_values,
)
from pytest_statsd_trio.fields import FieldsExpectation, keep_wanted
from pytest_statsd_trio.lines import format_number
from pytest_statsd_trio.tags import Tags, read_tags
from statsd_trio.protocol import MetricType, ServiceStatus


def expect_counter(name: str, value: object, tags: Tags) -> MetricExpectation:
    """Expect a counter whose total is *value*."""
    refuse_text("a counter's total", value)
    return MetricExpectation(
        name=name,
        type=MetricType.COUNTER,
        tags=read_tags(tags),
        wanted="" if value is ANY else f"total {value}",
        check=check_total(value),
    )


def expect_gauge(name: str, value: object, tags: Tags) -> MetricExpectation:
    """Expect a gauge whose last value is *value*."""
    refuse_text("a gauge's value", value)
    return MetricExpectation(
        name=name,
        type=MetricType.GAUGE,
        tags=read_tags(tags),
        wanted="" if value is ANY else f"last value {value}",
        check=check_last(value),
    )


def expect_set(name: str, members: object, tags: Tags) -> MetricExpectation:
    """Expect a set with *members*, or with so many.

    Raises:
        TypeError: if *members* is one text, whose characters would be the members.
    """
    if isinstance(members, str | bytes):
        raise TypeError(
            f"members are a collection, or a number of them, not the text {members!r}; "
            f"write {{{members!r}}}"
        )
    if members is ANY:
        text = ""
    elif isinstance(members, int):
        text = f"{members} members"
    elif isinstance(members, Iterable):
        members = {str(member) for member in cast("Iterable[object]", members)}
        text = f"members {sorted(members)}"
    else:
        text = f"members {members}"
    return MetricExpectation(
        name=name,
        type=MetricType.SET,
        tags=read_tags(tags),
        wanted=text,
        check=check_members(members),
    )


def expect_values(
    name: str,
    metric_type: MetricType,
    tags: Tags,
    *,
    count: object,
    between: tuple[float, float] | None,
    values: object,
) -> MetricExpectation:
    """Expect single values of a histogram, a timing or a distribution."""
    refuse_text("count", count)
    refuse_text("values", values)
    for bound in between or ():
        refuse_text("a bound", bound)
    for value in _list_values(values):
        refuse_text("a value", value)
    return MetricExpectation(
        name=name,
        type=metric_type,
        tags=read_tags(tags),
        wanted=describe_values(count=count, between=between, values=values),
        check=check_values(count=count, between=between, values=values),
    )


def _list_values(values: object) -> list[object]:
    return cast("list[object]", values) if isinstance(values, list) else []


def refuse_text(what: str, value: object) -> None:
    """Refuse a number that is written as text, which equals no number.

    Raises:
        TypeError: naming *value*.
    """
    if not isinstance(value, str | bytes):
        return
    try:
        instead = f"; write {format_number(float(value))}"
    except ValueError:
        instead = ""
    raise TypeError(f"{what} is a number, but {value!r} is text{instead}")


def expect_event(tags: Tags, **fields: object) -> FieldsExpectation:
    """Expect an event with *fields*."""
    return FieldsExpectation("event", keep_wanted(**fields), read_tags(tags))


def expect_service_check(
    name: str, status: object, message: object, tags: Tags
) -> FieldsExpectation:
    """Expect a service check; its status is a number or a name."""
    return FieldsExpectation(
        "service check",
        keep_wanted(name=name, status=_read_status(status), message=message),
        read_tags(tags),
    )


def _read_status(status: object) -> object:
    """Read a status; one that there is not would never be met.

    Raises:
        ValueError: naming the status.
    """
    if isinstance(status, str):
        try:
            return ServiceStatus[status.upper()]
        except KeyError:
            names = ", ".join(each.name for each in ServiceStatus)
            raise ValueError(f"{status!r} is no status; there are {names}") from None
    if isinstance(status, int):
        return ServiceStatus(status)
    return status
