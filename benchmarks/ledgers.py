"""A ledger in, the identities that it breaks out."""

from statsd_trio.ledger import Ledger


def find_problems(ledger: Ledger) -> list[str]:
    """Check every identity that a stopped server's ledger must hold."""
    lines, samples = ledger.lines, ledger.samples
    accounts = [
        ("packets in the queue", ledger.queue.used, 0),
        (
            "lines read",
            lines.read,
            lines.metrics
            + lines.events
            + lines.service_checks
            + sum(lines.rejected.values())
            + lines.filtered,
        ),
        (
            "samples parsed",
            samples.parsed,
            samples.aggregated + sum(samples.refused.values()),
        ),
    ]
    accounts += [
        (
            f"points for {sink.name}",
            sink.snapshotted,
            sink.delivered
            + sink.pending
            + sink.spooled
            + sum(sink.refused.values())
            + sink.evicted
            + sink.oversize
            + sink.abandoned,
        )
        for sink in ledger.sinks
    ]
    return [
        f"{what}: {found}, but {expected} accounted for"
        for what, found, expected in accounts
        if found != expected
    ]
