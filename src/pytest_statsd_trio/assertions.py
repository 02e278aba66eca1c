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
from pytest_statsd_trio.tags import Tags, read_tags
from statsd_trio.protocol import MetricType, ServiceStatus


def expect_counter(name: str, value: object, tags: Tags) -> MetricExpectation:
    """Expect a counter whose total is *value*."""
    return MetricExpectation(
        name=name,
        type=MetricType.COUNTER,
        tags=read_tags(tags),
        wanted="" if value is ANY else f"total {value}",
        check=check_total(value),
    )


def expect_gauge(name: str, value: object, tags: Tags) -> MetricExpectation:
    """Expect a gauge whose last value is *value*."""
    return MetricExpectation(
        name=name,
        type=MetricType.GAUGE,
        tags=read_tags(tags),
        wanted="" if value is ANY else f"last value {value}",
        check=check_last(value),
    )


def expect_set(name: str, members: object, tags: Tags) -> MetricExpectation:
    """Expect a set with *members*, or with so many."""
    if members is ANY:
        text = ""
    elif isinstance(members, int):
        text = f"{members} members"
    elif isinstance(members, Iterable) and not isinstance(members, str):
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
    return MetricExpectation(
        name=name,
        type=metric_type,
        tags=read_tags(tags),
        wanted=describe_values(count=count, between=between, values=values),
        check=check_values(count=count, between=between, values=values),
    )


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
