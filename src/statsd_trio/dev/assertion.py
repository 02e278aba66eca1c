"""Write an assertion for the pytest plugin that fits what was seen of a metric."""

from collections.abc import Sequence
from typing import Final

from statsd_trio.dev.metrics import Track
from statsd_trio.engine.context import (
    COUNTER,
    DISTRIBUTION,
    GAUGE,
    HISTOGRAM,
    SET,
    TIMER,
)

_METHODS: Final = {
    COUNTER: "assert_counter",
    GAUGE: "assert_gauge",
    SET: "assert_set",
    HISTOGRAM: "assert_histogram",
    TIMER: "assert_timing",
    DISTRIBUTION: "assert_distribution",
}


def write_assertion(
    name: str, kind: int, tags: Sequence[str], last: float | None
) -> str:
    """Write the assertion for a test that sends such a metric once more.

    Args:
        name: the name of the metric.
        kind: an index into `TYPES`.
        tags: the tags that the line must have.
        last: the value of a counter or a gauge, if it is known.
    """
    arguments = [_quote(name)]
    # A value that is left out matches any value.
    if kind in {COUNTER, GAUGE} and last is not None:
        arguments.append(f"{last:.15g}")
    if tags:
        arguments.append(f"tags=[{', '.join(map(_quote, tags))}]")
    return f"dogstatsd.{_METHODS[kind]}({', '.join(arguments)})"


def write_track_assertion(track: Track, left_out: frozenset[str]) -> str:
    """Write the assertion for one context, without the tags that the server adds."""
    figures = track.read_last()
    last = figures.get("count" if track.kind == COUNTER else "value")
    tags = [tag for tag in track.tags if tag not in left_out]
    return write_assertion(track.metric.name, track.kind, tags, last)


def _quote(text: str) -> str:
    """Return *text* as a Python literal in double quotes, in ASCII only."""
    written = ascii(text)
    if written[0] == "'":
        written = '"' + written[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
    return written
