"""Judge by its ledger whether a server is ready, and what else is wrong."""

import time
from typing import Final

from statsd_trio.ledger import Ledger, SinkLedger

# One flush may be late because another one takes long.
_OVERDUE_INTERVALS: Final = 2


def find_unready(
    ledger: Ledger, *, seconds_since_flush: float, interval_seconds: int
) -> list[str]:
    """Return the reasons why the server is not ready, one line per reason.

    An additional endpoint is not one of them, because the main one gets every point.
    Its problems are among the conditions.
    """
    reasons: list[str] = []
    if not ledger.listeners:
        reasons.append("nothing is bound")
    if seconds_since_flush > _OVERDUE_INTERVALS * interval_seconds:
        reasons.append(f"the last flush was {seconds_since_flush:.0f} seconds ago")
    reasons += [
        f"{listener.name}: cannot receive: {listener.failure}"
        for listener in ledger.listeners
        if listener.failure
    ]
    for sink in ledger.sinks:
        if not sink.is_additional:
            reasons += [f"{sink.name}: {trouble}" for trouble in _find_trouble(sink)]
    return reasons


def find_conditions(ledger: Ledger) -> dict[str, str]:
    """Return problems that do not make the server unready, by name.

    These are failing additional endpoints, and failing single routes of an endpoint
    that otherwise works.
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
    return f"failing since {_write_time(since)}: {failure}"


def _write_time(unix_seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_seconds))
