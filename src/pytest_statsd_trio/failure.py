"""The text of a failed assertion: the nearest misses first, then all there is."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import attrs

from pytest_statsd_trio.expectations import Expectation, Miss
from pytest_statsd_trio.lines import (
    Line,
    write_event,
    write_rejected,
    write_sample,
    write_service_check,
)
from pytest_statsd_trio.received import Received, Rejected
from pytest_statsd_trio.recorder import TELEMETRY_PREFIX

_SHOWN_MISSES: Final = 5
_SHOWN_LINES: Final = 20

_TELEMETRY_IS_APART: Final = (
    "a client's telemetry arrived, and is kept apart in `dogstatsd.telemetry`; "
    "the option --dogstatsd-telemetry counts it"
)


@attrs.frozen
class Circumstances:
    """What else explains a failure.

    Attributes:
        received: in this test.
        late: what came between the former test and this one.
        hints: why nothing may have arrived, one line each.
    """

    received: Received
    late: Received
    hints: Callable[[], Iterable[str]]


def write_absence(
    expectation: Expectation,
    circumstances: Circumstances,
    silent: Sequence[str],
    seconds: float,
) -> str:
    """Write why *expectation* was not met within *seconds*.

    Args:
        silent: the transports by which the server gave no answer.
    """
    headline = f"no {expectation.describe()} arrived within {seconds:g} s"
    lines = [headline]
    if silent:
        lines += ["", write_silence(silent)]
    received = circumstances.received
    if received.telemetry and TELEMETRY_PREFIX in headline:
        lines += ["", _TELEMETRY_IS_APART]
    elif not len(received):
        found = _TELEMETRY_IS_APART if received.telemetry else "no packet arrived"
        lines += ["", found, *circumstances.hints()]
    lines += _write_misses(expectation.find_misses(circumstances.received))
    return "\n".join([*lines, *_write_all(circumstances)])


def write_unwanted(expectation: Expectation, circumstances: Circumstances) -> str:
    """Write what arrived that was not to."""
    misses = expectation.find_misses(circumstances.received)
    lines = [f"{expectation.describe()} arrived, but none was to"]
    if misses:
        lines += ["", *_write_lines([miss.line for miss in misses])]
    return "\n".join([*lines, *_write_all(circumstances)])


def write_silence(silent: Sequence[str]) -> str:
    """Write that a barrier did not come through."""
    return (
        f"the server takes in nothing by {' and '.join(silent)}, "
        "so what was sent cannot be told"
    )


def write_invalid(rejected: Sequence[Rejected]) -> str:
    """Write which lines were rejected."""
    lines = "1 line was" if len(rejected) == 1 else f"{len(rejected)} lines were"
    return "\n".join([f"{lines} rejected", *_write_rejections(rejected)])


def write_forgotten(call: str) -> str:
    """Write that *call* checked nothing."""
    return f"{call} was not awaited, so it has checked nothing: put `await` before it"


def write_losses(losses: Sequence[str]) -> str:
    """Write what the ledger says was lost."""
    return "\n".join(["lost in this test:", *(f"  {loss}" for loss in losses)])


def _write_all(circumstances: Circumstances) -> Iterator[str]:
    received = circumstances.received
    yield from _write_rejections(received.rejected)
    yield from _write_received("received in this test:", received)
    yield from _write_received(
        "arrived before this test began, so sent by an earlier one:",
        circumstances.late,
    )


def _write_misses(misses: list[Miss]) -> Iterator[str]:
    counts: dict[Miss, int] = {}
    for miss in misses:
        counts[miss] = counts.get(miss, 0) + 1
    nearest = sorted(counts, key=lambda miss: miss.distance)
    if nearest:
        yield from ("", "nearest:")
    for miss in nearest[:_SHOWN_MISSES]:
        times = f"  ({counts[miss]} times)" if counts[miss] > 1 else ""
        yield f"  {miss.line}{times}"
        reasons = "; ".join(miss.reasons)
        yield f"  {miss.line.underline(miss.parts)} {reasons}"
    yield from _count_rest(len(nearest) - _SHOWN_MISSES)


def _write_rejections(rejected: Sequence[Rejected]) -> Iterator[str]:
    if rejected:
        yield from ("", "rejected:")
    for each in rejected[:_SHOWN_LINES]:
        line = write_rejected(each)
        yield f"  {line}"
        yield f"  {line.underline(['wrong'])} {each.reason}: {each.message}"
    yield from _count_rest(len(rejected) - _SHOWN_LINES)


def _write_received(title: str, received: Received) -> Iterator[str]:
    lines = [
        *map(write_sample, received.metrics),
        *map(write_event, received.events),
        *map(write_service_check, received.service_checks),
    ]
    if lines:
        yield from ("", title)
    yield from _write_lines(lines)


def _write_lines(lines: Sequence[Line]) -> Iterator[str]:
    yield from (f"  {line}" for line in lines[:_SHOWN_LINES])
    yield from _count_rest(len(lines) - _SHOWN_LINES)


def _count_rest(rest: int) -> Iterator[str]:
    if rest > 0:
        yield f"  ... and {rest} more"
