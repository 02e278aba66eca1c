"""Find the identities that a ledger breaks."""

import attrs

from statsd_trio.ledger import Ledger


@attrs.frozen
class Account:
    """One identity: what was counted, and the sum of the counts it must be equal to."""

    what: str
    found: float
    expected: float

    @property
    def off_by(self) -> float:
        """The difference between the two."""
        return abs(self.found - self.expected)

    def __str__(self) -> str:
        return f"{self.what}: {self.found:,}, but {self.expected:,} accounted for"


def list_accounts(ledger: Ledger) -> list[Account]:
    """List every identity that a stopped server's ledger must hold."""
    lines, samples = ledger.lines, ledger.samples
    accounts = [
        Account("packets in the queue", ledger.queue.used, 0),
        Account(
            "lines read",
            lines.read,
            lines.metrics
            + lines.events
            + lines.service_checks
            + sum(lines.rejected.values())
            + lines.filtered,
        ),
        Account(
            "samples parsed",
            samples.parsed,
            samples.aggregated + sum(samples.dropped.values()),
        ),
    ]
    accounts += [
        Account(
            f"points for {sink.name}",
            sink.snapshotted,
            sink.delivered
            + sink.pending
            + sink.spooled
            + sum(sink.refused.values())
            + sink.evicted
            + sink.oversize
            + sink.abandoned
            + sink.spool_gone,
        )
        for sink in ledger.sinks
    ]
    return accounts


def find_problems(ledger: Ledger) -> list[str]:
    """Check every identity that a stopped server's ledger must hold."""
    return [str(account) for account in list_accounts(ledger) if account.off_by]
