"""Whether a server does its work, and what else is wrong, by its ledger."""

import time
from typing import Final

from statsd_trio.ledger import Ledger, SinkLedger

# One flush may be late by the length of another.
_OVERDUE_INTERVALS: Final = 2


def find_unready(
    ledger: Ledger, *, seconds_since_flush: float, interval_seconds: int
) -> list[str]:
    """Return what keeps the server from doing its work, one line for each reason.

    An additional endpoint does not: the main one takes every point. What is wrong
    with it stands among the conditions.
    """
    reasons: list[str] = []
    if not ledger.listeners:
        reasons.append("nothing is bound")
    if seconds_since_flush > _OVERDUE_INTERVALS * interval_seconds:
        reasons.append(f"the last flush was {seconds_since_flush:.0f} seconds ago")
    reasons += [
        f"{listener.name}: receives nothing: {listener.failure}"
        for listener in ledger.listeners
        if listener.failure
    ]
    for sink in ledger.sinks:
        if not sink.is_additional:
            reasons += [f"{sink.name}: {trouble}" for trouble in _find_trouble(sink)]
    return reasons


def find_conditions(ledger: Ledger) -> dict[str, str]:
    """Return what is wrong though the server does its work, by its name.

    These are the additional endpoints that fail, and single routes that do, where
    that does not keep their endpoint from its work.
    """
    conditions: dict[str, str] = {}
    for sink in ledger.sinks:
        trouble = _find_trouble(sink)
        if trouble and sink.is_additional:
            conditions[sink.name] = "; ".join(trouble)
        for route in sink.routes:
            if route.failing_since is not None and sink.failing_since is None:
                conditions[f"{sink.name} {route.name}"] = _describe_failure(
                    route.failing_since, route.failure
                )
    return conditions


def _find_trouble(sink: SinkLedger) -> list[str]:
    trouble: list[str] = []
    if sink.api_key == "invalid":
        trouble.append("the intake does not know the API key")
    if sink.failing_since is not None:
        trouble.append(_describe_failure(sink.failing_since, sink.failure))
    return trouble


def _describe_failure(since: float, failure: str) -> str:
    return f"fails since {_write_time(since)}: {failure}"


def _write_time(unix_seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_seconds))
