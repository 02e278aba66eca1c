"""A ledger in; why a server is not ready, or nothing, out."""

import time
from typing import Final

from statsd_trio.ledger import Ledger

# One flush may be late by the length of another.
_OVERDUE_INTERVALS: Final = 2


def find_unready(
    ledger: Ledger, *, seconds_since_flush: float, interval_seconds: int
) -> list[str]:
    """Tell, a line each, what keeps the server from doing its work."""
    reasons: list[str] = []
    if not ledger.listeners:
        reasons.append("nothing is bound")
    if seconds_since_flush > _OVERDUE_INTERVALS * interval_seconds:
        reasons.append(f"the last flush was {seconds_since_flush:.0f} seconds ago")
    reasons += [
        f"{sink.name}: the intake does not know the API key"
        for sink in ledger.sinks
        if sink.api_key == "invalid"
    ]
    reasons += [
        f"{sink.name}: fails since {_write_time(sink.failing_since)}: {sink.failure}"
        for sink in ledger.sinks
        if sink.failing_since is not None
    ]
    return reasons


def _write_time(unix_seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_seconds))
