"""Write the text of a failed assertion: the nearest misses first, then the rest.

If nothing arrived, the text guesses why, with reasons that a person can check.
"""

import inspect
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs

from pytest_statsd_trio.endpoint import Endpoint
from pytest_statsd_trio.expectations import Expectation, Miss
from pytest_statsd_trio.lines import (
    Line,
    write_event,
    write_rejected,
    write_sample,
    write_service_check,
)
from pytest_statsd_trio.received import TELEMETRY_PREFIX, Received, Rejected
from statsd_trio import Ledger
from statsd_trio.plural import describe_count

_SHOWN_MISSES: Final = 5
_SHOWN_LINES: Final = 20

_TELEMETRY_IS_APART: Final = (
    "a client's telemetry arrived, and is kept apart in `dogstatsd.telemetry`; "
    "the option --dogstatsd-telemetry counts it"
)


@attrs.frozen
class Circumstances:
    """What else may explain a failure.

    Attributes:
        received: what arrived in this test.
        late: what arrived between the previous test and this one.
        endpoint: where the server listens.
    """

    received: Received
    late: Received
    endpoint: Endpoint


def write_absence(
    expectation: Expectation,
    circumstances: Circumstances,
    silent: Sequence[str],
    seconds: float,
) -> str:
    """Describe why *expectation* was not met within *seconds*.

    Args:
        silent: the transports over which the server did not answer.
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
        lines += ["", found, *_guess_why(circumstances.endpoint)]
    lines += _write_misses(expectation.find_misses(circumstances.received))
    return "\n".join([*lines, *_write_all(circumstances)])


def write_unwanted(expectation: Expectation, circumstances: Circumstances) -> str:
    """Describe what arrived although it should not."""
    misses = expectation.find_misses(circumstances.received)
    lines = [f"{expectation.describe()} arrived, but none should have"]
    if misses:
        lines += ["", *_write_lines([miss.line for miss in misses])]
    return "\n".join([*lines, *_write_all(circumstances)])


def write_silence(silent: Sequence[str]) -> str:
    """Describe that a barrier did not get through."""
    return (
        f"the server receives nothing over {' and '.join(silent)}, "
        "so it is not known what was sent"
    )


def write_invalid(rejected: Sequence[Rejected]) -> str:
    """Describe which lines were rejected."""
    lines = describe_count(len(rejected), "line was", "lines were")
    return "\n".join([f"{lines} rejected", *_write_rejections(rejected)])


def write_forgotten(call: str) -> str:
    """Describe that *call* did not check anything."""
    return (
        f"{call} was not awaited, so it did not check anything: put `await` before it"
    )


def write_losses(losses: Sequence[str]) -> str:
    """Describe what was lost according to the ledger; see `find_losses`."""
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


def _guess_why(endpoint: Endpoint) -> Iterator[str]:
    """Guess why nothing arrived at *endpoint*, from what can be observed."""
    host, port = endpoint.address
    client: Any = getattr(sys.modules.get("datadog"), "statsd", None)
    if client is None:
        yield "a client that collects metrics before it sends them must be flushed"
    elif _holds_metrics_back(client):
        yield (
            "`datadog` collects metrics before it sends them: call `flush()` of the "
            "client, such as `datadog.statsd.flush()`"
        )
    yield (
        "a client made before the test may still send to port 8125: make it in the "
        f"test, or point it at {host}:{port}"
    )
    path = getattr(client, "socket_path", None)
    target = path or "{}:{}".format(
        getattr(client, "host", None), getattr(client, "port", None)
    )
    ours = {*endpoint.paths, f"{host}:{port}", f"localhost:{port}"}
    if client is not None and target not in ours:
        yield (
            f"`datadog.statsd` of this process sends to {target}: call "
            f"`datadog.initialize(statsd_host={host!r}, statsd_port={port})`"
        )


def _holds_metrics_back(client: Any) -> bool:
    """Return whether *client* buffers or aggregates, or clients do by default."""
    names = ("disable_buffering", "disable_aggregation")
    if any(getattr(client, f"_{name}", True) is False for name in names):
        return True
    maker: Any = getattr(sys.modules.get("datadog.dogstatsd.base"), "DogStatsd", None)
    if maker is None:
        return False
    defaults = inspect.signature(maker).parameters
    return any(name in defaults and defaults[name].default is False for name in names)


def find_losses(before: Ledger, after: Ledger) -> Iterator[str]:
    """Yield what was sent between the two ledgers and never reached a metric.

    Rejected lines are not lost: they arrived, and are kept with their reasons.
    """
    for old, new in zip(before.listeners, after.listeners, strict=True):
        dropped = (new.kernel_dropped or 0) - (old.kernel_dropped or 0)
        if dropped:
            packets = describe_count(dropped, "packet")
            yield f"{packets} dropped by the kernel on {new.name}"
        if new.truncated > old.truncated:
            packets = describe_count(new.truncated - old.truncated, "packet")
            yield f"{packets} cut short on {new.name}"
        for reason, count in new.refused.items():
            refused = count - old.refused.get(reason, 0)
            if refused:
                yield f"{refused} refused on {new.name}: {reason}"
    for reason, count in after.samples.dropped.items():
        dropped = count - before.samples.dropped.get(reason, 0)
        if dropped:
            yield f"{describe_count(dropped, 'value')} dropped: {reason}"
    dropped = after.samples.events_dropped - before.samples.events_dropped
    if dropped:
        what = describe_count(
            dropped, "event or service check", "events and service checks"
        )
        yield f"{what} dropped"
