"""Find out what is probably wrong with a metric, in words for its sender."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from statsd_trio.dev.metrics import MAX_KEPT_VALUES, Metric

# Fewer values than this are not a problem, whatever they look like.
_FEW_VALUES: Final = 20
_SHOWN_VALUES: Final = 3
_IDENTIFIER: Final = re.compile(
    r"[0-9]{5,}"  # a number that counts something
    r"|[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F-]{4,}"  # a UUID, or part of one
    r"|(?=[^/]*[0-9])(?=[^/]*[a-zA-Z])[0-9a-zA-Z]{16,}"  # a token
    r"|[^@\s]+@[^@\s]+\.[a-z]+"  # an address
    r"|[a-zA-Z_-]*[0-9]{3,}"  # user123
)


class Problem(NamedTuple):
    """Something that the sender probably did not mean.

    Attributes:
        code: a stable code.
        text: one or two sentences.
        tag: the key of the tag concerned; "" if no tag is.
    """

    code: str
    text: str
    tag: str = ""


def find_problems(metric: Metric) -> Iterator[Problem]:
    """Yield what is probably wrong with a metric."""
    types = metric.types
    if len(types) > 1:
        text = (
            f"The name comes as {' and as '.join(types)}. Datadog keeps one type for a "
            "name, so the others are lost or wrong there; give each its own name."
        )
        yield Problem("mixed_types", text)
    for key in find_unbounded_tags(metric):
        values = metric.tag_values[key]
        shown = ", ".join(sorted(values)[:_SHOWN_VALUES])
        more = " or more" if len(values) >= MAX_KEPT_VALUES else ""
        text = (
            f"The tag {key} has {len(values)}{more} values, such as {shown}. Each is a "
            "custom metric of its own, which costs; leave the tag out, or use one that "
            "has few values."
        )
        yield Problem("unbounded_tag", text, key)
    if metric.rate_on_gauge:
        text = (
            "A sample rate has no effect on a gauge or a set: Datadog ignores it. "
            "Send each value, without a rate."
        )
        yield Problem("rate_on_gauge", text)
    if metric.looks_like_seconds:
        text = (
            "The values look like seconds, and the metric is one of milliseconds. "
            "Multiply them by 1000."
        )
        yield Problem("seconds_in_ms", text)
    for code, text in metric.warnings.items():
        if not (code == "ignored_rate" and metric.rate_on_gauge):
            yield Problem(code, text)


def list_codes(metric: Metric) -> list[str]:
    """Return the codes of the problems of a metric, without duplicates."""
    codes: dict[str, None] = {}
    if len(metric.kinds) > 1:
        codes["mixed_types"] = None
    if any(is_unbounded(metric, key) for key in metric.tag_values):
        codes["unbounded_tag"] = None
    if metric.rate_on_gauge:
        codes["rate_on_gauge"] = None
    if metric.looks_like_seconds:
        codes["seconds_in_ms"] = None
    codes.update(dict.fromkeys(metric.warnings))
    if metric.rate_on_gauge:
        codes.pop("ignored_rate", None)
    return list(codes)


def find_unbounded_tags(metric: Metric) -> list[str]:
    """Return the keys of tags that look as if their values never end."""
    return [key for key in metric.tag_values if is_unbounded(metric, key)]


def is_unbounded(metric: Metric, key: str) -> bool:
    """Return whether the tag *key* looks as if its values never end."""
    values = metric.tag_values.get(key, set())
    count, is_found = metric.unbounded_tags.get(key, (0, False))
    if count != len(values):
        is_found = looks_unbounded(values)
        metric.unbounded_tags[key] = (len(values), is_found)
    return is_found


def looks_unbounded(values: set[str]) -> bool:
    """Return whether *values* look as if there will always be new ones."""
    if len(values) < _FEW_VALUES:
        return False
    if len(values) >= MAX_KEPT_VALUES:
        return True
    identifiers = sum(_IDENTIFIER.fullmatch(value) is not None for value in values)
    return 2 * identifiers > len(values)
